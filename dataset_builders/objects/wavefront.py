"""3D models in Wavefront's OBJ and MTL formats, read into arrays: one part for each material.

Written for models of mixed origin: relative indices, names with blanks, polygons of any size, missing materials and
missing corners all occur. What no renderer can show (lines, points, curves) is skipped. trimesh is not used, because it
cuts polygons into fans of triangles, which fill the openings of those that bend inwards, and VTK's reader drops
materials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from perceiver.errors import DataError


@dataclass(frozen=True)
class Material:
    """Appearance of a surface. `texture`, the name of an image file, replaces `colour`.

    The format multiplies the two, but modelling programs write arbitrary colours with textures.
    """

    colour: tuple[float, float, float] = (0.8, 0.8, 0.8)
    opacity: float = 1.0
    texture: str | None = None
    opacity_texture: str | None = None


@dataclass(frozen=True)
class Part:
    """The polygons of one material.

    points        corners, each with its own normal and texture coordinate
    normals       unit length, or None where the file leaves some out
    texture       texture coordinates (u, v), v upwards, or None
    polygons      for each polygon its number of corners, then their indices, one after another
    """

    material: Material
    points: Float[np.ndarray, "n 3"]
    normals: Float[np.ndarray, "n 3"] | None
    texture: Float[np.ndarray, "n 2"] | None
    polygons: Int[np.ndarray, "k"]


@dataclass
class _Corners:
    """Corners and polygons of one material, collected while reading."""

    index: dict[tuple[int, int, int], int] = field(default_factory=dict)
    polygons: list[int] = field(default_factory=list)

    def add(self, corners: list[tuple[int, int, int]]) -> None:
        self.polygons.append(len(corners))
        self.polygons += [self.index.setdefault(corner, len(self.index)) for corner in corners]


def read_model(
    text: str, library: Callable[[str], str | None], named: Mapping[str, Material] | None = None
) -> list[Part]:
    """The parts of an OBJ file's text.

    `library` gives the text of a material library by file name, or None where there is none; `named` says how
    materials look that no library describes. Raises DataError for a model without a single polygon or with an
    unreadable number.
    """
    numbers: dict[str, list[list[float]]] = {"v": [], "vt": [], "vn": []}
    widths = {"v": 3, "vt": 2, "vn": 3}
    materials = dict(named or {})
    corners: dict[str, _Corners] = {}
    material = ""
    for line in text.replace("\\\n", " ").splitlines():
        keyword, rest = _statement(line)
        try:
            if keyword in numbers:
                numbers[keyword].append(_numbers(rest, widths[keyword]))
            elif keyword == "f":
                counts = (len(numbers["v"]), len(numbers["vt"]), len(numbers["vn"]))
                polygon = [_corner(item, counts) for item in rest.split()]
                if len(polygon) >= 3:
                    corners.setdefault(material, _Corners()).add(polygon)
            elif keyword == "usemtl":
                material = rest
            elif keyword == "mtllib":
                materials.update(read_materials(library(rest) or ""))
        except ValueError:
            raise DataError(f"the line {line.strip()[:60]!r} is no OBJ statement") from None
    if not corners:
        raise DataError("there is no polygon in it")
    arrays = {k: np.array(rows, dtype=np.float64).reshape(-1, widths[k]) for k, rows in numbers.items()}
    return [_part(found, materials.get(name, Material()), arrays) for name, found in corners.items()]


def read_materials(text: str) -> dict[str, Material]:
    """The materials of an MTL file's text by name. Raises ValueError for an unreadable number."""
    out: dict[str, Material] = {}
    fields: dict[str, str] = {}
    name = None
    for line in [*text.splitlines(), "newmtl"]:
        keyword, rest = _statement(line)
        if keyword == "newmtl":
            if name is not None:
                out[name] = _material(fields)
            name, fields = rest, {}
        else:
            fields[keyword] = rest
    return out


def _material(fields: Mapping[str, str]) -> Material:
    red, green, blue = _numbers(fields.get("Kd", "0.8 0.8 0.8"), 3)
    return Material(
        colour=(red, green, blue),
        opacity=float(fields.get("d", "1").split()[-1]),
        texture=fields.get("map_Kd") or None,
        opacity_texture=fields.get("map_d") or None,
    )


def _statement(line: str) -> tuple[str, str]:
    keyword, *rest = line.split(None, 1) or [""]
    return keyword, rest[0].strip() if rest else ""


def _numbers(text: str, count: int) -> list[float]:
    values = [float(x) for x in text.split()[:count]]
    if len(values) < count:
        raise ValueError
    return values


def _corner(item: str, counts: tuple[int, int, int]) -> tuple[int, int, int]:
    """`v/vt/vn` as three indices from 0, -1 where left out. Negative ones in the file count from the last read."""
    out = [-1, -1, -1]
    for k, part in enumerate(item.split("/")[:3]):
        if part:
            number = int(part)
            out[k] = number - 1 if number > 0 else counts[k] + number
    return out[0], out[1], out[2]


def _part(found: _Corners, material: Material, numbers: Mapping[str, np.ndarray]) -> Part:
    index = np.array(list(found.index), dtype=np.int64)

    def pick(keyword: str, column: int) -> np.ndarray | None:
        wanted = index[:, column]
        whole = wanted.min() >= 0 and wanted.max() < len(numbers[keyword])
        return numbers[keyword][wanted] if whole else None

    points = pick("v", 0)
    if points is None:
        raise DataError("a polygon names a corner that is not there")
    return Part(material, points, pick("vn", 2), pick("vt", 1), np.array(found.polygons, dtype=np.int64))
