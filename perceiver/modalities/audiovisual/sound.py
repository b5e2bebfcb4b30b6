"""The sound of a window of a clip, mono, at the model's rate. Only the window is decoded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.container import InputContainer
from jaxtyping import Float32

from ..audio.decode import check_channel
from ..audio.ffmpeg import Samples
from ..audio.stream import CANCELLED, clean, mono, power
from ..base import DecodeError
from ..containers import check_decoder
from ..video.file import ClipFile, Packets
from .settings import ClipSettings

# Seconds around a window that are resampled with it, so that the filter meets no edge.
_MARGIN = 0.05
# Decoders need some packets before their output is exact; a stream is entered that many seconds early.
_EARLY = 1.0
# Seconds by which time stamps may wander from the count of samples before they mean a gap.
_GAP = 0.05
# Seconds that are decoded at most where a stream cannot be entered near the window.
_MOST_SECONDS = 4 * 3600
NO_SOUND = "has no sound, so the model hears silence"
"""The note on a clip without a sound track."""

_RATES = range(1_000, 768_001)
_SILENCE = 1e-6


@dataclass(frozen=True)
class Sound:
    """The sound of a window, as a model reads it.

    waveform  mono, at the model's rate; zeros where there is nothing
    rate      of the file, Hz; 0 without sound
    channels  of the file; 0 without sound
    notes     what was changed, or is missing
    recorded  the parts of the window that hold sound, (start, stop) in seconds from its beginning
    begin     of the file's sound, in seconds of the container's clock; None where it is not known
    """

    waveform: Float32[np.ndarray, "samples"]
    rate: int = 0
    channels: int = 0
    notes: tuple[str, ...] = ()
    recorded: tuple[tuple[float, float], ...] = ()
    begin: float | None = None


def window_sound(file: ClipFile, begin: float, settings: ClipSettings, channel: int | None = None) -> Sound:
    """The sound of the window that begins at a time of the container's clock; silence where there is none.

    channel  the one that is read, from 0; None mixes all

    Raises InputError where the sound lacks the channel.
    """
    silence = np.zeros(settings.samples, np.float32)
    try:
        with file.open() as container:
            if not container.streams.audio:
                return Sound(silence, notes=(NO_SOUND,))
            stream = container.streams.audio[0]
            check_decoder(stream)
            start, base = stream.start_time, stream.time_base
            first = float(start * base) if start is not None and base is not None else None
        late = file.can_seek and begin > _EARLY
        piece = _piece(file, begin, settings, channel, enter=True) if late else None
        piece = piece or _piece(file, begin, settings, channel, enter=False)
    except DecodeError:
        piece = None
    if piece is None:
        return Sound(silence, notes=("its sound cannot be decoded, so the model hears silence",))
    waveform = piece.resampled(settings)
    recorded = tuple(((a - piece.lead) / piece.rate, (b - piece.lead) / piece.rate) for a, b in piece.laid)
    return Sound(waveform, piece.rate, piece.channels, tuple(_notes(piece, waveform, settings)), recorded, first)


def has_sound(file: ClipFile) -> bool:
    """Whether a file has a sound track. Raises DecodeError."""
    with file.open() as container:
        return bool(container.streams.audio)


@dataclass
class _Piece:
    """Samples around the window at the file's rate, with a margin of `lead` on either side."""

    mono: Float32[np.ndarray, "n"]
    rate: int
    channels: int
    lead: int
    tracks: int
    channel: int | None
    covered: int = 0
    laid: list[tuple[int, int]] = field(default_factory=list)
    apart: float = 0.0  # the power of all channels by themselves
    replaced: int = 0
    first_replaced: float = 0.0
    damaged: int = 0
    beyond: int = 0

    def resampled(self, settings: ClipSettings) -> Float32[np.ndarray, "samples"]:
        mono, begin = self.mono, self.lead
        if self.rate != settings.rate:
            mono = soxr.resample(mono, self.rate, settings.rate)
            begin = self.lead * settings.rate // self.rate
        window = mono[begin : begin + settings.samples]
        self.beyond = int(np.count_nonzero(np.abs(window) > 1))
        # Decoders and resampling overshoot; as 16-bit sound, which such models learned from, it ends at full scale.
        return np.ascontiguousarray(np.clip(window, -1, 1))


