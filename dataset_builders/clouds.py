"""`points.npz`: the objects as clouds of points, drawn on their surfaces evenly by area.

Arrays, n objects:
    points   (n, 4096, 3) float16, y upwards; their mean is 0 and the largest magnitude of a coordinate 1
    label    (n,) int64, an index into classes
    split    (n,) int8, 0 train, 1 val, 2 test; see splits.py
    group    (n,) int64, the group of near copies
    name     (n,), and classes

More points than a model reads, so that training can draw others every time.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float16

from perceiver.errors import DataError
from perceiver.modalities.points.geometry import unit_cube

from . import torcs, zero_ad
from .files import whole
from .furniture import Furniture
from .progress import Report
from .pyrogenesis import read_mesh
from .splits import Item, check_missing, classes
from .surfaces import Surface, from_polygons

POINTS = 4096
_STEP = "Sample objects"


def build_clouds(
    items: Sequence[Item], catalogues: Path, game: Path, cars: Mapping[str, Path], target: Path, report: Report
) -> list[str]:
    """Samples every object of the table and packs the clouds into `target`.

    `catalogues` is the folder of furniture catalogues, `game` a zip file of 0 A.D.'s meshes and `cars` where each car
    lies. Returns the names of objects that the packages do not hold. Raises DataError when there are many of them, or
    one cannot be read.
    """
    clouds: dict[str, Float16[np.ndarray, "m 3"]] = {}
    with Furniture(catalogues) as furniture, zipfile.ZipFile(game) as meshes:
        for index, item in enumerate(items):
            report(_STEP, index, len(items))
            surface = _surface(item.name, furniture, meshes, cars)
            if surface is not None:
                clouds[item.name] = _cloud(item.name, surface)
    missing = [item.name for item in items if item.name not in clouds]
    check_missing(missing, len(items), "objects")
    _pack([item for item in items if item.name in clouds], clouds, classes(items), target)
    report(_STEP, len(items), len(items))
    return missing


def _surface(name: str, furniture: Furniture, meshes: zipfile.ZipFile, cars: Mapping[str, Path]) -> Surface | None:
    """The object's surface, from whichever source has it, y upwards; None where none has."""
    if name in cars:
        return torcs.read_car(cars[name])
    if furniture.holds(name):
        parts, rotation = furniture.model(name)
        return from_polygons((part.points @ rotation.T, part.polygons) for part in parts)
    try:
        mesh = read_mesh(meshes.read(zero_ad.mesh_path(name)))
    except KeyError:
        return None
    except DataError as error:
        raise DataError(f"the mesh of {name} cannot be read: {error}") from None
    return Surface(mesh.points.astype(np.float64), mesh.triangles)


def _cloud(name: str, surface: Surface) -> Float16[np.ndarray, "m 3"]:
    """Points that follow from the object's name, so that any cloud can be drawn again by itself."""
    try:
        points, _, _ = unit_cube(surface.sample(POINTS, zlib.crc32(name.encode())))
    except DataError as error:
        raise DataError(f"{name} cannot be sampled: {error}") from None
    return points.astype(np.float16)


def _pack(
    items: Sequence[Item], clouds: Mapping[str, Float16[np.ndarray, "m 3"]], names: Sequence[str], target: Path
) -> None:
    with whole(target) as part, part.open("wb") as out:
        np.savez_compressed(
            out,
            points=np.stack([clouds[item.name] for item in items]),
            label=np.array([names.index(item.label) for item in items], dtype=np.int64),
            split=np.array([item.split for item in items], dtype=np.int8),
            group=np.array([item.group for item in items], dtype=np.int64),
            name=np.array([item.name for item in items]),
            classes=np.array(names),
        )
