"""Sound files whose length follows from the bytes that are there, decoded by libsndfile."""

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


class Libsndfile:
    """A `Decoder`; raises DecodeError for data that libsndfile cannot open."""

    claimed: float | None = None  # libsndfile has corrected the header's length by the bytes that are there
    marks: Sequence[Mark] = ()
    notes: Sequence[str] = ()

    def __init__(self, data: bytes) -> None:
        self._data = data
        with self._open() as file:
            self.rate, self.channels = int(file.samplerate), int(file.channels)

    def blocks(self, start: int = 0, marks: Sequence[Mark] = ()) -> Iterator[Float32[np.ndarray, "_ _"]]:
        with self._open() as file:
            skip = 0 if self._seek(file, start) else start
            yield from after(self._rest(file), skip)

    def _open(self) -> soundfile.SoundFile:
        try:
            return soundfile.SoundFile(_Bytes(self._data))
        except Exception as error:
            raise DecodeError from error

    def _rest(self, file: soundfile.SoundFile) -> Iterator[Float32[np.ndarray, "_ _"]]:
        try:
            while len(block := file.read(max(BLOCK // self.channels, 1), dtype="float32", always_2d=True)):
                yield block
        except Exception as error:
            raise DecodeError from error

    @staticmethod
    def _seek(file: soundfile.SoundFile, start: int) -> bool:
        try:
            return start == 0 or int(file.seek(start)) == start
        except soundfile.SoundFileError:
            file.seek(0)
            return False
