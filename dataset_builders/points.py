"""The points data set, from packages of 3D models: `perceiver data build points`.

Makes `points.npz`, the objects of the image data set and some more as clouds of points, drawn on their surfaces
uniformly by area, and beside it `LICENCES-points.md`. About 2 GB in `cache/` are kept for another build and may be
deleted.

    points   (n, 4096, 3) float16, y upwards; their mean is 0 and the largest magnitude of a coordinate 1
    label    (n,) int64, an index into classes
    split    (n,) int8, 0 train, 1 val, 2 test; see splits.py
    group    (n,) int64, the group of near copies
    name     (n,), and classes

There are more points than a model takes, so that training can sample different subsets.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float16, Float64, Int, Int64

from perceiver.errors import DataError
from perceiver.modalities.points.geometry import sample_surface, unit_cube
from perceiver.storage import write_arrays

from .frame import DataSet, Output, Work, licence_page
from .objects import torcs, zero_ad
from .objects.licences import LICENCES, objects_page
from .objects.sweet_home import PACKAGES, Furniture, take_catalogues
from .splits import Item, check_missing, classes, item_arrays, read_table

# Increase when the same settings give other arrays or objects, so that existing files are rebuilt.
REVISION = 1

POINTS = 4096

_LICENCES = """# Licences of the point clouds

`points.npz` holds points drawn on the surfaces of 3D models of 0 A.D., of TORCS and of Sweet Home 3D's furniture
catalogues. They are derived works: whoever passes them on keeps to the licences below. The packages' full statements
are in `licences/`.
"""

Surface = tuple[Float64[np.ndarray, "v 3"], Int64[np.ndarray, "t 3"]]
"""Corners, and triangles as three indices of corners each."""


def data_set() -> DataSet:
    """Definition of the data set."""
    return DataSet(
        packages=[*PACKAGES, zero_ad.PACKAGE, torcs.PACKAGE],
        outputs=[
            Output("points.npz", {"revision": REVISION, "points": POINTS}, _make),
            licence_page(
                "LICENCES-points.md", REVISION, lambda work: objects_page(_LICENCES, read_table("clouds"), work)
            ),
        ],
        licences=LICENCES,
        tools={"cutter": ("pyvista", "vtk")},
        check=require_cutter,
    )


def require_cutter() -> None:
    """Raises DataError with what to install when polygons cannot be cut into triangles here."""
    try:
        _pyvista()
    except ImportError:
        raise DataError(
            "cutting polygons needs pyvista; install it with `pip install 'perceiver-lens[data]'`"
        ) from None


def from_polygons(parts: Iterable[tuple[Float[np.ndarray, "_ 3"], Int[np.ndarray, "_"]]]) -> Surface:
    """One surface of several parts: corners, and polygons as their number of corners and then their indices.

    Polygons may be concave (a door frame, for example), so that a triangle fan would be wrong.
    """
    corners, triangles, start = [], [], 0
    for points, polygons in parts:
        cut = _pyvista().PolyData(points.astype(np.float64), faces=polygons).triangulate()
        corners.append(np.asarray(cut.points, dtype=np.float64))
        triangles.append(cut.regular_faces.astype(np.int64) + start)
        start += len(corners[-1])
    return np.concatenate(corners), np.concatenate(triangles)


def sample(name: str, surface: Surface) -> Float16[np.ndarray, "m 3"]:
    """Samples POINTS points of a surface, in the unit cube, seeded by the object name.

    Raises DataError when the surface has no area.
    """
    try:
        drawn, _, _ = sample_surface(*surface, POINTS, np.random.default_rng(zlib.crc32(name.encode())))
        points, _, _ = unit_cube(drawn)
    except ValueError as error:
        raise DataError(f"{name} cannot be sampled: {error}") from None
    return points.astype(np.float16)


@contextmanager
def _open_sampler(
    catalogues: Path, game: Path, cars: Mapping[str, Path]
) -> Iterator[Callable[[Item], dict[str, np.ndarray] | None]]:
    """The function that samples an object, from whichever source has it; it returns None where none has."""
    with Furniture(catalogues) as furniture, zero_ad.Game(game, []) as played:

        def surface(name: str) -> Surface | None:
            if name in cars:
                return from_polygons([torcs.read_car(cars[name])])
            if furniture.holds(name):
                parts, rotation = furniture.model(name)
                return from_polygons((part.points @ rotation.T, part.polygons) for part in parts)
            mesh = played.mesh(name)
            return None if mesh is None else (mesh.points.astype(np.float64), mesh.triangles)

        def cloud(item: Item) -> dict[str, np.ndarray] | None:
            found = surface(item.name)
            return None if found is None else {"points": sample(item.name, found)}

        yield cloud


def _make(work: Work, target: Path) -> Mapping[str, Any]:
    items = read_table("clouds")
    names = [item.name for item in items]
    game = work.cache / f"0ad-meshes-{REVISION}.zip"
    zero_ad.keep_meshes(work.file(zero_ad.PACKAGE), names, game, work.progress)
    cars = torcs.take_cars(work.file(torcs.PACKAGE), names, work.cache / "cars")
    parts = work.parts("Sample objects", partial(_open_sampler, take_catalogues(work), game, cars), items)
    here = [(item, part["points"]) for item, part in zip(items, parts, strict=True) if part is not None]
    missing = [item.name for item, part in zip(items, parts, strict=True) if part is None]
    check_missing(missing, len(items), "objects")
    write_arrays(
        target,
        points=np.stack([points for _, points in here]),
        **item_arrays([item for item, _ in here], classes(items)),
    )
    return {"missing": missing}


def _pyvista() -> Any:
    # Its types say little of what is used here, and importing it takes long.
    return importlib.import_module("pyvista")
