"""Where a result comes from, and where the elements that it is about lie, as every export states it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from ..installation import package_version
from ..sample import Part

FORMAT = 1


@dataclass(frozen=True)
class Origin:
    """Where a result comes from.

    model           the checkpoint's name
    weights_sha256  of its weights; None where it is not known
    sample          the input's name; "" without one
    notes           what was changed when the input was read (`Sample.notes`)
    """

    model: str
    sample: str = ""
    weights_sha256: str | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain values, with the version of the library."""
        return {
            "format": FORMAT,
            "library": package_version(),
            "model": self.model,
            "weights_sha256": self.weights_sha256,
            "sample": self.sample,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Layout:
    """Where the elements of an input lie.

    shape        the grid of elements, rows first (`Sample.shape`); (M,) for free elements
    places       where the elements lie on the original (`Modality.places`), an array each
    coordinates  what the position encoding was given for free elements (`Sample.coordinates`); None for a grid's
    box          where the grid lies on the original (`Sample.box`): (start, stop) an axis
    parts        the grids of an input of several sorts (`Sample.parts`); their places begin with their names
    """

    shape: tuple[int, ...]
    places: Mapping[str, Float[np.ndarray, "..."]]
    coordinates: Float[np.ndarray, "M axes"] | None = None
    box: tuple[tuple[float, float], ...] = ()
    parts: tuple[Part, ...] = field(default=())

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the axes that positions lie on: "rows" and "cols", "time" and "frequency"; of parts
        "audio_time", "video_rows"; of free elements "x", "y" and "z"."""
        if self.coordinates is not None:
            return tuple("xyzw"[: self.coordinates.shape[1]])
        return tuple(self.places)


def finite(value: float) -> float | None:
    """A number as JSON can hold it: None in place of what is not finite."""
    return float(value) if math.isfinite(value) else None
