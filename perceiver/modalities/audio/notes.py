"""What was changed between a sound file and what a model reads of it, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32

from .features import SILENCE
from .overview import Overview
from .settings import AudioSettings

# Scaling by less than this is not worth a note.
_SLIGHT = 0.05


def of_clip(clip: Overview, settings: AudioSettings) -> Iterator[str]:
    """What is true of the whole clip, whichever window of it is read."""
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


def of_window(
    clip: Overview, settings: AudioSettings, start: float, window: Float32[np.ndarray, "samples"], *, loudest: bool
) -> Iterator[str]:
    """What is true of one window.

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
