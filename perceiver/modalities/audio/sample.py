"""AudioSample: a window of sound as a model reads it, and where in the clip it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from ...sample import Sample


@dataclass(frozen=True, kw_only=True)
class AudioSample(Sample):
    """A `Sample` of sound. Seconds count from the beginning of the clip.

    seen is the mono window at `rate`, (samples,), scaled as the model reads it; original the lowest and highest value
    of up to 2,000 equal slices of the whole clip, (2, slices). box is ((from, to),) in seconds for raw samples and
    ((0, mels), (from, to)) in rows and seconds for a spectrogram, whose frames are centred on their time, so that the
    first begins half a hop before `start`.

    rate         samples a second that the model reads, Hz
    start, stop  the window that was read; it can end after the clip, with silence
    duration     the whole clip, as it was decoded
    clip_rate    samples a second of the file, Hz
    channels     of the file
    features     "raw" or "mel"
    bands        centre frequencies of the rows in Hz, highest first; empty for raw
    spectrogram  decibels of power as read, highest band first; (0, 0) for raw
    """

    rate: int
    start: float
    stop: float
    duration: float
    clip_rate: int
    channels: int
    features: str
    bands: Float64[np.ndarray, "mels"]
    spectrogram: Float32[np.ndarray, "mels frames"]
