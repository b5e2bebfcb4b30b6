"""The origin of a result and the layout of its input elements, as included in every export."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64

from ..installation import package_version
from ..sample import Part

FORMAT = 1


@dataclass(frozen=True)
class Origin:
    """The model and input of a result.

    model           the checkpoint's name
    weights_sha256  SHA-256 of its weights; None if unknown
    sample          the input's name; "" without one
    notes           changes made when the input was loaded (`Sample.notes`)
    """

    model: str
    sample: str = ""
    weights_sha256: str | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The origin as plain values, with the version of the library."""
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
    """The locations of the elements of an input.

    shape        the grid of elements, rows first (`Sample.shape`); (M,) for free elements
    places       arrays of the elements' locations on the original (`Modality.places`)
    coordinates  of free elements, the input of the position encoding (`Sample.coordinates`); None for a grid
    box          the extent of the grid on the original (`Sample.box`): (start, stop) per axis
    parts        the grids of an input with several modalities (`Sample.parts`); their places begin with their names
    rows         the row of the file that each element is (`Sample.rows`); None where elements are not rows
    padding      elements for which nothing was recorded (`Sample.padding`); None where there are none
    """

    shape: tuple[int, ...]
    places: Mapping[str, Float[np.ndarray, "..."]]
    coordinates: Float[np.ndarray, "M axes"] | None = None
    box: tuple[tuple[float, float], ...] = ()
    parts: tuple[Part, ...] = field(default=())
    rows: Int64[np.ndarray, "M"] | None = None
    padding: Bool[np.ndarray, "..."] | None = None

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the position axes: "rows" and "cols", "time" and "frequency"; for several modalities
        "audio_time", "video_rows"; for free elements "x", "y" and "z"."""
        if self.coordinates is not None:
            return tuple("xyzw"[: self.coordinates.shape[1]])
        return tuple(self.places)


def finite(value: float) -> float | None:
    """A number for JSON: None if it is not finite."""
    return float(value) if math.isfinite(value) else None
