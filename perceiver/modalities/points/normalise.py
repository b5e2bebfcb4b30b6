"""A cloud brought into the model's frame: its up axis turned to the model's, then centred and scaled, in float64.

Survey coordinates run into millions of metres. In float32 they lie half a metre apart, so nothing is cast before the
centre is taken away.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from .sample import Axis

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


def turned(points: Float64[np.ndarray, "n 3"], up: Axis, towards: Axis) -> Float64[np.ndarray, "n 3"]:
    """Turns points so that what pointed along `up` points along `towards`: a quarter turn about the third axis.

    From z to y that is (x, y, z) -> (x, z, -y). A rotation, never a mirror; `turned(points, towards, up)` undoes it.
    """
    if up == towards:
        return points
    source, target = _AXES.index(up), _AXES.index(towards)
    out = points.copy()
    out[:, target] = points[:, source]
    out[:, source] = -points[:, target]
    return out
