"""The cars of TORCS: their bodies, and who made each. Only cars that state the Free Art License are in the tables.

Their format is the AC3D variant of TORCS: triangle strips with normals, which no maintained library supports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from perceiver.errors import DataError

from ..packages import extract

PACKAGE, SOURCE = "torcs-data", "torcs-data/"
_CARS = "usr/share/games/torcs/cars"
_POLYGON, _STRIP = 0, 4  # the low four bits of a surface's flags; closed and open lines are 1 and 2
_PLACED = ("loc", "rot")


def take_cars(deb: Path, names: Iterable[str], folder: Path) -> Mapping[str, Path]:
    """Copies the models of the named objects out of the package into `folder`; returns the path of each.

    Raises DataError when the package is damaged or lacks one.
    """
    cars = {name: name.removeprefix(SOURCE) for name in names if name.startswith(SOURCE)}
    models = {name: folder / f"{car}.acc" for name, car in cars.items()}
    extract(deb, {f"{_CARS}/{car}/{car}.acc": models[name] for name, car in cars.items()})
    return models


def read_car(path: Path) -> tuple[Float64[np.ndarray, "n 3"], Int64[np.ndarray, " k"]]:
    """A car's body without wheels, as `read_ac3d` returns it. Raises DataError when it is damaged."""
    try:
        return read_ac3d(path.read_text(encoding="latin-1"))
    except DataError as error:
        raise DataError(f"the car {path.name} cannot be read: {error}") from None


def copy_notices(deb: Path, names: Iterable[str], folder: Path) -> dict[str, list[str]]:
    """Copies each car's own licence file into `folder`; returns what each says of its authors.

    Raises DataError when the package is damaged or lacks one.
    """
    texts = {name: folder / f"{PACKAGE}-{name.removeprefix(SOURCE)}.txt" for name in names}
    extract(deb, {f"{_CARS}/{name.removeprefix(SOURCE)}/readme.txt": text for name, text in texts.items()})
    return {name: _authors(text.read_bytes()) for name, text in texts.items()}


def read_ac3d(text: str) -> tuple[Float64[np.ndarray, "n 3"], Int64[np.ndarray, "k"]]:
    """The corners of a model, y upwards, and its polygons: the number of corners of each, then their indices.

    Lines are skipped. Raises DataError when the text is no such model, names corners that are not there, or moves or
    rotates its parts, which TORCS does not.
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


def _authors(text: bytes) -> list[str]:
    try:
        plain = text.decode("utf-8")
    except UnicodeDecodeError:
        plain = text.decode("latin-1")
    found = re.findall(r"Copyright\W+(\d{4}\s+.+)", plain)
    return [" ".join(re.sub(r"\(\S+@\S+\)", "", line).split()) for line in found]
