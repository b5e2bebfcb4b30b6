"""Colour maps: matplotlib's tables, identical for pictures, the canvas, plotly and style sheets.

Every colour map is perceptually uniform in lightness (sequential) or symmetric in it (diverging), so that it is
readable in greyscale and with colour blindness.
"""

from __future__ import annotations

from functools import cache

import matplotlib
import numpy as np
from jaxtyping import Float, Int, UInt8

SEQUENTIAL: tuple[str, ...] = ("viridis", "magma", "inferno", "cividis", "greys")
DIVERGING: tuple[str, ...] = ("RdBu_r", "PuOr")

_MATPLOTLIB = {"greys": "Greys"}
STEPS = 256


@cache
def table(name: str) -> UInt8[np.ndarray, "256 3"]:
    """The table of a colour map, lowest first; read-only. Raises ValueError for an unknown colour map."""
    if name not in SEQUENTIAL + DIVERGING:
        raise ValueError(f"there is no colour map {name!r}; there are {', '.join(SEQUENTIAL + DIVERGING)}")
    colours = matplotlib.colormaps[_MATPLOTLIB.get(name, name)](np.arange(STEPS), bytes=True)[:, :3].copy()
    colours.setflags(write=False)
    return colours


def missing(name: str) -> tuple[int, int, int]:
    """The colour of values that are not finite: distinct from all colours of the colour map and from grey."""
    return (0, 160, 255) if name in ("magma", "inferno") else (255, 0, 170)


def ends_dark(name: str) -> bool:
    """Whether the highest colour is darker than the lowest."""
    lowest, highest = table(name)[[0, -1]].astype(np.int64).sum(1)
    return bool(highest < lowest)


def index(unit: Float[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
    """The index among 256 equal steps for each position in [0, 1]; NaN counts as 0."""
    return np.minimum((np.nan_to_num(unit) * STEPS).astype(np.int64), STEPS - 1)


def paint(unit: Float[np.ndarray, "H W"], name: str) -> UInt8[np.ndarray, "H W 3"]:
    """Colours of positions in [0, 1] (from `ColourRange.apply`); NaN gets the colour for missing values."""
    painted = table(name)[index(unit)]
    painted[np.isnan(unit)] = missing(name)
    return painted


def bar(name: str, length: int, thickness: int) -> UInt8[np.ndarray, "thickness length 3"]:
    """A horizontal colour bar, lowest colour on the left."""
    places = (np.arange(length, dtype=np.float64) + 0.5) / length
    return np.repeat(table(name)[index(places)][None], thickness, axis=0)


def stops(name: str) -> list[list[float | str]]:
    """The colour map as a plotly colour scale of 256 constant steps, so that plotly matches `paint` exactly."""
    out: list[list[float | str]] = []
    for step, colour in enumerate(hexes(name)):
        out += [[step / STEPS, colour], [(step + 1) / STEPS, colour]]
    return out


def css(name: str, direction: str = "to right") -> str:
    """The colour map as a CSS gradient with 256 stops, which looks like `bar`."""
    return f"linear-gradient({direction}, {', '.join(hexes(name))})"


def hexes(name: str) -> tuple[str, ...]:
    """The 256 colours as #rrggbb."""
    return tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in table(name).tolist())
