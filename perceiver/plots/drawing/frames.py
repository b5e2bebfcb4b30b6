"""Frames of clips as one picture: side by side in rows, each as large as its elements allow."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from .. import colour
from ..overlay import enlarge, opacity, overlay
from ..scale import ColourRange
from .base import colours_for

TILE = 112
"""What the longer side of a frame comes close to in pixels: a whole number for each element."""

GAP = 4
"""Pixels between frames, black."""


def enlargement(grid: tuple[int, int, int]) -> int:
    """Pixels along an element of a grid (steps in time, rows, columns)."""
    return max(1, round(TILE / max(grid[1:])))


def frames_shown(
    seen: UInt8[np.ndarray, "frames H W 3"], grid: tuple[int, int, int]
) -> UInt8[np.ndarray, "steps h w 3"]:
    """One frame a step in time, the middle one of those in an element, at the size that it is drawn."""
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
) -> UInt8[np.ndarray, "steps h w 3"]:
    """A map over frames whose elements are squares of pixels, or alone where `strength` is None."""
    chosen, size = colours_for(range_, colours), frames.shape[1] // values.shape[1]
    drawn = []
    for frame, cells in zip(frames, values, strict=True):
        unit = enlarge(range_.apply(cells), size)
        painted = colour.paint(unit, chosen)
        if strength is not None:
            painted = overlay(frame, painted, strength, opacity(unit, signed=range_.signed))
        drawn.append(painted)
    return np.stack(drawn)


def tiled(pictures: UInt8[np.ndarray, "n h w 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures in rows, from left to right and then down, about as many rows as columns; black between them."""
    number, height, width = pictures.shape[:3]
    columns = math.ceil(math.sqrt(number))
    rows = math.ceil(number / columns)
    out = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        out[top : top + height, left : left + width] = picture
    return out
