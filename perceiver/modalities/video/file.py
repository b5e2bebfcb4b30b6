"""Identifies and opens video files, and measures how long they are.

The container is named to FFmpeg by what the first bytes say: its own guess could take a file for a playlist and open
what it lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from ...errors import InputError
from .. import kinds
from ..base import DecodeError
from ..containers import check_decoder, open_container
from ..kinds import Kind, identify

S = TypeVar("S", VideoStream, AudioStream)

_CONTAINERS = {
    kinds.MP4: "mov",
    kinds.QUICKTIME: "mov",
    kinds.M4A: "mov",
    kinds.WEBM: "matroska",
    kinds.AVI: "avi",
    kinds.FLV: "flv",
    kinds.WINDOWS_MEDIA: "asf",
    kinds.MPEG: "mpeg",
    kinds.OGG: "ogg",
    kinds.GIF: "gif",
}
# Where seeking lands beside the frame that was meant, or nowhere.
_NOT_SOUGHT = frozenset({"mpeg", "mpegvideo", "gif"})
# Whose headers say how long they are, and not what was found in their first packets.
_ANNOUNCED = frozenset({"mov", "matroska", "avi", "asf"})
# Headers round, and count what is trimmed; by no more than these seconds.
_TOLERANCE = 0.5
# The first bytes of a GIF's blocks, and of the extension that holds the time of a frame.
_EXTENSION, _IMAGE, _CONTROL = 0x21, 0x2C, 0xF9
# Seconds by which the clock of a track is set back where files were joined; it stumbles by less.
_SET_BACK = 0.5
# Packets are walked through to learn how long a clip is; these are 4 hours at 60 frames a second.
_MOST_PACKETS = 864_000
# Pixels of a frame that is decoded: decoders hold up to 16 of them.
MOST_PIXELS = 16_000_000


@dataclass(frozen=True)
class ClipFile:
    """A file whose first bytes are those of a video.

    data       the whole file
    name       as it is shown in messages
    kind       what it is
    container  FFmpeg's name of its container
    """

    data: bytes
    name: str
    kind: Kind
    container: str

    @property
    def can_seek(self) -> bool:
        """Whether its container supports seeking."""
        return self.container not in _NOT_SOUGHT

    @contextmanager
    def open(self) -> Iterator[InputContainer]:
        """The file, open. Raises DecodeError when FFmpeg cannot make anything of it."""
        with open_container(self.data, self.container) as container:
            yield container


@dataclass(frozen=True)
class Extent:
    """The time span of a clip's frames, in seconds of the container's clock.

    begin, end  of the first and of the last frame
    frames      in between
    tracks      of pictures in the file
    whole       whether the file could be walked through to its end
    announced   seconds that its header says it has; None where it does not
    restarts    whether its time stamps begin again afterwards, as in files that were joined; what follows is not read
    """

    begin: float
    end: float
    frames: int
    tracks: int
    whole: bool
    announced: float | None
    restarts: bool = False

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.end - self.begin

    def notes(self) -> Iterator[str]:
        """What is not read of the file, one sentence each."""
        if self.tracks > 1:
            yield f"used picture track 1 of {self.tracks}"
        if self.restarts:
            yield f"its time stamps begin again after {self.seconds:,.2f} s, so what follows is not read"
        elif self.announced is not None and self.announced > self.seconds + _TOLERANCE:
            yield (
                f"its pictures end after {self.seconds:,.2f} s of the {self.announced:,.2f} s that its header announces"
            )
        elif not self.whole:
            yield "its file is cut off or damaged at the end"


def examine(data: bytes, name: str) -> ClipFile:
    """Identifies a video file. Raises InputError for a file that is no video."""
    kind = identify(data, name)
    if kind not in _CONTAINERS:
        raise InputError(f"{name} {_refusal(kind)}")
    container = _CONTAINERS[kind]
    if kind is kinds.MPEG and data[:1] == b"G":
        container = "mpegts"
    if kind is kinds.MPEG and data[:4] == b"\0\0\1\xb3":
        container = "mpegvideo"
    return ClipFile(_paced(data) if kind is kinds.GIF else data, name, kind, container)


@contextmanager
def input_errors(file: ClipFile) -> Iterator[None]:
    """Turns the errors of decoders into InputError."""
    try:
        yield
    except DecodeError as error:
        raise InputError(f"{file.name} is {file.kind.phrase}, but {error}") from error
    except MemoryError as error:
        raise InputError(f"{file.name} needs more memory than there is; save it smaller and try again") from error


def pictures_of(container: InputContainer) -> list[VideoStream]:
    """The video tracks, without album covers."""
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def track(container: InputContainer) -> VideoStream:
    """The first video track. Raises DecodeError where there is none that can be decoded."""
    streams = pictures_of(container)
    if not streams:
        raise DecodeError(
            "it holds sound alone; a clip needs pictures" if container.streams.audio else "there are no pictures in it"
        )
    stream = streams[0]
    check_decoder(stream)
    size = (stream.codec_context.width, stream.codec_context.height)
    check_pixels(size)
    return stream


def check_pixels(size: tuple[int, int]) -> None:
    """Raises DecodeError for frames (width, height) that are too large to decode."""
    width, height = size
    if width * height > MOST_PIXELS:
        raise DecodeError(f"its frames have {width:,} x {height:,} pixels; at most {MOST_PIXELS:,} are read")


def extent(file: ClipFile) -> Extent:
    """Walks through the packets of a clip, decoding none. Raises DecodeError and InputError."""
    begin = end = None
    count, step = 0, 0.0
    with file.open() as container:
        stream = track(container)
        tracks = len(pictures_of(container))
        base = float(stream.time_base or 0)
        announced = _announced(file, container, stream)
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        packets = Packets(container, stream)
        for packet in packets:
            if packet.size == 0 or packet.is_discard:
                continue
            if (count := count + 1) > _MOST_PACKETS:
                raise InputError(f"{file.name} has more than the {_MOST_PACKETS:,} frames that are read at most")
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None:
                continue
            at = stamp * base
            begin = at if begin is None else min(begin, at)
            if end is None or at >= end:
                end, step = at, (packet.duration or 0) * base
        whole, restarts = packets.whole, packets.restarts
    if count == 0:
        raise DecodeError("there is not one frame in it")
    if begin is None or end is None or (count > 1 and end <= begin):
        # Raw streams have no clock.
        return Extent(0.0, count / rate, count, tracks, whole, announced, restarts)
    step = step or ((end - begin) / (count - 1) if count > 1 else 1 / rate)
    return Extent(begin, end + step, count, tracks, whole, announced, restarts)


def _announced(file: ClipFile, container: InputContainer, stream: VideoStream) -> float | None:
    if file.container not in _ANNOUNCED:
        return None
    # What FFmpeg knows to be too long for the bytes that are there it corrects, but not the number of frames.
    counted = float(stream.frames / stream.average_rate) if stream.frames and stream.average_rate else 0.0
    if stream.duration is not None and stream.time_base is not None:
        return max(float(stream.duration * stream.time_base), counted)
    if counted or container.duration is None:
        return counted or None
    # The file's length counts from 0, which its pictures can begin after.
    late = float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0
    return container.duration / av.time_base - max(late, 0.0)


class Packets(Generic[S]):
    """The packets of a track, up to the end of the file, where it is cut off, or where its clock is set back.

    whole     whether the first was its end, once they are walked through
    restarts  whether the last was
    """

    def __init__(self, container: InputContainer, stream: S) -> None:
        self._packets: Iterator[Packet[S]] = container.demux(stream)
        self._stream: S = stream
        self._base = float(stream.time_base or 0)
        self.whole, self.restarts = True, False

    def __iter__(self) -> Iterator[Packet[S]]:
        latest = -math.inf
        while True:
            try:
                packet = next(self._packets, None)
            except Exception:  # the container ends in the middle of something
                self.whole = False
                return
            if packet is None:
                return
            if packet.dts is not None:
                if packet.dts * self._base < latest - _SET_BACK:
                    self.restarts = True
                    yield self._end()
                    return
                latest = max(latest, packet.dts * self._base)
            yield packet

    def _end(self) -> Packet[S]:
        """An empty packet, after which decoders give the frames that they hold, as `demux` ends with one."""
        end: Any = Packet()
        end.stream = self._stream
        if self._stream.time_base is not None:
            end.time_base = self._stream.time_base
        return end


def _paced(gif: bytes) -> bytes:
    """A GIF whose frames last 100 ms where they are said to last 10 ms or less, as in browsers."""
    out = bytearray(gif)

    def table(flags: int) -> int:
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    try:
        at = 13 + table(out[10])
        while out[at] in (_EXTENSION, _IMAGE):
            if out[at] == _IMAGE:
                at += 11 + table(out[at + 9])
            else:
                if out[at + 1] == _CONTROL and int.from_bytes(out[at + 4 : at + 6], "little") <= 1:
                    out[at + 4 : at + 6] = b"\x0a\0"
                at += 2
            while out[at]:
                at += 1 + out[at]
            at += 1
    except IndexError:  # it is cut off
        pass
    return bytes(out)


def _refusal(kind: Kind | None) -> str:
    """Why a file is not a supported video; follows the file's name in a message."""
    if kind is None:
        return "is not a clip of a kind that is read (MP4, MOV, WebM, MKV, AVI, MPEG, FLV, GIF)"
    if kind is kinds.EMPTY:
        return "is an empty file: there is nothing in it"
    if kind.medium == "sound":
        return f"is {kind.phrase}: sound alone; a clip needs pictures"
    return f"is {kind.phrase}, not a clip"
