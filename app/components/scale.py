"""Colour bars, and rulers and profiles along the sides of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8


@dataclass(frozen=True)
class Tick:
    """A labelled position in [0, 1] on a scale; `mark` draws it as a line across a colour bar."""

    at: float
    text: str
    mark: bool = False


@dataclass(frozen=True)
class ColourBar:
    """The colour bar of a map: colours from low to high, ticks, and unit."""

    table: UInt8[np.ndarray, "256 3"]
    ticks: tuple[Tick, ...]
    unit: str

    def meta(self) -> dict[str, Any]:
        """The entries of the bar in the head of a frame; the colour table is sent as an array."""
        return {"ticks": [{"at": t.at, "text": t.text, "mark": t.mark} for t in self.ticks], "unit": self.unit}


@dataclass(frozen=True)
class Ruler:
    """The scale along a side of an image: ticks in [0, 1] from the left or the top, and their unit."""

    ticks: tuple[Tick, ...]
    unit: str

    def meta(self) -> dict[str, Any]:
        """The entries of the ruler in the head of a frame."""
        return {"ticks": [{"at": t.at, "text": t.text} for t in self.ticks], "unit": self.unit}


@dataclass(frozen=True)
class Profiles:
    """Curves along an axis of one or more images.

    values     one row per image
    low, high  the range of all curves
    uniform    a value that is marked by a line; None for none
    """

    values: Float[np.ndarray, "n places"]
    low: float
    high: float
    uniform: float | None = None

    def meta(self) -> dict[str, Any]:
        """The entries of the curves in the head of a frame; the values are sent as an array."""
        return {"low": self.low, "high": self.high, "uniform": self.uniform}
