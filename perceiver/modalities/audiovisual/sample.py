"""ClipSample: frames and sound as a model reads them together, and where in the clip they lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from ...sample import Sample


@dataclass(frozen=True, kw_only=True)
class ClipSample(Sample):
    """A `Sample` of a clip. Seconds count from the clip's first frame.

    shape is (M,): elements lie on the grids of `parts`, whose boxes are in seconds and in pixels of the original:
    ((second, second), (row, row), (column, column)) for "video", ((second, second),) for "audio", () for "label".
    seen are the frames that the model reads, (frames, H, W, 3) uint8; original the same frames whole, upright and
    with square pixels, (frames, h, w, 3) uint8.

    sound        mono samples that the model reads, -1 to 1; zeros where there is none
    rate         samples a second of `sound`, Hz
    start, stop  the window that was read; it can end after the clip
    duration     the whole clip
    times        when each frame that was read is first shown
    clip_rate    samples a second of the file's sound, Hz; 0 without any
    channels     of the file's sound; 0 without any
    """

    sound: Float32[np.ndarray, "samples"]
    rate: int
    start: float
    stop: float
    duration: float
    times: Float64[np.ndarray, "frames"]
    clip_rate: int
    channels: int
