"""Points on the surface of a mesh, uniformly by area.

A mesh's corners say little about its shape: a wardrobe has a few dozen, at its edges. Points are drawn on the
triangles instead, each as likely as any other of the surface.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64


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
    mesh without a surface.
    """
    upto = np.cumsum(areas(corners, triangles))
    if not len(upto) or upto[-1] == 0:
        raise ValueError("the mesh has no surface")
    chosen = np.searchsorted(upto, generator.random(count) * upto[-1], side="right")
    # The square root makes up for a triangle's growing width away from its first corner.
    across, along = np.sqrt(generator.random(count)), generator.random(count)
    weights = np.stack([1 - across, across * (1 - along), across * along], axis=1)
    return np.einsum("nk,nka->na", weights, corners[triangles[chosen]]), chosen, weights
