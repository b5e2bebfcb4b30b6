"""Polygons of any size, split into triangles."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int64

from ....errors import InputError


def fans(
    groups: Iterable[tuple[Int64[np.ndarray, "_"], Int64[np.ndarray, "_ _"]]], corners: int, name: str
) -> Int64[np.ndarray, "t 3"]:
    """Triangles of polygons that come in groups of one size, in the order of the file.

    groups   (rows, corners of each polygon); what has fewer than three corners bounds nothing and is passed over
    corners  how many points there are to name

    A fan from the first corner covers a convex polygon exactly. Raises InputError for a corner that does not exist.
    """
    order, triangles = [np.empty(0, np.int64)], [np.empty((0, 3), np.int64)]
    for rows, polygons in groups:
        if polygons.size and not (polygons.min() >= 0 and polygons.max() < corners):
            wrong = polygons.max() if polygons.max() >= corners else polygons.min()
            raise InputError(f"{name} is damaged: a polygon names point {wrong:,} of points 0 to {corners - 1:,}")
        for last in range(2, polygons.shape[1]):
            triangles.append(polygons[:, [0, last - 1, last]])
            order.append(rows)
    return np.concatenate(triangles)[np.argsort(np.concatenate(order), kind="stable")]