def _piece(file: ClipFile, begin: float, settings: ClipSettings, channel: int | None, *, enter: bool) -> _Piece | None:
    """None where seeking leads behind the window, or nothing can be decoded."""
    piece: _Piece | None = None
    at, origin, first = 0, begin, True
    samples = Samples()
    with file.open() as container:
        if enter and not _enter(container, begin - _EARLY):
            return None
        decoded = _Frames(container)
        for frame in decoded:
            time = frame.time
            if piece is None:
                if enter and (time is None or time > begin):
                    return None
                piece = _empty(frame, settings, len(container.streams.audio), channel)
                check_channel(channel, piece.channels, file.name)
                origin = begin - piece.lead / piece.rate
            if frame.sample_rate != piece.rate:
                break
            if time is not None:
                place = round((time - origin) * piece.rate)
                if first or abs(place - at) > _GAP * piece.rate:
                    at = place
            first = False
            try:
                block, bad, first_bad = clean(samples.of(frame))
            except DecodeError:
                decoded.damaged += 1
                continue
            if first_bad is not None:
                seconds = (origin - begin) + (at + first_bad) / piece.rate
                if 0 <= seconds < settings.seconds:
                    piece.first_replaced = piece.first_replaced if piece.replaced else seconds
                    piece.replaced += bad
            _lay(piece, block, at)
            at += len(block)
            if at >= len(piece.mono) or decoded.seconds > _MOST_SECONDS:
                break
        if piece is not None:
            piece.damaged = decoded.damaged
    return piece


def _empty(frame: AudioFrame, settings: ClipSettings, tracks: int, channel: int | None) -> _Piece:
    rate = int(frame.sample_rate)
    if rate not in _RATES:
        raise DecodeError
    common = math.gcd(rate, settings.rate)
    # The margin is a whole number of samples at both rates, so that the window begins on a sample.
    lead = math.ceil(_MARGIN * common) * rate // common
    length = math.ceil(settings.samples * rate / settings.rate) + 2 * lead
    return _Piece(np.zeros(length, np.float32), rate, int(frame.layout.nb_channels), lead, tracks, channel)


def _lay(piece: _Piece, block: Float32[np.ndarray, "n channels"], at: int) -> None:
    start, stop = max(at, 0), min(at + len(block), len(piece.mono))
    if start >= stop:
        return
    block = block[start - at : stop - at]
    piece.mono[start:stop] = mono(block, piece.channel)
    piece.apart += power(block)
    piece.laid.append((start, stop))
    inside = min(stop, len(piece.mono) - piece.lead) - max(start, piece.lead)
    piece.covered += max(inside, 0)


def _enter(container: InputContainer, moment: float) -> bool:
    stream = container.streams.audio[0]
    if not stream.time_base:
        return False
    try:
        container.seek(int(moment / stream.time_base), stream=stream, backward=True)
    except Exception:  # containers that cannot be sought in are read from their beginning
        return False
    return True


class _Frames:
    """The decoded frames of the first sound track, damaged pieces counted and left out."""

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self.damaged, self.seconds = 0, 0.0

    def __iter__(self) -> Iterator[AudioFrame]:
        for packet in Packets(self._container, self._container.streams.audio[0]):
            try:
                frames = packet.decode()
            except Exception:
                self.damaged += 1
                continue
            for frame in frames:
                self.seconds += frame.samples / max(frame.sample_rate, 1)
                yield frame


def _notes(piece: _Piece, waveform: Float32[np.ndarray, "samples"], settings: ClipSettings) -> Iterator[str]:
    if piece.tracks > 1:
        yield f"used sound track 1 of {piece.tracks}"
    if piece.channels > 1 and piece.channel is not None:
        yield f"read channel {piece.channel + 1:,} of the {piece.channels:,} of its sound"
    elif piece.channels > 1:
        yield f"mixed its {piece.channels:,} channels of sound to one"
        if float(np.square(piece.mono, dtype=np.float64).sum()) < CANCELLED * piece.apart:
            yield "its channels are nearly each other's opposite there, so little of them is left in the mix"
    if piece.rate != settings.rate:
        yield f"resampled its sound from {piece.rate:,} Hz to the {settings.rate:,} Hz that the model reads"
    if piece.damaged:
        yield f"left out {piece.damaged:,} damaged piece{'s' if piece.damaged > 1 else ''} of its sound"
    if piece.replaced:
        what = f"{piece.replaced:,} values of its sound" if piece.replaced > 1 else "a value of its sound"
        where = (
            f"{'the first ' if piece.replaced > 1 else ''}{piece.first_replaced:,.3f} s after the start of the window"
        )
        yield f"took {what} that cannot be samples (not finite, or beyond all bounds) as silence, {where}"
    if piece.beyond:
        yield f"held {piece.beyond:,} samples of its sound at full scale, which they went beyond"
    missing = settings.seconds - piece.covered / piece.rate
    if piece.covered == 0:
        yield "has no sound in the part that was read, so the model hears silence there"
    elif float(np.abs(waveform).max()) <= _SILENCE:
        yield "its sound is silent in the part that was read"
    elif missing > 0.005:
        yield f"filled {missing:,.2f} s with silence: its sound does not cover all that was read"
