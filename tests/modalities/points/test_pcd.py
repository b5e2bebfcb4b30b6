"""PCD in its three encodings (PCL-02, PCL-06)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from perceiver import InputError
from perceiver.modalities.points.readers import Cloud, read_cloud
from tests.modalities.points import files
from tests.modalities.points.files import POINTS

ENCODINGS = ["ascii", "binary", "binary_compressed"]
RGB = np.full(50, (200 << 16) + (100 << 8) + 30, "<u4")


def read(data: bytes, most: int = 1000) -> Cloud:
    return read_cloud(data, "a.pcd", most)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_reads_places_of_either_precision(encoding: str, kind: str) -> None:
    cloud = read(files.pcd(files.cloud_rows(POINTS, kind), encoding))
    assert np.array_equal(cloud.points.astype(kind), POINTS.astype(kind))
    assert cloud.colours is None
    assert cloud.notes == ()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("packed", ["rgb as a float", "rgb", "rgba"])
def test_reads_colours_packed_into_four_bytes(encoding: str, packed: str) -> None:
    colours = RGB.view("<f4") if packed == "rgb as a float" else RGB
    rows = files.cloud_rows(POINTS, **{packed.split()[0]: colours, "intensity": np.zeros(50, "<f4")})
    cloud = read(files.pcd(rows, encoding))
    assert cloud.colours is not None
    assert np.array_equal(cloud.colours, np.tile([200, 100, 30], (50, 1)))
    assert cloud.notes == ("left out its field intensity, as the model reads places alone",)
    assert np.array_equal(cloud.points.astype("<f4"), POINTS.astype("<f4"))


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_fields_may_hold_several_values_in_any_order(encoding: str) -> None:
    rows = np.zeros(50, [("h", "<f4", (3,)), ("Z", "<f8"), ("_", "u1", (2,)), ("X", "<f4"), ("y", "<i2")])
    rows["X"], rows["y"], rows["Z"] = POINTS[:, 0], np.arange(50), POINTS[:, 2]
    cloud = read(files.pcd(rows, encoding))
    assert np.array_equal(cloud.points[:, 0].astype("<f4"), POINTS[:, 0].astype("<f4"))
    assert np.array_equal(cloud.points[:, 1], np.arange(50))
    assert np.allclose(cloud.points[:, 2], POINTS[:, 2], atol=1e-9)
    assert cloud.notes == ("left out its field h, as the model reads places alone",)


def test_reads_what_another_library_writes(tmp_path: Path) -> None:
    import open3d as o3d  # takes seconds

    given = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(POINTS))
    given.colors = o3d.utility.Vector3dVector(np.tile([1.0, 0.0, 0.2], (50, 1)))
    for i, (text, packed) in enumerate([(True, False), (False, False), (False, True)]):
        path = tmp_path / f"{i}.pcd"
        o3d.io.write_point_cloud(str(path), given, write_ascii=text, compressed=packed)
        cloud = read(path.read_bytes())
        assert np.abs(cloud.points - POINTS).max() < 1e-7
        assert cloud.colours is not None
        assert cloud.colours[0].tolist() == [255, 0, 51]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_missing_pixels_of_a_depth_camera_are_kept_for_later(encoding: str) -> None:
    points = POINTS.copy()
    points[::5] = np.nan
    cloud = read(files.pcd(files.cloud_rows(points), encoding, width=10, height=5))
    assert np.array_equal(np.isnan(cloud.points).all(axis=1), np.arange(50) % 5 == 0)


def test_windows_line_ends_and_headers_without_a_comment() -> None:
    text = files.pcd(files.cloud_rows(POINTS), "ascii")
    assert np.array_equal(read(text.replace(b"\n", b"\r\n")).points, read(text).points)
    for encoding in ENCODINGS:
        data = files.pcd(files.cloud_rows(POINTS), encoding).split(b"\n", 1)[1]
        assert np.array_equal(read(data).points.astype("<f4"), POINTS.astype("<f4"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_cut_file_is_refused(encoding: str) -> None:
    with pytest.raises(InputError, match=r"a\.pcd was cut off"):
        read(files.pcd(files.cloud_rows(POINTS), encoding)[:-60])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_false_numbers_of_a_header_are_refused_before_room_is_made(encoding: str) -> None:
    data = files.pcd(files.cloud_rows(POINTS), encoding)
    many = data.replace(b"POINTS 50", b"POINTS 50000000").replace(b"WIDTH 50", b"WIDTH 50000000")
    with pytest.raises(InputError, match="holds 50,000,000 points; at most 1,000"):
        read(many)
    with pytest.raises(InputError, match="contradicts itself"):
        read(data.replace(b"POINTS 50", b"POINTS 51"))
    with pytest.raises(InputError, match=r"cut off|another size"):
        read(many, 10**9)
    with pytest.raises(InputError, match="header that is not understood"):
        read(data.replace(b"TYPE F", b"TYPE Q"))


def test_damaged_packing_is_refused() -> None:
    data = files.pcd(files.cloud_rows(POINTS), "binary_compressed")
    start = data.index(b"compressed\n") + 11
    # The first run now copies from before the beginning.
    with pytest.raises(InputError, match="damaged or of a layout that is not read"):
        read(data[: start + 8] + b"\xff\xff\xff" + data[start + 11 :])
    with pytest.raises(InputError, match="another size than its header says"):
        read(data[: start + 4] + struct.pack("<I", 2**32 - 1) + data[start + 8 :])
