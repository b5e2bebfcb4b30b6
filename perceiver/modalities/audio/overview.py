"""One pass over a whole clip: its true length, its envelope and its energy over time, in constant memory.

An hour of sound is decoded block by block; what is kept of each 10 ms are two numbers. The overviews of the last few
clips are remembered, so choosing another window of a clip decodes that window alone.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from ...errors import InputError
from ..base import DecodeError
from .decode import SoundFile, check_channel, input_errors
from .envelope import Energy, Envelope
from .stream import CANCELLED, MOST_HOURS, Decoder, Mark, clean, mono, power

_MOST_VALUES = MOST_HOURS * 3600 * 48_000 * 2
# A mean above -60 dB of full scale is an offset of the recorder, unless it is as small beside the sound as the mean of
# any short sound.
_OFFSET, _OFFSET_SHARE = 1e-3, 0.05
# It is there all the time: a click or a pulse has a mean, too. Seconds from which that can be told, and the share of
# the mean that the middle one of the means of all 10 ms reaches at least.
_OFFSET_SECONDS, _OFFSET_STEADY = 0.1, 0.5
# Encoders pad and players trim by less than this many seconds.
_TOLERANCE = 0.2
_REMEMBERED = 4


@dataclass(frozen=True)
class Overview:
    """A summary of a whole clip. Samples are those of its mono mix, or of one channel.

    rate, channels  of the file
    frames          of the clip, of `rate` a second, silence in gaps included
    gaps            (start, stop) in frames where nothing was recorded
    offset          the clip's constant offset, to be subtracted; 0 where it is negligible
    envelope        lowest and highest value of up to 2,000 slices of equal length
    energy          sums of squares, without the offset, of each run of `run` frames (10 ms)
    decoder, marks  which decoder read it, and where the stream can be entered
    notes           what was changed, left out or missing
    """

    rate: int
    channels: int
    frames: int
    gaps: tuple[tuple[int, int], ...]
    offset: float
    envelope: Float32[np.ndarray, "2 slices"]
    energy: Float64[np.ndarray, "runs"]
    run: int
    decoder: str
    marks: tuple[Mark, ...]
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.frames / self.rate

    @property
    def recorded(self) -> tuple[tuple[float, float], ...]:
        """The parts of the clip between its gaps, (start, stop) in seconds."""
        edges = [0, *(edge for gap in self.gaps for edge in gap), self.frames]
        return tuple(
            (start / self.rate, stop / self.rate)
            for start, stop in zip(edges[::2], edges[1::2], strict=True)
            if start < stop
        )


def overview(file: SoundFile) -> Overview:
    """The overview of a clip, remembered by its content and channel.

    Raises InputError for a file that cannot be decoded, or that lacks the channel.
    """
    # Files that differ can be the same once they are mended, which the notes tell.
    key = hashlib.sha256(file.data).digest(), file.channel, file.notes
    with _lock:
        if key in _known:
            _known.move_to_end(key)
            return _known[key]
    found = survey(file)
    with _lock:
        _known[key] = found
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return found


_known: OrderedDict[tuple[bytes, int | None, tuple[str, ...]], Overview] = OrderedDict()
_lock = threading.Lock()


def survey(file: SoundFile) -> Overview:
    """Decodes a whole clip with the first of its decoders that can. Raises InputError as `overview` does."""
    with input_errors(file):
        *others, last = file.decoders
        for decoder in others:
            try:
                return _survey(file, decoder)
            except DecodeError:
                continue
        return _survey(file, last)


def _survey(file: SoundFile, decoder: str) -> Overview:
    sound, channel = file.open(decoder), file.channel
    check_channel(channel, sound.channels, file.name)
    envelope, energy = Envelope(), Energy(run=max(round(sound.rate / 100), 1))
    frames = values = replaced = 0
    first_bad: float | None = None
    apart = 0.0
    for block in sound.blocks():
        before, frames, values = frames, frames + len(block), values + block.size
        if values > _MOST_VALUES or frames > MOST_HOURS * 3600 * sound.rate:
            raise InputError(f"{file.name} is longer than the {MOST_HOURS} hours of sound that are read at most")
        block, bad, first = clean(block)
        replaced += bad
        if first_bad is None and first is not None:
            first_bad = (before + first) / sound.rate
        if block.shape[1] > 1 and channel is None:
            apart += power(block)
        samples = mono(block, channel)
        envelope.add(samples)
        energy.add(samples)
    if decoder != file.decoders[-1] and any(_missing(sound, frames)):
        raise DecodeError("its time stamps leave gaps")
    if not frames:
        raise DecodeError("there is not one sample of sound in it")
    if replaced == values:
        raise DecodeError("none of its values can be a sample (not finite, or beyond all bounds)")
    gaps = tuple(sound.gaps)
    recorded = frames - sum(stop - start for start, stop in gaps)
    offset = _offset(energy, gaps, recorded, sound.rate)
    notes = [*file.notes, *sound.notes, *_missing(sound, frames)]
    if replaced:
        what = f"{replaced:,} values that are no samples" if replaced > 1 else "a value that is no sample"
        where = f"{'the first ' if replaced > 1 else ''}at {first_bad:,.3f} s"
        notes.append(f"took {what} (not finite, or beyond all bounds) as silence, {where}")
    if sound.channels > 1 and channel is not None:
        notes.append(f"read channel {channel + 1:,} of its {sound.channels:,}")
    elif sound.channels > 1:
        notes.append(f"mixed its {sound.channels:,} channels to one")
        if energy.total < CANCELLED * apart:
            notes.append("its channels are nearly each other's opposite, so little of them is left in the mix")
    return Overview(
        rate=sound.rate,
        channels=sound.channels,
        frames=frames,
        gaps=gaps,
        offset=offset,
        envelope=envelope.slices(),
        energy=energy.about(offset, gaps),
        run=energy.run,
        decoder=decoder,
        marks=tuple(sound.marks),
        notes=tuple(notes),
    )


def _offset(energy: Energy, gaps: tuple[tuple[int, int], ...], recorded: int, rate: int) -> float:
    """The clip's constant offset; 0 where it is negligible, or where there is too little sound to estimate it."""
    if recorded < _OFFSET_SECONDS * rate:
        return 0.0
    mean, runs = energy.means(gaps)
    if abs(mean) <= max(_OFFSET, _OFFSET_SHARE * math.sqrt(energy.total / recorded)):
        return 0.0
    steady = len(runs) > 0 and float(np.median(runs)) * math.copysign(1, mean) >= _OFFSET_STEADY * abs(mean)
    return mean if steady else 0.0


def _missing(sound: Decoder, frames: int) -> Iterable[str]:
    seconds = frames / sound.rate
    if sound.claimed is not None and seconds < sound.claimed - _TOLERANCE:
        yield (
            f"read the {seconds:,.2f} s that can be decoded of the {sound.claimed:,.2f} s its header announces: it is "
            "cut off or damaged"
        )
