"""Geometry of clouds and meshes, in float64: turning, centring and scaling points, and sampling a surface.

Survey coordinates run into millions of metres. In float32 they lie half a metre apart, so nothing is cast before the
centre is taken away.

A mesh's corners say little about its shape: a wardrobe has a few dozen, at its edges. Points are drawn on the triangles
instead, uniformly by area.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

Axis = Literal["x", "y", "z"]

_AXES: tuple[Axis, ...] = ("x", "y", "z")


def unit_cube(
    points: Float64[np.ndarray, "n 3"],
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "3"], float]:
    """Moves the mean to the origin and scales the largest magnitude of a coordinate to 1 (paper, section 4.3).

    Returns (points, centre, scale); the old points are `points * scale + centre`. Where all points are one the scale
    is 1. Raises ValueError for no points, and for points that are not finite or too far out to be measured.
    """
    if not len(points):
        raise ValueError("there are no points to normalise")
    with np.errstate(over="ignore", invalid="ignore"):
        centre = points.mean(axis=0)
        moved = points - centre
    scale = float(np.abs(moved).max())
    if not np.isfinite(scale):
        raise ValueError("the points are not finite, or too far out to be measured")
    if scale == 0:
        return moved, centre, 1.0
    return moved / scale, centre, scale


def rotate_up(points: Float64[np.ndarray, "n 3"], up: Axis, towards: Axis) -> Float64[np.ndarray, "n 3"]:
    """Turns points so that what pointed along `up` points along `towards`: a quarter turn about the third axis.

    From z to y that is (x, y, z) -> (x, z, -y). A rotation, never a mirror; `rotate_up(points, towards, up)` undoes it.
    """
    if up == towards:
        return points
    source, target = _AXES.index(up), _AXES.index(towards)
    out = points.copy()
    out[:, target] = points[:, source]
    out[:, source] = -points[:, target]
    return out


def areas(corners: Float64[np.ndarray, "v 3"], triangles: Int64[np.ndarray, "t 3"]) -> Float64[np.ndarray, "t"]:
    """The triangles' shares of the surface: 0 for one whose corners are not finite, all 0 where nothing has an area."""
    with np.errstate(invalid="ignore", over="ignore"):
        first, second = (corners[triangles[:, i]] - corners[triangles[:, 0]] for i in (1, 2))
        sound = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
        first[~sound] = second[~sound] = 0
        # Products of the file's own units can leave the range of numbers.
        unit = max(np.abs(first).max(initial=0), np.abs(second).max(initial=0)) or 1.0
        doubled = np.linalg.norm(np.cross(first / unit, second / unit), axis=1)
    total = doubled.sum()
    return doubled / total if total > 0 else doubled


def sample_surface(
    corners: Float64[np.ndarray, "v 3"],
    triangles: Int64[np.ndarray, "t 3"],
    count: int,
    generator: np.random.Generator,
) -> tuple[Float64[np.ndarray, "count 3"], Int64[np.ndarray, "count"], Float64[np.ndarray, "count 3"]]:
    """Draws points on a mesh's surface, uniformly by area and each independent of the others.

    Returns the points, the triangle each lies on, and the weights of its three corners there. Raises ValueError for a
    mesh without a surface. `trimesh.sample` is not used because it returns no weights, draws points that are not
    finite where a corner is not, and draws all from one triangle where areas leave the range of floats.
    """
    upto = np.cumsum(areas(corners, triangles))
    if not len(upto) or upto[-1] == 0:
        raise ValueError("the mesh has no surface")
    chosen = np.searchsorted(upto, generator.random(count) * upto[-1], side="right")
    # The square root makes up for a triangle's growing width away from its first corner.
    across, along = np.sqrt(generator.random(count)), generator.random(count)
    weights = np.stack([1 - across, across * (1 - along), across * along], axis=1)
    return np.einsum("nk,nka->na", weights, corners[triangles[chosen]]), chosen, weights
