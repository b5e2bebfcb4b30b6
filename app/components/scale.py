"""Labelled scales beside pictures: colour bars, and rulers along the sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8


@dataclass(frozen=True)
class Tick:
    """A labelled place in [0, 1] on a scale; `mark` draws it across a colour bar."""

    at: float
    text: str
    mark: bool = False


@dataclass(frozen=True)
class ColourBar:
    """The scale of a map: its colours from low to high, labelled places, and its unit in words."""

    table: UInt8[np.ndarray, "256 3"]
    ticks: tuple[Tick, ...]
    unit: str

    def meta(self) -> dict[str, Any]:
        """The bar in a frame's head; the table travels beside it."""
        return {"ticks": [{"at": t.at, "text": t.text, "mark": t.mark} for t in self.ticks], "unit": self.unit}


@dataclass(frozen=True)
class Ruler:
    """The numbers along a side of a picture: labelled places in [0, 1] from the left or the top, and their unit."""

    ticks: tuple[Tick, ...]
    unit: str

    def meta(self) -> dict[str, Any]:
        """The ruler in a frame's head."""
        return {"ticks": [{"at": t.at, "text": t.text} for t in self.ticks], "unit": self.unit}
