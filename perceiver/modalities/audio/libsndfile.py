"""Sound files whose length follows from the bytes that are there, decoded by libsndfile.

GSM 6.10, G.721, G.723 and other codecs of telephones cannot be sought in; they are read from their beginning.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
import soundfile
from jaxtyping import Float32

from ..base import DecodeError
from .stream import BLOCK, Mark, after


class _Bytes(io.BytesIO):
    """A file that stays where it is when damaged headers lead to before its beginning.

    An exception would be printed by the C library's callback and lost.
    """

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read in order. `SoundFile` seeks after every read where it believes that it can, and some codecs
    say that they can and fail (DWVW)."""

    def seekable(self) -> bool:
        return False


FORMATS = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "OGG"})
"""libsndfile's names of the formats that it is used for; it guesses, and reads 18 others that nobody uploads."""


class Libsndfile:
    """A `Decoder`; raises DecodeError for data that libsndfile cannot open.

    The length in the header it corrects by the bytes that are there, so that nothing is claimed, but for Ogg: there the
    last time stamp says the length, and less is decoded where the time stamps leave gaps.
    """

    marks: Sequence[Mark] = ()
    gaps: Sequence[tuple[int, int]] = ()
    notes: Sequence[str] = ()

    def __init__(self, data: bytes) -> None:
        self._data = data
        with self._open() as file:
            self.rate, self.channels = int(file.samplerate), int(file.channels)
            self.claimed = file.frames / self.rate if file.format == "OGG" else None

    def blocks(self, start: int = 0, marks: Sequence[Mark] = ()) -> Iterator[Float32[np.ndarray, "_ _"]]:
        if start:
            with self._open() as file:
                if self._seek(file, start):
                    yield from self._rest(file)
                    return
        # A failed attempt to seek can leave a file anywhere, so it is opened anew.
        with self._open() as file:
            yield from after(self._rest(file), start)

    def _open(self) -> soundfile.SoundFile:
        try:
            file = _Sequential(_Bytes(self._data))
        except Exception as error:
            raise DecodeError from error
        if file.format not in FORMATS:
            file.close()
            raise DecodeError
        return file

    def _rest(self, file: soundfile.SoundFile) -> Iterator[Float32[np.ndarray, "_ _"]]:
        try:
            while len(block := file.read(max(BLOCK // self.channels, 1), dtype="float32", always_2d=True)):
                yield block
        except Exception as error:
            raise DecodeError from error

    @staticmethod
    def _seek(file: soundfile.SoundFile, start: int) -> bool:
        try:
            return int(file.seek(start)) == start
        except soundfile.SoundFileError:
            return False
