"""Drawing of point clouds: every point is a round dot in the colour of its value, from a fixed viewpoint.

The projection is orthographic, so that equal lengths look equal at any depth. Colours are never shaded: depth is shown
by an edge around each dot that covers only points well behind it. The interactive clouds of the page use the same
constants (`LOOK`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int32, UInt8

from ...analysis.formatting import count
from .. import colour
from ..scale import ColourRange
from .base import Drawable, colours_for, erased_of

Colour = tuple[int, int, int]

SIDE = 400
"""Side of a picture in pixels."""

FINE = 3
"""Supersampling factor, for smooth edges."""

GROUND, EDGE = -1, -2
"""Values of pixels that show no point."""

LOOK: Mapping[str, float] = {
    "azimuth": 50.0,  # rotation of the viewpoint about the upward axis, in degrees to the right
    "elevation": 18.0,  # elevation of the viewpoint in degrees
    "fill": 0.94,  # diameter of the cloud's bounding sphere: share of the picture's side
    "dot": 0.58,  # radius of a dot: share of the picture's side, divided by the square root of the number of dots
    "largest": 0.04,  # maximum radius of a dot: share of the picture's side
    "edge": 0.24,  # width of a dot's edge: share of its radius
    "thickest": 1.25,  # maximum width of an edge in pixels of the page
    "behind": 3.0,  # distance of the edge behind the dot, in multiples of its radius
}
"""The camera and the look of clouds."""


@dataclass(frozen=True)
class Ground:
    """The background of a cloud, and the colour of the edges of its points."""

    colour: Colour
    ink: Colour


DARK, LIGHT = Ground((25, 29, 34), (102, 110, 120)), Ground((245, 246, 247), (172, 179, 187))
LOW, HIGH = (88, 119, 142), (205, 219, 228)
"""The colours of the lowest and the highest points if colours show height only."""


@dataclass(frozen=True)
class Shot:
    """A rendered view of a cloud, to be coloured by maps: the index of the point at every supersampled pixel, or GROUND
    or EDGE."""

    front: Int32[np.ndarray, "S S"]
    fine: int

    def paint(self, colours: UInt8[np.ndarray, "n 3"], ground: Ground) -> UInt8[np.ndarray, "s s 3"]:
        """A picture of the cloud with one colour per point."""
        palette = np.concatenate([colours, np.array([ground.ink, ground.colour], dtype=np.uint8)])
        side, fine = len(self.front) // self.fine, self.fine
        blocks = palette[self.front].reshape(side, fine, side, fine, 3)
        return np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)


class PointsDrawing:
    """Draws a sample from its `seen` (M, 3), the points of the model's input, and its `model_up`.

    Maps colour the points on a dark background, or on a light one for colour maps that are light at their low end or
    centre.
    """

    modality = "points"
    over_input = False

    def given(self, sample: Drawable) -> UInt8[np.ndarray, "h w 3"]:
        """The points of the model's input; higher points are brighter."""
        return shot(sample.seen, sample.model_up).paint(by_height(sample.seen, sample.model_up), DARK)

    def map(
        self,
        sample: Drawable,
        values: Float[np.ndarray, "M"],
        range_: ColourRange,
        colours: str,
        strength: float | None,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """A map as the colours of the points."""
        chosen = colours_for(range_, colours)
        return shot(sample.seen, sample.model_up).paint(coloured(sample, values, range_, chosen), ground(chosen))

    def size(self, sample: Drawable) -> str:
        """The number of points as text."""
        return f"{count(len(sample.seen))} points"


def shot(points: Float32[np.ndarray, "n 3"], up: str, side: int = SIDE, fine: int = FINE) -> Shot:
    """Renders points whose axis `up` points upwards."""
    wide = side * fine
    right, upward, towards = axes(up, LOOK["azimuth"], LOOK["elevation"])
    scale = wide / 2 * LOOK["fill"] / reach(points)
    x, y, depth = (points.astype(np.float64) @ np.stack([right, -upward, towards], axis=1)).T * scale
    radius = max(min(LOOK["dot"] / np.sqrt(len(points)), LOOK["largest"]) * wide, fine)
    edge = min(LOOK["edge"] * radius, LOOK["thickest"] * fine) if radius >= 2 * fine else 0.0
    pad = int(radius)  # dots may extend beyond the sides
    stride = wide + 2 * pad
    column, row = (np.rint(place + wide / 2 - 0.5).astype(np.int64) + pad for place in (x, y))
    # Only the nearest of the points on one pixel is visible, and then each pixel gets at most one dot at a time.
    order = np.argsort(-depth, kind="stable")
    place, first = np.unique((row * stride + column)[order], return_index=True)
    kept = order[first]
    depths = np.concatenate([depth[kept] - LOOK["behind"] * radius, depth[kept]])
    rank = np.empty(len(depths), dtype=np.int64)
    rank[np.argsort(depths, kind="stable")] = np.arange(1, len(depths) + 1)
    nearest = np.zeros(stride * stride, dtype=np.int64)
    for ranks, size in ((rank[: len(kept)], radius), (rank[len(kept) :], radius - edge)):
        for down, across in _disc(size):
            spot = place + down * stride + across
            nearest[spot] = np.maximum(nearest[spot], ranks)
    shows = np.full(len(depths) + 1, GROUND, dtype=np.int32)
    shows[rank] = np.concatenate([np.full(len(kept), EDGE), kept])
    inside = slice(pad, pad + wide)
    return Shot(shows[nearest].reshape(stride, stride)[inside, inside], fine)


def axes(up: str, azimuth: float, elevation: float) -> Float64[np.ndarray, "3 3"]:
    """The directions to the right, upwards and towards the viewer, as rows; right-handed, so nothing is mirrored."""
    turn, tilt = np.radians(azimuth), np.radians(elevation)
    top = "xyz".index(up)
    first, second, third = np.eye(3)[(top + 1) % 3], np.eye(3)[(top + 2) % 3], np.eye(3)[top]
    level = np.cos(turn) * first + np.sin(turn) * second
    right = np.cos(turn) * second - np.sin(turn) * first
    return np.stack([right, np.cos(tilt) * third - np.sin(tilt) * level, np.cos(tilt) * level + np.sin(tilt) * third])


def reach(points: Float32[np.ndarray, "n 3"]) -> float:
    """The maximum distance of a point from the origin, which bounds every view of the cloud."""
    return float(np.sqrt((points.astype(np.float64) ** 2).sum(axis=1).max())) or 1.0


def indexed(
    look: Shot, units: Float32[np.ndarray, "maps n"], colours: str
) -> tuple[UInt8[np.ndarray, "maps S S"], UInt8[np.ndarray, "256 3"]]:
    """Many maps of one view as indexed colours, one byte per pixel, and the colour table.

    units  positions of every map's values on the colour bar (`ColourRange.apply`)
    """
    steps = 253  # plus one each for missing values, edges and the background
    bar = colour.table(colours)[np.rint(np.linspace(0, colour.STEPS - 1, steps)).astype(np.int64)]
    behind = ground(colours)
    others = np.array([colour.missing(colours), behind.ink, behind.colour], dtype=np.uint8)
    shades = np.empty((len(units), units.shape[1] + 2), dtype=np.uint8)
    shades[:, :-2] = np.where(np.isnan(units), steps, np.minimum(np.nan_to_num(units) * steps, steps - 1))
    shades[:, EDGE], shades[:, GROUND] = steps + 1, steps + 2
    return shades[:, look.front], np.concatenate([bar, others])


def painted(values: Float[np.ndarray, "n"], range_: ColourRange, colours: str) -> UInt8[np.ndarray, "n 3"]:
    """The colours of values; values that are not finite get the colour for missing values."""
    return colour.paint(range_.apply(values)[None], colours)[0]


def coloured(
    sample: Drawable, values: Float[np.ndarray, "n"], range_: ColourRange, colours: str
) -> UInt8[np.ndarray, "n 3"]:
    """The colours of the points of a sample; points taken out of the input array have that of the edges."""
    found, erased = painted(values, range_, colours), erased_of(sample)
    if erased is not None:
        found[erased] = ground(colours).ink
    return found


def by_height(points: Float32[np.ndarray, "n 3"], up: str) -> UInt8[np.ndarray, "n 3"]:
    """Neutral colours; higher points are brighter."""
    height = points[:, "xyz".index(up)].astype(np.float64)
    low, high = np.percentile(height, [1, 99])
    unit = np.clip((height - low) / (high - low or 1.0), 0, 1)[:, None]
    return np.rint(np.array(LOW) + unit * (np.array(HIGH) - np.array(LOW))).astype(np.uint8)


def ground(colours: str) -> Ground:
    """The background for a colour map: dark if its low (or central) colours are dark, else light."""
    table = colour.table(colours).astype(np.float64)
    quiet = table[len(table) // 2] if colours in colour.DIVERGING else table[0]
    return LIGHT if quiet.mean() > 127 else DARK


def _disc(radius: float) -> Int[np.ndarray, "k 2"]:
    """The pixel offsets (down, across) of a disc centred on a pixel."""
    far = int(radius)
    down, across = np.mgrid[-far : far + 1, -far : far + 1]
    inside = down**2 + across**2 <= radius**2
    return np.stack([down[inside], across[inside]], axis=1)
