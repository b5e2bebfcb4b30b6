"""One window of a sound: where it is loudest, the samples that a model reads there, and what was changed about them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import soxr
from jaxtyping import Float32

from .decode import SoundFile, input_errors
from .features import SILENCE
from .overview import Overview
from .settings import AudioSettings
from .stream import centred, clean, mono

# An onset is the first 10 ms that hold this share of the energy of the window's loudest.
_ONSET = 0.01
_BEFORE_ONSET = 0.05
# Seconds around a window that are resampled with it, so that the filter meets no edge.
_MARGIN = 0.05


# Scaling by less than this is not worth a note.
_SLIGHT = 0.05


def loudest(clip: Overview, seconds: float) -> float:
    """The start, in seconds, of the window of this length with the most energy: 50 ms before its first onset."""
    run = clip.run / clip.rate
    length = max(round(seconds / run), 1)
    if clip.seconds <= seconds or len(clip.energy) <= length:
        return 0.0
    sums = np.concatenate([[0.0], np.cumsum(clip.energy)])
    first = int(np.argmax(sums[length:] - sums[:-length]))
    inside = clip.energy[first : first + length]
    onset = first + int(np.argmax(inside >= _ONSET * inside.max()))
    return min(max(onset * run - _BEFORE_ONSET, 0.0), clip.seconds - seconds)


def waveform(file: SoundFile, clip: Overview, first: int, settings: AudioSettings) -> Float32[np.ndarray, "samples"]:
    """The mono window that begins with this frame of the clip, at the model's rate; silence outside the clip.

    Only the window is decoded. Raises InputError.
    """
    if clip.rate == settings.rate:
        return _frames(file, clip, first, settings.samples)
    common = math.gcd(clip.rate, settings.rate)
    # The margin is a whole number of samples at both rates, so that the window begins on a sample.
    periods = math.ceil(_MARGIN * common)
    lead = periods * clip.rate // common
    length = math.ceil(settings.samples * clip.rate / settings.rate)
    resampled = soxr.resample(_frames(file, clip, first - lead, length + 2 * lead), clip.rate, settings.rate)
    begin = periods * settings.rate // common
    return np.ascontiguousarray(resampled[begin : begin + settings.samples])


def _frames(file: SoundFile, clip: Overview, first: int, count: int) -> Float32[np.ndarray, "count"]:
    out = np.zeros(count, np.float32)
    at, stop = max(first, 0), min(first + count, clip.frames)
    if at >= stop:
        return out
    with input_errors(file):
        for block in file.open(clip.decoder).blocks(at, clip.marks):
            here = centred(mono(clean(block)[0], file.channel)[: stop - at], at, clip.offset, clip.gaps)
            out[at - first : at - first + len(here)] = here
            at += len(here)
            if at >= stop:
                break
    return out


def clip_notes(clip: Overview, settings: AudioSettings) -> Iterator[str]:
    """Notes on the whole clip, whichever window of it is read."""
    yield from clip.notes
    if clip.offset:
        yield f"took off a constant offset of {clip.offset:+.3g} of full scale"
    if clip.rate != settings.rate:
        yield f"resampled from {clip.rate:,} Hz to the {settings.rate:,} Hz that the model reads"
    if clip.rate / 2 < settings.highest:
        yield (
            f"a rate of {clip.rate:,} Hz holds nothing above {clip.rate / 2:,.0f} Hz, so the model, which reads up to "
            f"{settings.highest:,.0f} Hz, finds its upper frequencies empty"
        )


def window_notes(
    clip: Overview, settings: AudioSettings, start: float, window: Float32[np.ndarray, "samples"], *, loudest: bool
) -> Iterator[str]:
    """Notes on one window.

    start    seconds into the clip
    window   its samples before they are scaled
    loudest  whether it was chosen for that
    """
    there = clip.seconds - start
    if clip.seconds > settings.seconds:
        part = ", its loudest part" if loudest else ""
        yield f"read {min(settings.seconds, there):,.2f} s of its {clip.seconds:,.2f} s, from {start:,.2f} s on{part}"
    if there < settings.seconds:
        yield f"filled the last {settings.seconds - there:,.2f} s with silence: the sound ends before them"
    largest = float(np.abs(window).max())
    if largest <= SILENCE:
        yield "there is no signal in what was read, so what a model makes of it means nothing"
    elif settings.peak is not None and abs(settings.peak / largest - 1) > _SLIGHT:
        yield f"scaled by {settings.peak / largest:.3g}, to a largest value of {settings.peak:g}"
