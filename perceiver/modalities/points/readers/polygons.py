"""Triangulation of polygons of any size."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from ....errors import InputError

# Polygons looked at together, so that no copy of a large mesh is made.
_CHUNK = 1 << 16
# A corner is taken to turn inwards when its ear is more than this share of the polygon's area the wrong way round.
_INWARDS = 1e-9


def triangulate(
    groups: Iterable[tuple[Int64[np.ndarray, "_"], Shaped[np.ndarray, "_ _"]]],
    points: Float64[np.ndarray, "n 3"],
    name: str,
) -> Int64[np.ndarray, "t 3"]:
    """Triangles of polygons that come in groups of one size, in the order of the file.

    groups  (rows, corners of each polygon, of any type of number); what has fewer than three corners bounds nothing and
            is passed over

    A convex polygon becomes a fan from its first corner; one with corners that turn inwards, such as the frame of a
    door, is cut along its ears, where a fan would fill the opening. Raises InputError for a corner that does not exist
    or is not a whole number.
    """
    order, triangles = [np.empty(0, np.int64)], [np.empty((0, 3), np.int64)]
    for rows, given in groups:
        polygons = _corners(rows, given, len(points), name)
        inwards = _inwards(points, polygons)
        fans = polygons[~inwards]
        for last in range(2, polygons.shape[1]):
            triangles.append(fans[:, [0, last - 1, last]])
            order.append(rows[~inwards])
        for row, polygon in zip(rows[inwards], polygons[inwards], strict=True):
            cut = polygon[_ears(points[polygon])]
            triangles.append(cut)
            order.append(np.full(len(cut), row))
    return np.concatenate(triangles)[np.argsort(np.concatenate(order), kind="stable")]


def _corners(
    rows: Int64[np.ndarray, "p"], given: Shaped[np.ndarray, "p k"], points: int, name: str
) -> Int64[np.ndarray, "p k"]:
    """Corners as indices, if each is that of a point."""
    with np.errstate(invalid="ignore"):
        wrong = (given < 0) | (given >= points) | (given != np.floor(given))
    if wrong.any():
        row, corner = np.argwhere(wrong)[0]
        raise InputError(
            f"{name} is damaged: its face {rows[row] + 1:,} names point {given[row, corner]:,.12g} "
            f"of points 0 to {points - 1:,}"
        )
    return given.astype(np.int64)


def _inwards(points: Float64[np.ndarray, "n 3"], polygons: Int64[np.ndarray, "p k"]) -> Bool[np.ndarray, "p"]:
    """Which polygons have a reflex corner; never triangles, nor polygons with coordinates that are not finite."""
    out = np.zeros(len(polygons), dtype=bool)
    if polygons.shape[1] <= 3:
        return out
    for start in range(0, len(polygons), _CHUNK):
        part = slice(start, start + _CHUNK)
        with np.errstate(invalid="ignore", over="ignore"):
            corners = points[polygons[part]]
            ahead = np.roll(corners, -1, axis=1) - corners
            turns = np.cross(ahead, np.roll(ahead, -1, axis=1))
            normal = _normal(corners)
            sides = (turns * normal[:, None]).sum(-1)
            out[part] = (sides < -_INWARDS * (normal * normal).sum(-1, keepdims=True)).any(axis=1)
    return out


def _normal(corners: Float64[np.ndarray, "p k 3"]) -> Float64[np.ndarray, "p 3"]:
    """The normal of each polygon, as long as twice its area."""
    arms = corners - corners[:, :1]
    return np.cross(arms, np.roll(arms, -1, axis=1)).sum(axis=1)


def _ears(corners: Float64[np.ndarray, "k 3"]) -> Int64[np.ndarray, "t 3"]:
    """Triangles that cover a flat polygon, by its corners; a fan where its corners cross one another."""
    import mapbox_earcut

    seen = np.delete(corners, np.abs(_normal(corners[None])[0]).argmax(), axis=1)  # from the side it faces most
    cut = mapbox_earcut.triangulate_float64(np.ascontiguousarray(seen), np.array([len(seen)], dtype=np.uint32))
    if len(cut):
        return cut.reshape(-1, 3).astype(np.int64)
    last = np.arange(2, len(corners))
    return np.stack([np.zeros_like(last), last - 1, last], axis=1)
