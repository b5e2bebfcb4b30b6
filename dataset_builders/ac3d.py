"""Models in the AC3D format as TORCS writes it: strips of triangles, each corner a point with its normal."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from perceiver.errors import DataError

_POLYGON, _STRIP = 0, 4  # the low four bits of a surface's flags; closed and open lines are 1 and 2
_PLACED = ("loc", "rot")


def read_ac3d(text: str) -> tuple[Float64[np.ndarray, "n 3"], Int64[np.ndarray, "k"]]:
    """The corners of a model's text, y upwards, and its polygons: of each its number of corners, then their indices.

    Lines are passed over. Raises DataError for what is no such model, names corners that are not there, or places its
    parts, which TORCS does not.
    """
    if not text.startswith("AC3D"):
        raise DataError("no AC3D model: it does not begin with AC3D")
    try:
        points, polygons = _parse(text)
    except DataError:
        raise
    except (ValueError, IndexError, StopIteration):
        raise DataError("no AC3D model: a number is missing or is none") from None
    if not polygons:
        raise DataError("there is no polygon in it")
    return np.array(points, dtype=np.float64), np.array(polygons, dtype=np.int64)


def _parse(text: str) -> tuple[list[list[float]], list[int]]:
    points: list[list[float]] = []
    polygons: list[int] = []
    first, kind = 0, _POLYGON
    rows = iter(text.splitlines())
    for row in rows:
        keyword, *values = row.split() or [""]
        if keyword in _PLACED:
            raise DataError(f"no AC3D model of TORCS: a part of it is placed by {keyword}")
        if keyword == "numvert":
            first = len(points)
            points += [_point(next(rows)) for _ in range(int(values[0]))]
        elif keyword == "SURF":
            kind = int(values[0], 16) & 15
        elif keyword == "refs":
            corners = [first + int(next(rows).split()[0]) for _ in range(int(values[0]))]
            if corners and (min(corners) < first or max(corners) >= len(points)):
                raise DataError("no AC3D model: a surface names a corner that is not there")
            polygons += _polygons(corners, kind)
    return points, polygons


def _point(row: str) -> list[float]:
    x, y, z = row.split()[:3]
    return [float(x), float(y), float(z)]


def _polygons(corners: list[int], kind: int) -> list[int]:
    if kind == _STRIP:
        return [value for start in range(len(corners) - 2) for value in (3, *corners[start : start + 3])]
    return [len(corners), *corners] if kind == _POLYGON and len(corners) >= 3 else []
