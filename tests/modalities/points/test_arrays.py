"""NPY and NPZ (PCL-02)."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest

from perceiver import InputError
from perceiver.errors import AmbiguousInputError
from perceiver.modalities.points.readers import Cloud, read_cloud
from tests.modalities.points import files
from tests.modalities.points.files import POINTS


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def npz(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def read(data: bytes) -> Cloud:
    return read_cloud(data, "a.npy", 1000)


@pytest.mark.parametrize("kind", ["<f8", "<f4", ">f4", "<f2", "<i4", "u1"])
def test_reads_rows_of_numbers_of_any_type(kind: str) -> None:
    array = (POINTS * 100).astype(kind)
    for shaped in (array, array[None], np.asfortranarray(array)):
        assert np.array_equal(read(npy(shaped)).points, array.astype(np.float64))


def test_more_columns_and_named_fields_mean_what_they_mean_in_tables() -> None:
    colours = np.tile([200, 100, 50], (50, 1))
    cloud = read(npy(np.hstack([POINTS, colours])))
    assert np.array_equal(cloud.points, POINTS)
    assert np.array_equal(cloud.colours, colours)
    assert cloud.notes == ("took columns 1 to 3 as x, y, z and columns 4 to 6 as red, green, blue",)
    named = files.cloud_rows(POINTS, ">f8", red=colours[:, 0].astype("u2"), green=colours[:, 1].astype("u2"))
    cloud = read(npy(named))
    assert np.array_equal(cloud.points, POINTS)
    assert cloud.notes == ("left out its fields red and green, as the model reads places alone",)


def test_an_archive_gives_its_points_and_the_colours_beside_them() -> None:
    cloud = read(npz(label=3, points=POINTS, normals=POINTS, colors=np.full((50, 3), 0.2, "f4")))
    assert np.array_equal(cloud.points, POINTS)
    assert cloud.colours is not None
    assert cloud.colours[0].tolist() == [51, 51, 51]
    assert cloud.notes == ("read the array 'points' of its 4 arrays",)
    assert read(npz(anything=POINTS)).notes == ()


@pytest.mark.parametrize(
    ("array", "cause"),
    [
        (np.zeros((3, 100)), "an array of 3 x 100 values of type float64"),
        (np.zeros((5, 2)), "5 x 2"),
        (np.zeros((2, 5, 3)), "2 x 5 x 3"),
        (np.zeros((5, 3), complex), "type complex128"),
        (np.array(1.0), "a single one"),
        (np.zeros((0, 3)), "holds no points"),
        (np.zeros((1001, 3)), "holds 1,001 points; at most 1,000 are read"),
        (np.array([{"a": 1}]), "holds Python objects, which are never read"),
    ],
)
def test_says_why_an_array_is_no_cloud(array: np.ndarray, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        read(npy(array))
    with pytest.raises(InputError):
        read(npz(points=array))


def test_false_headers_take_no_room() -> None:
    data = npy(np.zeros((500, 3)))
    with pytest.raises(InputError, match=r"promises 500 points, but there are only 49\d"):
        read(data[:-200])
    with pytest.raises(InputError, match="holds 99,999,999 points"):
        read(npy(np.zeros((50, 3))).replace(b"(50, 3), }      ", b"(99999999, 3), }"))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("points.npy", npy(np.zeros((2_000_000, 3), "u1")))
    assert len(out.getvalue()) < 20_000
    with pytest.raises(InputError, match="holds 2,000,000 points"):
        read(out.getvalue())
    with pytest.raises(InputError, match="more than one may be points"):
        read(npz(a=POINTS, b=POINTS))
    with pytest.raises(InputError, match="NumPy archive, but its data are cut off"):
        read(npz(points=POINTS)[:200])


def test_numbers_of_points_in_arrays_are_asked_about_too() -> None:
    array = np.column_stack([np.arange(50), POINTS])
    for data, name in ((npy(array), "a.npy"), (npz(points=array), "a.npz")):
        with pytest.raises(AmbiguousInputError, match="first column that counts 0, 1, 2"):
            read_cloud(data, name, 1000)
        assert np.array_equal(read_cloud(data, name, 1000, (1, 2, 3)).points, POINTS)
    with pytest.raises(InputError, match="fields with the names x, y and z, so there are no columns to choose"):
        read_cloud(npy(files.cloud_rows(POINTS)), "a.npy", 1000, (1, 2, 3))
