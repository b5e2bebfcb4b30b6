"""Colour bars, and rulers along the sides of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8


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
