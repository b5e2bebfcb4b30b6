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
from .decode import SoundFile, input_errors
from .envelope import Energy, Envelope
from .stream import Decoder, Mark, clean, mix

# What is decoded at most of one file, which can be small and unpack to days of silence.
MOST_HOURS = 12
_MOST_VALUES = MOST_HOURS * 3600 * 48_000 * 2
# A mean above -60 dB of full scale is an offset of the recorder, unless it is as small beside the sound as the mean of
# any short sound.
_OFFSET, _OFFSET_SHARE = 1e-3, 0.05
# Channels whose mean holds less than this share of their power cancel each other.
_CANCELLED = 0.01
# Encoders pad and players trim by less than this many seconds.
_TOLERANCE = 0.2
_REMEMBERED = 4


@dataclass(frozen=True)
class Overview:
    """A summary of a whole clip. Samples are those of its mono mix.

    rate, channels  of the file
    frames          that were decoded, of `rate` a second
    offset          the clip's constant offset, to be taken off; 0 where there is none to speak of
    envelope        lowest and highest value of up to 2,000 slices of equal length
    energy          sums of squares, without the offset, of each run of `run` frames (10 ms)
    decoder, marks  which decoder read it, and where the stream can be entered
    notes           what was changed, left out or missing
    """

    rate: int
    channels: int
    frames: int
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


def overview(file: SoundFile) -> Overview:
    """The overview of a clip, remembered by its content. Raises InputError for a file that cannot be decoded."""
    key = hashlib.sha256(file.data).digest()
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


_known: OrderedDict[bytes, Overview] = OrderedDict()
_lock = threading.Lock()


def survey(file: SoundFile) -> Overview:
    """Decodes a whole clip with the first of its decoders that can. Raises InputError where none can."""
    with input_errors(file):
        *others, last = file.decoders
        for decoder in others:
            try:
                return _survey(file, decoder)
            except DecodeError:
                continue
        return _survey(file, last)


def _survey(file: SoundFile, decoder: str) -> Overview:
    sound = file.open(decoder)
    envelope, energy = Envelope(), Energy(run=max(round(sound.rate / 100), 1))
    frames = values = replaced = 0
    power = 0.0
    for block in sound.blocks():
        frames, values = frames + len(block), values + block.size
        if values > _MOST_VALUES or frames > MOST_HOURS * 3600 * sound.rate:
            raise InputError(f"{file.name} is longer than the {MOST_HOURS} hours of sound that are read at most")
        block, bad = clean(block)
        replaced += bad
        if block.shape[1] > 1:
            power += float(np.einsum("ij,ij->", block, block, dtype=np.float64)) / block.shape[1]
        mono = mix(block)
        envelope.add(mono)
        energy.add(mono)
    if not frames:
        raise DecodeError("there is not one sample of sound in it")
    offset = energy.mean
    if abs(offset) <= max(_OFFSET, _OFFSET_SHARE * math.sqrt(energy.total / frames)):
        offset = 0.0
    notes = [*file.notes, *sound.notes, *_missing(sound, frames)]
    if replaced:
        notes.append(f"took {replaced:,} values that are no samples (not finite, or beyond all bounds) as silence")
    if sound.channels > 1:
        notes.append(f"mixed its {sound.channels:,} channels to one")
        if energy.total < _CANCELLED * power:
            notes.append("its channels are nearly each other's opposite, so little of them is left in the mix")
    return Overview(
        rate=sound.rate,
        channels=sound.channels,
        frames=frames,
        offset=offset,
        envelope=envelope.slices(),
        energy=energy.about(offset),
        run=energy.run,
        decoder=decoder,
        marks=tuple(sound.marks),
        notes=tuple(notes),
    )


def _missing(sound: Decoder, frames: int) -> Iterable[str]:
    seconds = frames / sound.rate
    if sound.claimed is not None and seconds < sound.claimed - _TOLERANCE:
        yield (
            f"read the {seconds:,.2f} s that can be decoded of the {sound.claimed:,.2f} s its header announces: it is "
            "cut off or damaged"
        )
