"""The colour bar that a map or a wall of maps carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8


@dataclass(frozen=True)
class Tick:
    """A labelled place in [0, 1] on a bar; `mark` draws it across the bar."""

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
        """What a frame's head says of the bar; the table travels beside it."""
        return {"ticks": [{"at": t.at, "text": t.text, "mark": t.mark} for t in self.ticks], "unit": self.unit}
