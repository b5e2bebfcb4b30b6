"""The numbers along a side of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .bar import Tick


@dataclass(frozen=True)
class Ruler:
    """Labelled places in [0, 1] from the left, or from the top, and their unit in words."""

    ticks: tuple[Tick, ...]
    unit: str

    def meta(self) -> dict[str, Any]:
        """What a frame's head says of the ruler."""
        return {"ticks": [{"at": t.at, "text": t.text} for t in self.ticks], "unit": self.unit}
