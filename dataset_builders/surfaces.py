"""Surfaces of models as triangles. Needs pyvista, which cuts polygons of any form into triangles."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int, Int64

from perceiver.errors import DataError
from perceiver.modalities.points.geometry import sample_surface


@dataclass(frozen=True)
class Surface:
    """Triangles, each three indices of corners."""

    corners: Float64[np.ndarray, "v 3"]
    triangles: Int64[np.ndarray, "t 3"]

    def sample(self, count: int, seed: int) -> Float64[np.ndarray, "count 3"]:
        """Points on the surface, everywhere equally likely. Raises DataError when it has no area."""
        try:
            points, _, _ = sample_surface(self.corners, self.triangles, count, np.random.default_rng(seed))
        except ValueError as error:
            raise DataError(str(error)) from None
        return points


def require_cutter() -> None:
    """Raises DataError with what to install when polygons cannot be cut here."""
    try:
        _pyvista()
    except ImportError:
        raise DataError(
            "cutting polygons needs pyvista; install it with `pip install 'perceiver-lens[data]'`"
        ) from None


def from_polygons(parts: Iterable[tuple[Float[np.ndarray, "_ 3"], Int[np.ndarray, "_"]]]) -> Surface:
    """One surface of parts: corners, and polygons as their number of corners and then their indices.

    A polygon may bend inwards, as a door frame cut from one piece does: a fan of triangles would fill its opening.
    """
    corners, triangles, start = [], [], 0
    for points, polygons in parts:
        cut = _pyvista().PolyData(points.astype(np.float64), faces=polygons).triangulate()
        corners.append(np.asarray(cut.points, dtype=np.float64))
        triangles.append(cut.regular_faces.astype(np.int64) + start)
        start += len(corners[-1])
    return Surface(np.concatenate(corners), np.concatenate(triangles))


def _pyvista() -> Any:
    # Its types say little of what is used here, and importing it takes long.
    return importlib.import_module("pyvista")
