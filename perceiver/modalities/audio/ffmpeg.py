"""Compressed sound and the sound tracks of videos, decoded by FFmpeg's libraries through PyAV.

The container is named by the caller, who knows it from the first bytes: FFmpeg's own guess could take a file for a
playlist and open what it lists.

Containers with a clock say when every piece of sound is heard. Where they leave a gap, or begin late, there is silence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from jaxtyping import Float32

from ..base import DecodeError
from ..containers import check_decoder, open_container
from .stream import BLOCK, Mark, Placement, after

# Seconds between marks. Decoders need some packets before their output is exact again (Opus 80 ms, MP3 its bit
# reservoir), so a stream is entered one mark early.
_APART = 1.0
_GATHERED = 128
# Containers whose clock begins at 0, and those whose clock may begin anywhere. The clock of others is only a count of
# what was decoded.
_FROM_ZERO = frozenset({"mov", "matroska", "flv"})
_FROM_ANYWHERE = frozenset({"mpegts", "mpeg", "asf", "ogg"})

# PyAV finds the end of a list of planes by a null pointer, which stands behind fewer than this many alone: with more
# it reads on in memory that is not the frame's.
_MOST_PLANES = 8


class Ffmpeg:
    """A `Decoder`; raises DecodeError for data without a sound track that can be decoded.

    data       the whole file
    container  FFmpeg's name of its container: "mov", "matroska", "mp3"
    sized      whether the length in its header can be believed of a whole file
    """

    def __init__(self, data: bytes, container: str, *, sized: bool) -> None:
        self._data, self._container = data, container
        self.marks: list[Mark] = []
        self._damaged = 0
        self._placed = Placement(1)
        with self._open() as file:
            stream = _track(file)
            first = next((frame for _, frames in self._packets(file, stream) for frame in frames), None)
            if first is None:
                raise DecodeError if self._damaged else DecodeError("there is not one sample of sound in it")
            self.rate, self.channels = int(first.sample_rate), int(first.layout.nb_channels)
            self.claimed = self._claimed(file, stream) if sized else None
            self._zero = self._begin(file)
            self._tracks = len(file.streams.audio)
        self._damaged = 0

    @property
    def notes(self) -> tuple[str, ...]:
        out = [f"used sound track 1 of {self._tracks}"] if self._tracks > 1 else []
        if self._damaged:
            out.append(f"left out {self._damaged:,} damaged piece{'s' if self._damaged > 1 else ''} of its data")
        return (*out, *self._placed.notes())

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        return tuple(self._placed.gaps)

    def blocks(self, start: int = 0, marks: Sequence[Mark] = ()) -> Iterator[Float32[np.ndarray, "_ _"]]:
        last = bisect_right(marks, start, key=lambda mark: mark.frame) - 1
        if last > 0 and (entered := self._enter(marks[last - 1], marks[last])):
            placed = Placement(self.rate, marks[last].zero, marks[last].frame)
            yield from after(self._gathered(entered, placed), start - marks[last].frame)
        else:
            self._placed = Placement(self.rate, self._zero)
            yield from after(self._gathered(self._from_the_beginning(), self._placed), start)

    def _from_the_beginning(self) -> Iterator[AudioFrame]:
        """Every decoded frame; sets marks on the way."""
        self.marks, self._damaged = [], 0
        known = None
        with self._open() as file:
            for packet, frames in self._packets(file, _track(file)):
                # Packets that share their first byte cannot be told apart by it.
                placed = self._placed
                if packet.pts is not None and packet.pos not in (None, known) and self._is_due(placed.at):
                    self.marks.append(Mark(placed.at, packet.pts, packet.pos, placed.zero))
                known = packet.pos
                yield from frames

    def _is_due(self, count: int) -> bool:
        return not self.marks or count >= self.marks[-1].frame + _APART * self.rate

    def _enter(self, early: Mark, mark: Mark) -> Iterator[AudioFrame] | None:
        """The decoded frames from a mark on, with the decoder warmed up; None where seeking misses the mark."""
        file = self._open()
        stream = _track(file)
        try:
            file.seek(early.time, stream=stream, backward=True)
        except Exception:  # containers that cannot be sought in are read from their beginning
            return None
        packets = self._packets(file, stream)
        for packet, frames in packets:
            if packet.pos == mark.position:
                return chain(frames, (frame for _, later in packets for frame in later))
            if packet.pos is None or packet.pos > mark.position:
                return None
        return None

    def _gathered(self, frames: Iterator[AudioFrame], placed: Placement) -> Iterator[Float32[np.ndarray, "_ _"]]:
        """Blocks of many decoded frames each, which are a thousand samples long or less, with silence in gaps."""
        parts: list[np.ndarray] = []
        samples = Samples()
        for frame in frames:
            if frame.sample_rate != self.rate:
                raise DecodeError("its sample rate changes on the way")
            part = samples.of(frame)
            if silence := placed.silence_before(frame.time):
                if parts:
                    yield np.concatenate(parts)
                    parts = []
                yield from _silence(silence, part.shape[1])
                placed.at += silence
            placed.at += len(part)
            if parts and (len(parts) == _GATHERED or part.shape[1] != parts[0].shape[1]):
                yield np.concatenate(parts)
                parts = []
            parts.append(part)
        if parts:
            yield np.concatenate(parts)

    def _claimed(self, file: InputContainer, stream: AudioStream) -> float | None:
        if stream.duration is not None and stream.time_base is not None:
            # What FFmpeg calls the length of a track begins with its first sample.
            late = max(stream.start_time or 0, 0) if self._container in _FROM_ZERO else 0
            return float((stream.duration + late) * stream.time_base)
        # A container's length is that of its longest track, which may be a picture's.
        if file.duration is not None and len(file.streams) == 1:
            return file.duration / av.time_base
        return None

    def _begin(self, file: InputContainer) -> float | None:
        """The time stamp at which the sound begins; None where time stamps are ignored."""
        if self._container in _FROM_ZERO:
            return 0.0
        if self._container not in _FROM_ANYWHERE:
            return None
        # Pictures that begin before the sound set the beginning.
        starts = [
            float(one.start_time * one.time_base)
            for one in file.streams
            if one.start_time is not None and one.time_base is not None
        ]
        return min(starts, default=None)

    def _open(self) -> InputContainer:
        return open_container(self._data, self._container)

    def _packets(
        self, file: InputContainer, stream: AudioStream
    ) -> Iterator[tuple[Packet[AudioStream], list[AudioFrame]]]:
        """Every packet with what it decodes to, damaged ones counted and left out."""
        packets = file.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except Exception:  # the container itself ends in the middle of something
                self._damaged += 1
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except Exception:
                self._damaged += 1
                continue
            yield packet, frames


def _track(file: InputContainer) -> AudioStream:
    if not file.streams.audio:
        raise DecodeError("it has no sound track")
    check_decoder(file.streams.audio[0])
    return file.streams.audio[0]


def _silence(frames: int, channels: int) -> Iterator[Float32[np.ndarray, "_ _"]]:
    most = max(BLOCK // channels, 1)
    for start in range(0, frames, most):
        yield np.zeros((min(most, frames - start), channels), np.float32)


class Samples:
    """Converts the decoded frames of one stream to samples."""

    def __init__(self) -> None:
        self._packer: AudioResampler | None = None
        self._packs: tuple[str, str, int] | None = None

    def of(self, frame: AudioFrame) -> Float32[np.ndarray, "n channels"]:
        """The samples of a decoded frame, in -1 to 1. Raises DecodeError for an unknown layout."""
        channels = frame.layout.nb_channels
        if frame.format.is_planar and channels >= _MOST_PLANES:
            frame = self._packed(frame)
        values = frame.to_ndarray()
        values = values.T if frame.format.is_planar else values.reshape(-1, channels)
        if values.dtype == np.uint8:
            return (values.astype(np.float32) - 128) / 128
        scale = 2 ** (8 * values.itemsize - 1) if np.issubdtype(values.dtype, np.integer) else 1
        return values.astype(np.float32) / np.float32(scale)

    def _packed(self, frame: AudioFrame) -> AudioFrame:
        """The same samples, interleaved."""
        wanted = frame.format.name, frame.layout.name, frame.sample_rate
        try:
            if self._packer is None or self._packs != wanted:
                self._packer, self._packs = AudioResampler("flt", frame.layout, frame.sample_rate), wanted
            # Time stamps that jump must not be smoothed here.
            frame.pts = None
            packed = self._packer.resample(frame)
        except Exception as error:
            self._packer = None
            raise DecodeError("its channels are laid out in a way that is not read") from error
        if len(packed) != 1 or packed[0].samples != frame.samples:
            raise DecodeError("its channels are laid out in a way that is not read")
        return packed[0]
