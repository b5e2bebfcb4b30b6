"""PLY in all its variety (PCL-02, PCL-04, PCL-06)."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from perceiver import InputError
from perceiver.modalities.points.readers import Cloud, read_cloud
from tests.modalities.points import files
from tests.modalities.points.files import POINTS

FLOATS = ["float x", "float y", "float z"]
FORMS = ["ascii", "binary_little_endian", "binary_big_endian"]


def read(data: bytes) -> Cloud:
    return read_cloud(data, "a.ply", 1000)


def same(cloud: Cloud, points: np.ndarray = POINTS) -> bool:
    return np.array_equal(cloud.points.astype(np.float32), points.astype(np.float32)) and cloud.triangles is None


@pytest.mark.parametrize("form", FORMS)
def test_reads_points_in_either_byte_order_and_as_text(form: str) -> None:
    cloud = read(files.ply(POINTS, FLOATS, form))
    assert same(cloud)
    assert cloud.colours is None
    assert cloud.notes == ()


@pytest.mark.parametrize("form", FORMS)
def test_types_order_and_capitals_are_free(form: str) -> None:
    rows = [(z, 7, x, y, 0.5) for x, y, z in POINTS]
    cloud = read(files.ply(rows, ["double Z", "int label", "float X", "double Y", "float confidence"], form))
    assert same(cloud)
    # A double stays one.
    assert np.array_equal(cloud.points[:, 1:], POINTS[:, 1:])
    assert cloud.notes == ("left out its fields label and confidence, as the model reads places alone",)


def test_lines_may_end_as_windows_or_old_macs_end_them() -> None:
    data = files.ply(POINTS, FLOATS)
    for end in (b"\r\n", b"\r"):
        assert same(read(data.replace(b"\n", end)))
    head, body = files.ply(POINTS, FLOATS, "binary_little_endian").split(b"end_header\n")
    assert same(read(head.replace(b"\n", b"\r\n") + b"end_header\r\n" + body))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("kind", "given", "shown"),
    [
        ("uchar", (200, 0, 255), (200, 0, 255)),
        ("ushort", (65535, 0, 257 * 100), (255, 0, 100)),
        ("float", (0.8, 0.0, 1.0), (204, 0, 255)),
    ],
)
def test_the_declared_type_is_the_scale_of_colours(
    form: str, kind: str, given: tuple[float, ...], shown: tuple[int, ...]
) -> None:
    rows = [(*point, *given) for point in POINTS]
    cloud = read(files.ply(rows, [*FLOATS, f"{kind} red", f"{kind} green", f"{kind} blue"], form))
    assert cloud.colours is not None
    assert np.array_equal(cloud.colours, np.tile(shown, (50, 1)))
    assert same(cloud)
    assert cloud.notes == ()


def test_colours_off_their_types_scale_are_read_with_a_note() -> None:
    rows = [(*point, 200.0, 0.0, 255.0) for point in POINTS]
    for kind in ("float", "int"):
        given = rows if kind == "float" else [(*row[:3], 200, 0, 255) for row in rows]
        cloud = read(files.ply(given, [*FLOATS, f"{kind} red", f"{kind} green", f"{kind} blue"]))
        assert cloud.colours is not None
        assert cloud.colours[0].tolist() == [200, 0, 255]
        assert cloud.notes == ("took its colours as numbers from 0 to 255",)
    wild = read(files.ply([(*point, 1e6, 0, 0) for point in POINTS], [*FLOATS, "int red", "int green", "int blue"]))
    assert wild.colours is None
    assert wild.notes == ("left out its colours, which run up to 1,000,000",)


def test_lists_among_the_numbers_of_a_point_are_stepped_over() -> None:
    rows = [[x, 2, 7, 8, y, z] if i % 2 else [x, 1, 7, y, z] for i, (x, y, z) in enumerate(POINTS.tolist())]
    cloud = read(files.ply(rows, ["float x", "list uchar int near", "float y", "float z"]))
    assert same(cloud)
    assert cloud.notes == ("left out its field near, as the model reads places alone",)
    head = files.ply([], ["float x", "list uchar int near", "float y", "float z"], "binary_big_endian")
    packed = b""
    for i, (x, y, z) in enumerate(POINTS):
        near = np.arange(i % 3)
        packed += np.array([x], ">f4").tobytes() + bytes([len(near)]) + near.astype(">i4").tobytes()
        packed += np.array([y, z], ">f4").tobytes()
    assert same(read(head.replace(b"vertex 0", b"vertex 50") + packed))


@pytest.mark.parametrize("form", FORMS)
def test_polygons_of_mixed_sizes_become_triangles_in_order(form: str) -> None:
    polygons = [(0, 1, 2), (0, 1, 2, 3), (7, 8), (9, 8, 7, 6, 5)]
    triangles = [[0, 1, 2], [0, 1, 2], [0, 2, 3]]
    cloud = read(files.ply(POINTS, FLOATS, form, faces=polygons))
    assert cloud.triangles is not None
    assert cloud.triangles.tolist()[:3] == triangles
    assert set(cloud.triangles[3:].ravel()) == {5, 6, 7, 8, 9}
    assert len(cloud.triangles) == 6
    named = files.ply(POINTS, FLOATS, form, faces=polygons, face_properties=["list uchar int vertex_index"])
    assert np.array_equal(read(named).triangles, cloud.triangles)
    with pytest.raises(InputError, match="names point 50 of points 0 to 49"):
        read(files.ply(POINTS, FLOATS, form, faces=[(0, 1, 50)]))


def test_reads_what_another_library_writes() -> None:
    box = trimesh.creation.box(extents=(1, 2, 4))
    for encoding in ("ascii", "binary_little_endian"):
        cloud = read(box.export(file_type="ply", encoding=encoding.split("_")[0]))
        assert cloud.triangles is not None
        assert np.allclose(cloud.points, box.vertices)
        assert np.array_equal(cloud.triangles, box.faces)


def test_values_that_are_no_numbers_are_kept_for_later() -> None:
    cloud = read(files.ply([["nan", "nan", "nan"], *POINTS.tolist()], FLOATS))
    assert np.isnan(cloud.points[0]).all()
    assert len(cloud.points) == 51


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_file_is_refused_and_not_filled_with_zeros(form: str) -> None:
    data = files.ply(POINTS, FLOATS, form)
    with pytest.raises(InputError, match=r"a\.ply was cut off or damaged: its header promises 50 points, but .* 4\d"):
        read(data[: -len(data) // 10])
    with pytest.raises(InputError, match="promises 5 faces"):
        read(files.ply(POINTS, FLOATS, form, faces=[(0, 1, 2)] * 5)[:-20])


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nend_header\n", "holds no points"),
        (b"ply\nformat ascii 1.0\nelement vertex 3\n", "without the end of its header"),
        (b"ply\nformat ascii 1.0\nelement vertex 1\nproperty quad x\nend_header\n1\n", "property .* 'quad x'"),
        (b"ply\nformat utf8 1.0\nelement vertex 1\nend_header\n1\n", "header .* 'format utf8 1.0'"),
        (files.ply(POINTS, ["float x", "float y", "float w"]), "no field named z"),
        (files.ply(POINTS, FLOATS).replace(b"vertex 50", b"vertex 50000000"), "50,000,000 points; at most 1,000"),
        (files.ply(POINTS, FLOATS).replace(b"0.637 ", b"zero "), r"line \d+ is 'zero .*', not 3 numbers"),
        (files.ply(POINTS, ["float x", "list int float q"]), "."),
    ],
)
def test_says_what_is_wrong(data: bytes, cause: str) -> None:
    with pytest.raises(InputError, match=f"a.ply.*{cause}"):
        read(data)


def test_a_length_beyond_the_file_takes_no_room() -> None:
    head = files.ply([], FLOATS, "binary_little_endian", faces=[(0, 1, 2)]).split(b"end_header\n")[0]
    head = head.replace(b"vertex 0", b"vertex 1").replace(b"uchar int", b"uint int")
    for length in (2**32 - 1, 0):
        data = head + b"end_header\n" + bytes(12) + length.to_bytes(4, "little") + bytes(20)
        if length:
            with pytest.raises(InputError, match="promises 1 faces, but there are only 0"):
                read(data)
        else:
            assert read(data).triangles is None
