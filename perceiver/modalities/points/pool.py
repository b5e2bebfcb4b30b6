"""What there is to draw from: the finite points of a cloud, or points drawn on the surface of a mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from ...errors import InputError
from .meshes import areas, sample_surface
from .readers import Cloud

# Points drawn on a mesh, of which the model reads some and the display shows all.
SURFACE = 50_000


@dataclass(frozen=True)
class Pool:
    """Points to draw from, in the file's coordinates.

    rows   the point of the file that each is, or the triangle that it lies on
    notes  what was left out, and what was done to come by the points
    """

    points: Float64[np.ndarray, "n 3"]
    colours: UInt8[np.ndarray, "n 3"] | None
    rows: Int64[np.ndarray, "n"]
    source: Literal["points", "mesh"]
    notes: tuple[str, ...]


def pool_of(cloud: Cloud, name: str, least: int, generator: np.random.Generator) -> Pool:
    """The points of a cloud that are finite, or at least `least` drawn on a mesh, uniformly by area.

    Raises InputError where no point is left.
    """
    notes = list(cloud.notes)
    if cloud.triangles is not None:
        shares = areas(cloud.points, cloud.triangles)
        if shares.any():
            return _surface(cloud, int(np.count_nonzero(shares)), max(least, SURFACE), generator)
        notes.append("its faces have no area, so its corners were used as points")
    kept = np.flatnonzero(np.isfinite(cloud.points).all(axis=1))
    dropped = len(cloud.points) - len(kept)
    if not len(kept):
        raise InputError(f"{name} has no point with three finite coordinates; all {dropped:,} were dropped")
    if not dropped:
        return Pool(cloud.points, cloud.colours, kept, "points", tuple(notes))
    notes.append(f"dropped {dropped:,} point{'s' * (dropped > 1)} that {'were' if dropped > 1 else 'was'} not finite")
    colours = None if cloud.colours is None else cloud.colours[kept]
    return Pool(cloud.points[kept], colours, kept, "points", tuple(notes))


def _surface(cloud: Cloud, sound: int, count: int, generator: np.random.Generator) -> Pool:
    """Points on the surface of a mesh that has one; `sound` is the number of triangles that have an area."""
    assert cloud.triangles is not None
    points, rows, weights = sample_surface(cloud.points, cloud.triangles, count, generator)
    colours = None
    if cloud.colours is not None:
        blended = np.einsum("nk,nkc->nc", weights, cloud.colours[cloud.triangles[rows]].astype(np.float64))
        colours = np.rint(blended).astype(np.uint8)
    flat = len(cloud.triangles) - sound
    over = f"{sound:,} triangle{'s' * (sound > 1)}"
    without = f"; {flat:,} more have no area" if flat else ""
    note = f"sampled its mesh to {count:,} points, evenly by area over {over}{without}"
    return Pool(points, colours, rows, "mesh", (*cloud.notes, note))
