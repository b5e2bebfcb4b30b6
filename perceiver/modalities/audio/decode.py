"""Identifies sound files and chooses their decoders.

libsndfile reads the kinds whose length follows from the bytes that are there. It trusts what MP3 and FLAC say about
their length and stops there, and gives up at damage, so those go to FFmpeg, which counts as it decodes; so does
whatever libsndfile does not know or refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...errors import InputError, OptionError
from .. import kinds
from ..base import DecodeError
from ..kinds import Kind, locate
from . import MIX
from .lengths import counts_frames, repaired
from .stream import Decoder

_LIBSNDFILE = frozenset({kinds.WAV, kinds.W64, kinds.AIFF, kinds.CAF, kinds.AU, kinds.OGG})
# FFmpeg's names of the containers.
_CONTAINERS = {
    kinds.WAV: "wav",
    kinds.W64: "w64",
    kinds.AIFF: "aiff",
    kinds.CAF: "caf",
    kinds.AU: "au",
    kinds.OGG: "ogg",
    kinds.FLAC: "flac",
    kinds.MP3: "mp3",
    kinds.AAC: "aac",
    kinds.AMR: "amr",
    kinds.M4A: "mov",
    kinds.MP4: "mov",
    kinds.QUICKTIME: "mov",
    kinds.WEBM: "matroska",
    kinds.AVI: "avi",
    kinds.FLV: "flv",
    kinds.WINDOWS_MEDIA: "asf",
    kinds.MPEG: "mpeg",
}
# Kinds whose header counts what the file holds; the length of others is estimated from their first packets.
_COUNTED = frozenset({kinds.FLAC, kinds.M4A, kinds.MP4, kinds.QUICKTIME, kinds.WEBM, kinds.WINDOWS_MEDIA})
# The slowest telephone and the fastest converters.
_RATES = range(1_000, 768_001)


@dataclass(frozen=True)
class SoundFile:
    """A file whose first bytes are those of a sound.

    data      the whole file, its header mended where its length is wrong
    name      as it is shown in messages
    kind      what it is
    notes     what its header got wrong
    decoders  names of the decoders to try, in this order
    channel   the one that is read, from 0; None mixes all
    """

    data: bytes
    name: str
    kind: Kind
    notes: tuple[str, ...]
    decoders: tuple[str, ...]
    channel: int | None = None

    def open(self, decoder: str) -> Decoder:
        """Opens the file with one of `decoders`. Raises DecodeError."""
        opened = self._open(decoder)
        if opened.rate not in _RATES:
            raise DecodeError(f"its rate is said to be {opened.rate:,} Hz; {_RATES[0]:,} to {_RATES[-1]:,} Hz are read")
        return opened

    def _open(self, decoder: str) -> Decoder:
        # Both libraries are loaded when a sound is first read.
        if decoder == "libsndfile":
            from .libsndfile import Libsndfile

            return Libsndfile(self.data)
        from .ffmpeg import Ffmpeg

        transport = self.kind is kinds.MPEG and self.data[:1] == b"G"
        sized = self.kind in _COUNTED or (self.kind is kinds.MP3 and counts_frames(self.data))
        return Ffmpeg(self.data, "mpegts" if transport else _CONTAINERS[self.kind], sized=sized)


def examine(data: bytes, name: str, channel: int | None = None) -> SoundFile:
    """Identifies a sound file, of which one channel is read or the mix of all.

    Raises InputError for a file that is no sound, or of a kind that is not supported.
    """
    kind, place = locate(data, name)
    if kind not in _CONTAINERS:
        raise InputError(f"{name} {_refusal(kind)}")
    data, note = repaired(data[place:], kind)
    skipped = f"left out {place:,} byte{'s' if place > 1 else ''} in front of its sound" if place else None
    return SoundFile(
        data=data,
        name=name,
        kind=kind,
        notes=tuple(filter(None, (skipped, note))),
        decoders=("libsndfile", "ffmpeg") if kind in _LIBSNDFILE else ("ffmpeg",),
        channel=channel,
    )


def channel_number(chosen: str | float) -> int | None:
    """The channel that the option "channel" names, from 0; None for the mix of all.

    Raises InputError for text that is no number of a channel.
    """
    if chosen == MIX:
        return None
    number = float(chosen)
    if number < 1 or number != int(number):
        raise OptionError(f"channel cannot be {number:g}; it is {MIX} or a whole number from 1")
    return int(number) - 1


def check_channel(channel: int | None, channels: int, name: str) -> None:
    """Raises InputError for a channel, from 0, that a sound of so many does not have."""
    if channel is not None and channel >= channels:
        has = f"{channels:,} channels" if channels > 1 else "one channel"
        raise InputError(f"{name} has {has} of sound, so channel {channel + 1:,} cannot be read")


@contextmanager
def input_errors(file: SoundFile) -> Iterator[None]:
    """Turns the errors of decoders into InputError."""
    try:
        yield
    except DecodeError as error:
        raise InputError(f"{file.name} is {file.kind.phrase}, but {error}") from error
    except MemoryError as error:
        raise InputError(f"{file.name} needs more memory than there is; save it shorter and try again") from error


def _refusal(kind: Kind | None) -> str:
    """Why a file is not a supported sound; follows the file's name in a message."""
    if kind is None:
        return "is not a sound of a kind that is read (WAV, FLAC, Ogg, MP3, M4A, AAC, WebM, AIFF, CAF, AU)"
    if kind is kinds.EMPTY:
        return "is an empty file: there is nothing in it"
    return f"is {kind.phrase}, not a sound"
