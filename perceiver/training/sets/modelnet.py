"""Reads a folder laid out like ModelNet40 (CLASS/train/*.off, CLASS/test/*.off) into the arrays of `points.npz`."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float16

from ...errors import DataError, InputError
from ...modalities.points.geometry import Axis, rotate_up, sample_surface, unit_cube
from ...modalities.points.readers import read_cloud
from ...progress import ProgressCallback, progress_bars
from ...storage import write_arrays
from .base import TEST, TRAIN

_SIDES = {"train": TRAIN, "test": TEST}
_STEP = "Sample meshes"
_MOST = 50_000_000  # triangles per mesh; the largest of ModelNet has about two million
# Increase when the same meshes give other arrays, which invalidates caches.
_REVISION = 1


@dataclass(frozen=True)
class _Mesh:
    """One file of the folder."""

    path: Path
    label: str
    side: str

    @property
    def name(self) -> str:
        return f"{self.label}/{self.side}/{self.path.stem}"


def is_modelnet(folder: Path) -> bool:
    """Whether the folder is laid out like ModelNet40."""
    return next(_meshes(folder), None) is not None


def read_modelnet(
    folder: Path,
    points: int = 2048,
    seed: int = 0,
    *,
    up: Axis = "z",
    cache: Path | None = None,
    progress: ProgressCallback | None = None,
) -> dict[str, np.ndarray]:
    """Samples points from all meshes of a folder with CLASS/train/*.off and CLASS/test/*.off, uniformly by area.

    Returns the arrays of `points.npz`: `points` (n, points, 3) float16, y upwards, mean 0 and in the unit cube; `label`
    (n,), an index into `classes`, the folder names; `split` (n,), 0 for train and 2 for test; `group` (n,), one per
    object; and `name` (n,). `up` is the up axis in the files, z in ModelNet40. With `cache`, the arrays are stored in
    that file and loaded from it while the files of the folder and the settings are unchanged. Without `progress` a bar
    is shown on standard error.

    Raises DataError if there are no such files, a class lacks its train or test folder, a file cannot be read, or
    `cache` cannot be written.
    """
    if points < 1:
        raise DataError(f"{points} points of a mesh are asked for; it must be at least 1")
    meshes = list(_meshes(folder))
    _check(folder, meshes)
    key = _key(folder, meshes, points=points, seed=seed, up=up)
    kept = _read(cache, key) if cache is not None else None
    if kept is not None:
        return kept
    arrays = _sample(meshes, points, seed, up, progress)
    if cache is not None:
        write_arrays(cache, **arrays, key=np.array(key))
    return arrays


def _meshes(folder: Path) -> Iterator[_Mesh]:
    """The files of the folder, ordered by class, split and name."""
    for label in sorted(path for path in folder.glob("*") if path.is_dir()):
        for side in _SIDES:
            for path in sorted((label / side).glob("*")):
                if path.suffix.lower() == ".off" and not path.name.startswith("."):
                    yield _Mesh(path, label.name, side)


def _check(folder: Path, meshes: list[_Mesh]) -> None:
    if not meshes:
        raise DataError(f"{folder} holds no CLASS/train/*.off or CLASS/test/*.off, as ModelNet40 does")
    sides = {(mesh.label, mesh.side) for mesh in meshes}
    for label in dict.fromkeys(mesh.label for mesh in meshes):
        for side in _SIDES:
            if (label, side) not in sides:
                raise DataError(f"{folder / label / side} holds no .off file, though other folders of its class do")


def _key(folder: Path, meshes: list[_Mesh], **settings: Any) -> str:
    """The cache key: settings, and name, size and modification time of each file."""
    files = [
        (str(mesh.path.relative_to(folder)), stat.st_size, stat.st_mtime_ns)
        for mesh in meshes
        for stat in [mesh.path.stat()]
    ]
    return json.dumps({"revision": _REVISION, **settings, "files": zlib.crc32(repr(files).encode())}, sort_keys=True)


def _read(cache: Path, key: str) -> dict[str, np.ndarray] | None:
    """The arrays in the cache file; None if it is missing, damaged or out of date."""
    try:
        with np.load(cache, allow_pickle=False) as file:
            if str(file["key"]) != key:
                return None
            return {name: file[name] for name in file.files if name != "key"}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _sample(
    meshes: list[_Mesh], points: int, seed: int, up: Axis, progress: ProgressCallback | None
) -> dict[str, np.ndarray]:
    clouds = np.empty((len(meshes), points, 3), dtype=np.float16)
    with ExitStack() as stack:
        report = progress or stack.enter_context(progress_bars())
        for index, mesh in enumerate(meshes):
            report(index / len(meshes), _STEP)
            clouds[index] = _cloud(mesh, points, seed, up)
        report(1.0, _STEP)
    names = sorted({mesh.label for mesh in meshes})
    return {
        "points": clouds,
        "label": np.array([names.index(mesh.label) for mesh in meshes], dtype=np.int64),
        "split": np.array([_SIDES[mesh.side] for mesh in meshes], dtype=np.int8),
        "group": np.arange(len(meshes), dtype=np.int64),
        "name": np.array([mesh.name for mesh in meshes]),
        "classes": np.array(names),
    }


def _cloud(mesh: _Mesh, points: int, seed: int, up: Axis) -> Float16[np.ndarray, "m 3"]:
    """Points sampled with a seed from `seed` and the object name, so that they do not depend on other files."""
    try:
        read = read_cloud(mesh.path.read_bytes(), str(mesh.path), _MOST)
    except InputError as error:
        raise DataError(str(error)) from None
    except OSError as error:
        raise DataError(f"{mesh.path} cannot be read: {(error.strerror or 'refused').lower()}") from None
    if read.triangles is None:
        raise DataError(f"{mesh.path} has no faces, so its surface cannot be sampled")
    generator = np.random.default_rng([seed, zlib.crc32(mesh.name.encode())])
    try:
        drawn, _, _ = sample_surface(read.points, read.triangles, points, generator)
        placed, _, _ = unit_cube(rotate_up(drawn, up, "y"))
    except ValueError as error:
        raise DataError(f"{mesh.path} cannot be sampled: {error}") from None
    return placed.astype(np.float16)
