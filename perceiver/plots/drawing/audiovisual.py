"""Clips: the frames in rows, a map over each, and under them the sound as a waveform over columns of colour."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from ...analysis.formatting import count
from .. import colour
from ..overlay import GREY_BAND, enlarge, opacity, overlay
from ..scale import ColourRange
from .audio import GAP, STRIP, written
from .base import Drawable, colours_for

TILE = 112
"""What the longer side of a frame comes close to in pixels: a whole number for each element."""

HEIGHT = 96
"""Height of the sound in pixels, with the strip under it that shows the colours as they are."""


class AudiovisualDrawing:
    """Reads `seen` (frames, H, W, 3), `sound`, `parts`, `split`, `start` and `stop` of a sample (`ClipSample`).

    Frames run from left to right and then down. A column of the sound shows the mean of the elements within it.
    """

    over_input = True

    def given(self, sample: Drawable) -> UInt8[np.ndarray, "h w 3"]:
        """The frames and the sound that the model read."""
        pictures = _frames(sample)
        tiled = _tiled(pictures)
        ground = np.full((HEIGHT, tiled.shape[1], 3), GREY_BAND[0])
        return _over(tiled, written(ground, sample.sound))

    def map(
        self,
        sample: Drawable,
        values: Float[np.ndarray, "M"],
        range_: ColourRange,
        colours: str,
        strength: float | None,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """A map over the frames, and over the sound; what lies on the label is not drawn."""
        parts, chosen = sample.split(np.asarray(values)), colours_for(range_, colours)
        pictures, size = _frames(sample), _enlargement(sample)
        drawn = []
        for picture, cells in zip(pictures, parts["video"], strict=True):
            unit = enlarge(range_.apply(cells), size)
            painted = colour.paint(unit, chosen)
            solid = opacity(unit, signed=range_.signed)
            drawn.append(painted if strength is None else overlay(picture, painted, strength, solid))
        tiled = _tiled(np.stack(drawn))
        width = tiled.shape[1]
        unit = range_.apply(_columns(parts["audio"], width))[None]
        painted = colour.paint(unit, chosen)
        if strength is None:
            return _over(tiled, np.repeat(painted, HEIGHT, axis=0))
        ground = np.full_like(painted, round(GREY_BAND[0]))
        tinted = overlay(ground, painted, strength, opacity(unit, signed=range_.signed), grey=False).astype(np.float64)
        wave = written(np.repeat(tinted, HEIGHT - STRIP - GAP, axis=0), sample.sound)
        return _over(_over(tiled, wave), np.repeat(painted, STRIP, axis=0))

    def size(self, sample: Drawable) -> str:
        """Frames by pixels, and seconds of sound."""
        frames, height, width = sample.seen.shape[:3]
        return f"{count(frames)} frames of {width} × {height}, {sample.stop - sample.start:.3g} s sound"


def _grid(sample: Drawable) -> tuple[int, int, int]:
    """Steps in time, rows and columns of the video's elements."""
    steps, rows, columns = next(part.shape for part in sample.parts if part.name == "video")
    return steps, rows, columns


def _enlargement(sample: Drawable) -> int:
    """Pixels along an element."""
    return max(1, round(TILE / max(_grid(sample)[1:])))


def _frames(sample: Drawable) -> UInt8[np.ndarray, "steps h w 3"]:
    """One frame a step in time, the middle one of those in an element, at the size that it is drawn."""
    steps, rows, columns = _grid(sample)
    each, size = len(sample.seen) // steps, _enlargement(sample)
    chosen = sample.seen[each // 2 :: each]
    return np.stack(
        [
            np.asarray(Image.fromarray(frame).resize((columns * size, rows * size), Image.Resampling.BOX))
            for frame in chosen
        ]
    )


def _tiled(pictures: UInt8[np.ndarray, "n h w 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures in rows as long as they are many, black between them."""
    number, height, width = pictures.shape[:3]
    columns = math.ceil(math.sqrt(number))
    rows = math.ceil(number / columns)
    out = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        out[top : top + height, left : left + width] = picture
    return out


def _over(above: UInt8[np.ndarray, "h w 3"], below: UInt8[np.ndarray, "k w 3"]) -> UInt8[np.ndarray, "H w 3"]:
    gap = np.zeros((GAP, above.shape[1], 3), np.uint8)
    return np.concatenate([above, gap, below])


def _columns(values: Float[np.ndarray, "patches"], width: int) -> Float[np.ndarray, "width"]:
    """The mean of the elements in each column; where there are fewer than columns, the one that a column lies in."""
    edges = np.linspace(0, len(values), width + 1)
    starts = np.minimum(np.floor(edges[:-1] + 1e-9).astype(np.int64), len(values) - 1)
    if len(values) <= width:
        return values[np.minimum(((np.arange(width) + 0.5) * len(values) / width).astype(np.int64), len(values) - 1)]
    counts = np.diff(np.append(starts, len(values)))
    return np.add.reduceat(values, starts) / counts
