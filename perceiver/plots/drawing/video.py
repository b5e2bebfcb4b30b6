"""Drawing of videos: the frames in rows, from left to right, then down, with a map over each."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int64, UInt8

from ...analysis.formatting import count
from ..scale import ColourRange
from .base import Drawable, GridDrawing, absent_of, padding_of
from .clip import moved_frames
from .frames import frames_shown, marked, over_frames, tiled


class VideoDrawing(GridDrawing):
    """Draws a sample from its `seen` (frames, H, W, 3), `shape`, `start` and `stop` (`VideoSample`)."""

    modality = "video"
    over_input = True

    def given(self, sample: Drawable) -> UInt8[np.ndarray, "h w 3"]:
        """The frames of the model's input."""
        return tiled(marked(frames_shown(sample.seen, sample.shape), absent_of(sample)))

    def map(
        self,
        sample: Drawable,
        values: Float[np.ndarray, "steps rows columns"],
        range_: ColourRange,
        colours: str,
        strength: float | None,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """A map over all frames."""
        frames = frames_shown(sample.seen, sample.shape)
        return tiled(over_frames(frames, values, range_, colours, strength, absent_of(sample)))

    def rearranged(self, sample: Drawable, order: Int64[np.ndarray, "M"]) -> UInt8[np.ndarray, "h w 3"]:
        """The permuted frames: element i shows the pixels of element order[i]."""
        return tiled(frames_shown(moved_frames(sample, order), sample.shape))

    def size(self, sample: Drawable) -> str:
        """Frames by pixels, and the seconds that they span, as text."""
        frames, height, width = sample.shape
        text = f"{count(frames)} frame{'s' * (frames > 1)} of {width} × {height}, {sample.stop - sample.start:.3g} s"
        padding = padding_of(sample)
        return text if padding is None else f"{text}, {count(int(padding[:, 0, 0].sum()))} of them padding, hatched"
