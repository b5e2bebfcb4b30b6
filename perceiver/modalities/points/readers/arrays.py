"""NPY and NPZ: arrays of points as NumPy writes them. Headers are read before room is made; objects are never read."""

from __future__ import annotations

import dataclasses
import io
import math
import zipfile

import numpy as np
from jaxtyping import Shaped

from ....errors import InputError
from .cloud import Cloud, check_count, truncated
from .columns import Places, cloud_from_columns
from .fields import Field, cloud_from_fields, colours_to_bytes

_MOST_COLUMNS = 16
_LONGEST_HEADER = 1 << 16
_USUAL = ("points", "xyz", "pos", "positions", "vertices", "pointcloud", "point_cloud", "pc", "data", "arr_0")
_COLOURS = ("colors", "colours", "rgb")


def read_npy(data: bytes, name: str, most: int, places: Places | None = None) -> Cloud:
    """The points of one array: (n, 3) or more columns, or named fields.

    places  the columns that are x, y and z; None takes the first three

    Raises InputError for anything else, and AmbiguousInputError as `cloud_from_columns` does.
    """
    shape, dtype, start = _header(data[:_LONGEST_HEADER], name)
    _check(shape, dtype, name, most)
    needed, there = math.prod(shape) * dtype.itemsize, len(data) - start
    if needed > there:
        raise truncated(name, shape[-1] if len(shape) == 1 else shape[-2], there * math.prod(shape[:-1]) // needed)
    return _cloud_of(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False), name, places)


def read_npz(data: bytes, name: str, most: int, places: Places | None = None) -> Cloud:
    """The points of an archive: the array with a usual name, or the only one that may be points; colours beside it.

    Raises InputError where none or several may be; otherwise as `read_npy`.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        headers = {}
        for member in archive.namelist():
            if member.endswith(".npy"):
                with archive.open(member) as file:
                    headers[member.removesuffix(".npy")] = _header(file.read(_LONGEST_HEADER), name)[:2]
        fitting = [key for key, (shape, dtype) in headers.items() if _fits(shape, dtype)]
        chosen = next((key for key in _USUAL if key in fitting), fitting[0] if len(fitting) == 1 else None)
        if chosen is None:
            which = "none" if not fitting else "more than one"
            raise InputError(f"{name} holds arrays of which {which} may be points; name the one that is 'points'")
        _check(*headers[chosen], name, most)
        cloud = _cloud_of(_member(archive, chosen), name, places)
        rest = [key for key in headers if key != chosen]
        beside = next((k for k in _COLOURS if k in rest and headers[k][0] == (len(cloud.points), 3)), None)
        if beside is not None and cloud.colours is None and headers[beside][1].kind in "fiu":
            rest.remove(beside)
            values = _member(archive, beside)
            colours, notes = colours_to_bytes(values, values.dtype)
            cloud = dataclasses.replace(cloud, colours=colours, notes=(*cloud.notes, *notes))
    if not rest:
        return cloud
    return dataclasses.replace(cloud, notes=(f"read the array {chosen!r} of its {len(headers):,} arrays", *cloud.notes))


def _header(data: bytes, name: str) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, type and start of the values of an array, from its first bytes."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise InputError(f"{name} holds Python objects, which are never read; save an array of numbers")
    return shape, dtype, file.tell()


def _fits(shape: tuple[int, ...], dtype: np.dtype) -> bool:
    if dtype.names is not None:
        return len(shape) == 1 and {"x", "y", "z"} <= {field.lower() for field in dtype.names}
    rows_of_numbers = len(shape) == 2 or (len(shape) == 3 and shape[0] == 1)
    return dtype.kind in "fiu" and rows_of_numbers and 3 <= shape[-1] <= _MOST_COLUMNS


def _check(shape: tuple[int, ...], dtype: np.dtype, name: str, most: int) -> None:
    if not _fits(shape, dtype):
        size = " x ".join(f"{n:,}" for n in shape) or "a single one"
        raise InputError(
            f"{name} holds an array of {size} values of type {dtype.name}; points need one row each, "
            f"of 3 to {_MOST_COLUMNS} numbers, or fields x, y and z"
        )
    check_count(shape[0] if len(shape) == 1 else shape[-2], most, name)


def _member(archive: zipfile.ZipFile, key: str) -> Shaped[np.ndarray, "..."]:
    with archive.open(f"{key}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _cloud_of(array: Shaped[np.ndarray, "..."], name: str, places: Places | None) -> Cloud:
    if array.dtype.names is None:
        return cloud_from_columns(array.reshape(-1, array.shape[-1]).astype(np.float64), name, places)
    if places is not None:
        raise InputError(f"{name} holds fields with the names x, y and z, so there are no columns to choose")
    kinds = {word: array.dtype[word] for word in array.dtype.names}
    return cloud_from_fields(
        [Field(word, array[word], kind) for word, kind in kinds.items() if kind.kind in "fiu"], name
    )
