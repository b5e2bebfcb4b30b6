"""Frames of clips tiled into one picture."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from .. import colour
from ..overlay import enlarge, hatched, laid_over
from ..scale import ColourRange
from .base import colours_for

TILE = 112
"""Approximate longer side of a frame in pixels; each element has a whole number of pixels."""

GAP = 4
"""Width of the black gap between frames in pixels."""

FRAME_KEPT = 0.5
"""How far a frame that is repeated as padding shows through its hatching."""


def enlargement(grid: tuple[int, int, int]) -> int:
    """The number of pixels along a side of an element of a grid (steps in time, rows, columns)."""
    return max(1, round(TILE / max(grid[1:])))


def frames_shown(
    seen: UInt8[np.ndarray, "frames H W 3"], grid: tuple[int, int, int]
) -> UInt8[np.ndarray, "steps h w 3"]:
    """One frame per step in time, the middle one of those in an element, at drawing size."""
    steps, rows, columns = grid
    each, size = len(seen) // steps, enlargement(grid)
    resized = (
        Image.fromarray(frame).resize((columns * size, rows * size), Image.Resampling.BOX)
        for frame in seen[each // 2 :: each]
    )
    return np.stack([np.asarray(frame) for frame in resized])


def over_frames(
    frames: UInt8[np.ndarray, "steps h w 3"],
    values: Float[np.ndarray, "steps rows columns"],
    range_: ColourRange,
    colours: str,
    strength: float | None,
    padding: Bool[np.ndarray, "steps rows columns"] | None = None,
) -> UInt8[np.ndarray, "steps h w 3"]:
    """A map over frames whose elements are squares of pixels, or alone if `strength` is None; hatching over padding."""
    chosen, size = colours_for(range_, colours), frames.shape[1] // values.shape[1]
    drawn = []
    for frame, cells in zip(frames, values, strict=True):
        unit = enlarge(range_.apply(cells), size)
        if strength is None:
            drawn.append(colour.paint(unit, chosen))
        else:
            drawn.append(laid_over(frame, unit, chosen, strength, signed=range_.signed))
    out = np.stack(drawn)
    if padding is None:
        return out
    return np.where(_pixels(padding, size)[..., None], marked(frames, padding), out)


def marked(
    frames: UInt8[np.ndarray, "steps h w 3"], padding: Bool[np.ndarray, "steps rows columns"] | None
) -> UInt8[np.ndarray, "steps h w 3"]:
    """The frames with hatching over the elements of padding."""
    if padding is None:
        return frames
    absent = _pixels(padding, frames.shape[1] // padding.shape[1])
    return np.stack([hatched(frame, where, kept=FRAME_KEPT) for frame, where in zip(frames, absent, strict=True)])


def _pixels(cells: Bool[np.ndarray, "steps rows columns"], size: int) -> Bool[np.ndarray, "steps h w"]:
    return cells.repeat(size, axis=1).repeat(size, axis=2)


def tiled(pictures: UInt8[np.ndarray, "n h w 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Tiles pictures from left to right, then down, in about as many rows as columns, with black gaps."""
    number, height, width = pictures.shape[:3]
    columns = math.ceil(math.sqrt(number))
    rows = math.ceil(number / columns)
    out = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        out[top : top + height, left : left + width] = picture
    return out
