"""OFF, OBJ, STL, GLB and glTF (PCL-01, PCL-08)."""

from __future__ import annotations

import base64
import json
import struct

import numpy as np
import pytest
import trimesh

from perceiver import InputError
from perceiver.modalities.points.readers import Cloud, read_cloud
from tests.modalities.points import files
from tests.modalities.points.files import BOX, BOX_FACES, CORNERS, FACES, SQUARE, TRIANGLE

TETRAHEDRON = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
SIDES = [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]


def read(data: bytes | str, name: str = "a.bin", most: int = 1000) -> Cloud:
    return read_cloud(data.encode() if isinstance(data, str) else data, name, most)


def triangles(cloud: Cloud) -> list[list[int]]:
    assert cloud.triangles is not None
    return cloud.triangles.tolist()


def corners(cloud: Cloud) -> np.ndarray:
    """The corners of every triangle, (t, 3, 3)."""
    return cloud.points[triangles(cloud)]


@pytest.mark.parametrize(
    "head",
    [
        *("OFF4 4 0\n", "OFF 4 4 0\n", "OFF\n4 4 0\n", "OFF\n4 4\n", "off\n4 4 6\n", "OFF # a word\n4 4 0 # counts\n"),
        *("OFF\n# a line\n\n4 4 0\n\n# points\n", "OFF\r\n4 4 0\r\n", "\n\nOFF\n\n  4 4 0  \n", "\ufeffOFF\n4 4 0\n"),
    ],
)
def test_off_keyword_and_counts_may_stand_in_any_way(head: str) -> None:
    cloud = read(head + CORNERS + FACES)
    assert cloud.points.tolist() == TETRAHEDRON
    assert triangles(cloud) == SIDES
    assert cloud.notes == ()


def test_off_without_faces_is_a_cloud() -> None:
    cloud = read("OFF\n4 0 0\n" + CORNERS)
    assert cloud.points.tolist() == TETRAHEDRON
    assert cloud.triangles is None
    assert cloud.notes == ("it has no faces, so its corners were used as points",)


def test_off_polygons_of_any_size_with_colours_behind_them() -> None:
    text = "OFF\n5 3 0\n0 0 0\n1 0 0\n2 1 0\n1 2 0\n0 1 0\n5 0 1 2 3 4 255 0 0\n3 0 1 2\n4  0 1 2 3 0.5 0.5 0.5 1\n"
    assert triangles(read(text)) == [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 1, 2], [0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize(
    ("keyword", "extra", "colour"),
    [
        ("COFF", "255 0 51 255", [255, 0, 51]),
        ("COFF", "1.0 0 0.2 1", [255, 0, 51]),
        ("CNOFF", "0 0 1 255 0 51 255", [255, 0, 51]),
        ("NOFF", "0 0 1", None),
        ("STOFF", "0.5 0.5", None),
    ],
)
def test_off_variants_bring_more_numbers_a_point(keyword: str, extra: str, colour: list[int] | None) -> None:
    lines = "".join(f"{line} {extra}\n" for line in CORNERS.splitlines())
    cloud = read(f"{keyword}\n4 4 0\n{lines}{FACES}")
    assert cloud.points.tolist() == TETRAHEDRON
    assert triangles(cloud) == SIDES
    assert (None if cloud.colours is None else cloud.colours[0].tolist()) == colour


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("OFF\n9 4 0\n" + CORNERS + FACES, "promises 9 points, but there are only 8"),
        ("OFF\n6 2 0\n" + CORNERS + FACES, "line 7 is '3 0 1 2', not 3 numbers"),
        (("OFF\n4 4 0\n" + CORNERS + FACES)[:-10], "promises 4 faces, but there are only 3"),
        (("OFF\n4 4 0\n" + CORNERS + FACES)[:-4], "its face 4 has fewer corners than it says"),
        ("OFF\n4 1 0\n" + CORNERS + "3 0 1 7\n", "names point 7 of points 0 to 3"),
        ("OFF\n4 1 0\n" + CORNERS + "3 0 1 -1\n", "names point -1 of points 0 to 3"),
        ("OFF\n4 2 0\n" + CORNERS + "3 0 1 2\n4 0 1 2 98\n", "its face 2 names point 98 of points 0 to 3"),
        ("OFF\n4 1 0\n" + CORNERS + "3 0 1 2.5\n", "its face 1 names point 2.5 of points 0 to 3"),
        ("OFF\n4 1 0\n" + CORNERS + "2.5 0 1 2\n", "its face 1 has fewer corners than it says"),
        ("OFF\n0 0 0\n", "holds no points"),
        ("OFF\n50000000 0 0\n" + CORNERS, "holds 50,000,000 points; at most 1,000"),
        ("OFF\n4 50000000 0\n" + CORNERS, "holds 50,000,000 faces; at most 1,000"),
        ("OFF BINARY\n4 4 0\n", "binary or not of three dimensions"),
        ("4OFF\n4 4 0\n", "binary or not of three dimensions"),
        ("OFF\n4 four 0\n", "no counts of points and faces"),
    ],
)
def test_off_says_what_is_wrong(text: str, cause: str) -> None:
    with pytest.raises(InputError, match=f"a.off .*{cause}"):
        read(text, "a.off")


@pytest.mark.parametrize(
    ("faces", "expected"),
    [
        ("f 1 2 3 4\n", [[0, 1, 2], [0, 2, 3]]),
        ("f 1 2 3\nf 1 3 4\n", [[0, 1, 2], [0, 2, 3]]),
        ("f 1/98 2/0 3/-77\nf 1//99 3 4\n", [[0, 1, 2], [0, 2, 3]]),
        ("f +1 2 3\n", [[0, 1, 2]]),
        ("f 1/1 2/2 3/3\nf 1//1 3//2 4//3\n  f\t4/1/1 3/2/2 \\\n 1/1/3\n", [[0, 1, 2], [0, 2, 3], [3, 2, 0]]),
        ("f -4 -3 -2\nv 9 9 9\nf -1 1 2\n", [[0, 1, 2], [4, 0, 1]]),
        ("mtllib missing.mtl\no a\nusemtl red\nf 1 2 3 # first\no a\nl 1 2\nf 1 2\nfo 1 3 4\n", [[0, 1, 2], [0, 2, 3]]),
        ("vn 0 0 1\nvt 0 0\nf 1 2 3\n", [[0, 1, 2]]),
    ],
)
def test_obj_faces_of_every_spelling(faces: str, expected: list[list[int]]) -> None:
    cloud = read(SQUARE + faces, "a.obj")
    assert cloud.points[:4].tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert triangles(cloud) == expected
    assert cloud.notes == ()
    assert triangles(read((SQUARE + faces).replace("\n", "\r\n"), "a.obj")) == expected


@pytest.mark.parametrize("rest", ["", "l 1 2 3 4\n", "p 1 2 3 4\n"])
def test_obj_without_faces_is_a_cloud(rest: str) -> None:
    cloud = read(SQUARE + rest, "a.obj")
    assert len(cloud.points) == 4
    assert cloud.triangles is None
    assert cloud.notes == ("it has no faces, so its corners were used as points",)


def test_obj_colours_and_weights_behind_the_points() -> None:
    cloud = read("v 0 0 0 1 0 0.2\nv\t1 0 0 1 1 1\n", "a.obj")
    assert cloud.colours is not None
    assert cloud.colours.tolist() == [[255, 0, 51], [255, 255, 255]]
    assert read("v 0 0 0 1.0\nv 1 0 0 1.0\n", "a.obj").points.tolist() == [[0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (SQUARE + "f 1 2 0\n", "names point 0; the first point of an OBJ mesh is 1"),
        (SQUARE + "f 1 2 99\n", "the face on line 5 names point 99; there are 4"),
        (SQUARE + "# a\n\nf 1 2 \\\n 3\nf 1/7 2/8 99/9\n", "the face on line 9 names point 99; there are 4"),
        (SQUARE + "f 1 2 -9\n", "the face on line 5 names point -9; only 4 stand above it"),
        ("f 1 2 -1\n" + SQUARE, "the face on line 1 names point -1; only 0 stand above it"),
        (SQUARE + "f 1 2 3\nf 0 1 2 3\n", "the face on line 6 names point 0"),
        (SQUARE + "f 1 2 three\n", "the face on line 5 has the corners '1 2 three', .*other than numbers of points"),
        (SQUARE + "f 1 2 3\nf 1.0 2.0 3.5\n", "the face on line 6 has the corners '1.0 2.0 3.5'"),
        (SQUARE + "f 1.0 2.0 3.0\n", "the face on line 5 has the corners '1.0 2.0 3.0'"),
        (SQUARE + "f 1e0 2 3\n", "the face on line 5 has the corners '1e0 2 3'"),
        (SQUARE + "f 1,2,3\n", "the face on line 5 has the corners '1,2,3'"),
        (SQUARE + "f 1 2 99999999999999999999\n", "names point 100000000000000000000; there are 4"),
        ("v 0,5 0 0\n", "other than numbers"),
        ("v 0 0\n", "fewer than three numbers"),
        ("f 1 2 3\n", "holds no points"),
        (SQUARE * 300, "holds 1,200 points; at most 1,000"),
    ],
)
def test_obj_says_what_is_wrong(text: str, cause: str) -> None:
    with pytest.raises(InputError, match=f"a.obj .*{cause}"):
        read(text, "a.obj")


def test_stl_as_bytes_and_as_text() -> None:
    given = BOX[BOX_FACES]
    for data in (files.stl(given), files.stl_text(given), files.stl(given) + b"more"):
        assert np.array_equal(corners(read(data, "a.stl")), given)
    # A binary file may begin with the word that marks text.
    assert np.array_equal(corners(read(b"solid" + files.stl(given)[5:], "a.stl")), given)


def test_the_length_of_a_binary_stl_comes_before_the_words_of_its_title() -> None:
    given = BOX[BOX_FACES]
    title = b"solid box, exported facet by facet".ljust(80)
    data = title + files.stl(given)[80:]
    for behind in (b"", b"more"):
        cloud = read(data + behind, "a.stl")
        assert np.array_equal(corners(cloud), given)
    with pytest.raises(InputError, match="promises 12 triangles, but there are only 11"):
        read(data[:-1], "a.stl")


def test_what_an_stl_holds_behind_its_count_is_said() -> None:
    given = BOX[BOX_FACES]
    assert read(files.stl(given)).notes == ()
    fewer = bytearray(files.stl(given))
    fewer[80:84] = struct.pack("<I", 5)
    cloud = read(bytes(fewer), "a.stl")
    assert np.array_equal(corners(cloud), given[:5])
    assert cloud.notes == (
        "left out 350 bytes behind the 5 triangles that its header promises, room for 7 more of them",
    )
    note = "left out 4 bytes behind the 12 triangles that its header promises"
    assert read(files.stl(given) + b"more", "a.stl").notes == (note,)
    fewer[80:84] = bytes(4)
    with pytest.raises(InputError, match="promises no triangles in its header, but data for 12 follow"):
        read(bytes(fewer), "a.stl")


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (files.stl(BOX[BOX_FACES])[:-20], "promises 12 triangles, but there are only 11"),
        (files.stl_text(BOX[BOX_FACES])[:-40], "cut off: the end of its text is missing"),
        (bytes(80) + struct.pack("<I", 2001) + bytes(2001 * 50), "holds 2,001 triangles; at most 1,000"),
        (bytes(84), "holds no triangles"),
    ],
)
def test_stl_says_what_is_wrong(data: bytes, cause: str) -> None:
    with pytest.raises(InputError, match=f"a.stl .*{cause}"):
        read(data, "a.stl")


def test_what_other_formats_hold_behind_their_counts_is_said() -> None:
    off = ("OFF\n4 3 0\n" + CORNERS + FACES).encode()
    assert read(off, "a.off").notes == ("left out 7 bytes behind the 4 points and 3 faces that its header promises",)
    rows = files.POINTS[:6].tolist()
    axes = ["float x", "float y", "float z"]
    for form, rest, size in (("ascii", b"1 2 3\n", 5), ("binary_little_endian", b"\1" * 12, 12)):
        data = files.ply(rows, axes, form)
        assert read(data, "a.ply").notes == ()
        note = f"left out {size} bytes behind the 6 points that its header promises"
        assert read(data + rest, "a.ply").notes == (note,)
    cloud = files.cloud_rows(files.POINTS[:6])
    assert read(files.pcd(cloud), "a.pcd").notes == read(files.pcd(cloud, "ascii"), "a.pcd").notes == ()
    note = "left out 24 bytes behind the 6 points that its header promises, room for 2 more of them"
    assert read(files.pcd(cloud) + b"\1" * 24, "a.pcd").notes == (note,)
    note = "left out 5 bytes behind the 6 points that its header promises"
    assert read(files.pcd(cloud, "ascii") + b"1 2 3\n", "a.pcd").notes == (note,)


def test_glb_parts_stand_where_the_scene_puts_them() -> None:
    """One mesh placed twice, the second time moved by 10 and doubled: it reaches x = 12."""
    found = corners(read(files.glb(files.scene())))
    assert sorted(found.tolist()) == [TRIANGLE.tolist(), [[10, 0, 0], [12, 0, 0], [10, 2, 0]]]


def test_glb_transforms_are_chained_and_may_be_matrices() -> None:
    quarter_about_z = [0, 0, np.sqrt(0.5), np.sqrt(0.5)]
    moved_by_one = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1]
    nodes = [{"rotation": quarter_about_z, "children": [1]}, {"mesh": 0, "matrix": moved_by_one}]
    found = corners(read(files.glb(files.scene(nodes=nodes, scenes=[{"nodes": [0]}]))))
    # (1, 0, 0), (2, 0, 0), (1, 1, 0) turned by 90 degrees: (x, y) -> (-y, x).
    assert np.allclose(found, [[[0, 1, 0], [0, 2, 0], [-1, 1, 0]]], atol=1e-6)


def test_gltf_with_its_buffer_inside_and_parts_of_one_name() -> None:
    packed = "data:application/octet-stream;base64," + base64.b64encode(TRIANGLE.tobytes()).decode()
    part = {"name": "part", "primitives": [{"attributes": {"POSITION": 0}}]}
    nodes = [{"name": "n", "mesh": 0}, {"name": "n", "mesh": 1, "translation": [0, 0, 5]}]
    tree = files.scene(buffers=[{"byteLength": 36, "uri": packed}], meshes=[part, part], nodes=nodes)
    found = corners(read(json.dumps(tree), "a.gltf"))
    assert sorted(found[:, 0].tolist()) == [[0, 0, 0], [0, 0, 5]]


def test_glb_in_point_mode_is_a_cloud() -> None:
    points = [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 0}]}]
    cloud = read(files.glb(files.scene(meshes=points)))
    assert sorted(cloud.points.tolist()) == sorted([*TRIANGLE.tolist(), [10, 0, 0], [12, 0, 0], [10, 2, 0]])
    assert cloud.triangles is None
    assert cloud.notes == ("it has no faces, so its corners were used as points",)
    mixed = [{"primitives": [{"attributes": {"POSITION": 0}, "mode": mode} for mode in (0, 4, 6)]}]
    cloud = read(files.glb(files.scene(meshes=mixed)))
    assert len(corners(cloud)) == 2
    assert cloud.notes == ("left out 4 of its 6 parts, which are points, lines or fans of triangles",)


def test_glb_indices_strips_and_colours() -> None:
    values = np.vstack([TRIANGLE, [[1, 1, 0]]]).astype("<f4").tobytes() + np.array([0, 1, 2, 3], "<u2").tobytes()
    values += np.array([[255, 0, 51, 255]] * 4, "u1").tobytes()
    tree = files.scene(
        scenes=[{"nodes": [0]}],
        meshes=[{"primitives": [{"attributes": {"POSITION": 0, "COLOR_0": 2}, "indices": 1, "mode": 5}]}],
        accessors=[
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 4, "type": "SCALAR"},
            {"bufferView": 2, "componentType": 5121, "count": 4, "type": "VEC4", "normalized": True},
        ],
        bufferViews=[
            {"buffer": 0, "byteOffset": 0, "byteLength": 48},
            {"buffer": 0, "byteOffset": 48, "byteLength": 8},
            {"buffer": 0, "byteOffset": 56, "byteLength": 16},
        ],
        buffers=[{"byteLength": 72}],
    )
    cloud = read(files.glb(tree, values))
    assert [sorted(t) for t in triangles(cloud)] == [[0, 1, 2], [1, 2, 3]]
    assert cloud.colours is not None
    assert cloud.colours.tolist() == [[255, 0, 51]] * 4
    wide = tree["accessors"][2] | {"componentType": 5123}
    views = [*tree["bufferViews"][:2], {"buffer": 0, "byteOffset": 56, "byteLength": 32}]
    changed = tree | {"accessors": [*tree["accessors"][:2], wide], "bufferViews": views}
    cloud = read(files.glb(changed, values + bytes(16)))
    assert cloud.colours is None
    assert cloud.notes == ("left out its colours, which have 16 bits",)
    with pytest.raises(InputError, match="cut off, damaged"):
        read(files.glb(tree, values[:48] + np.array([0, 1, 2, 9], "<u2").tobytes() + values[56:]))


def test_reads_what_another_library_writes() -> None:
    box = trimesh.creation.box(extents=(1, 2, 4))
    for kind in ("off", "obj", "stl", "stl_ascii", "glb"):
        data = box.export(file_type=kind)
        cloud = read(data, f"a.{kind[:3]}")
        assert np.allclose(corners(cloud), box.vertices[box.faces], atol=1e-6), kind


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"buffers": [{"byteLength": 36, "uri": "model.bin"}]}, "keeps its points in another file, 'model.bin'"),
        ({"extensionsRequired": ["KHR_draco_mesh_compression"]}, "needs KHR_draco_mesh_compression"),
        ({"extensionsRequired": ["EXT_meshopt_compression"]}, "needs EXT_meshopt_compression"),
        ({"extensionsUsed": ["EXT_mesh_gpu_instancing"]}, "needs EXT_mesh_gpu_instancing"),
        (  # compressed, though it does not say that this is required
            {
                "extensionsUsed": ["KHR_draco_mesh_compression"],
                "meshes": [
                    {"primitives": [{"attributes": {"POSITION": 0}, "extensions": {"KHR_draco_mesh_compression": {}}}]}
                ],
                "accessors": [{"componentType": 5126, "count": 3, "type": "VEC3"}],
            },
            "needs KHR_draco_mesh_compression",
        ),
        (
            {
                "extensionsUsed": ["EXT_meshopt_compression"],
                "bufferViews": [{"buffer": 1, "byteLength": 36}],
                "buffers": [{"byteLength": 36}, {"byteLength": 36}],
            },
            "points are compressed or missing",
        ),
        (
            {"accessors": [{"componentType": 5126, "count": 3, "type": "VEC3", "sparse": {}}]},
            "sparse or normalised places",
        ),
        (
            {"accessors": [{"componentType": 5126, "count": 10**9, "type": "VEC3", "bufferView": 0}]},
            "holds 2,000,000,000 points; at most 1,000",
        ),
        ({"nodes": [{"mesh": 0}] * 500, "scenes": [{"nodes": list(range(500))}]}, "holds 1,500 points"),
        ({"nodes": [{"mesh": 0, "children": [1]}, {"children": [0]}]}, "contain each other"),
        ({"nodes": [{"children": [i + 1]} for i in range(300)], "scenes": [{"nodes": [0]}]}, "nested too deeply"),
        ({"accessors": []}, "description of the scene is damaged"),
        ({"scenes": []}, "holds no points"),
    ],
)
def test_gltf_says_what_is_wrong(changes: dict[str, object], cause: str) -> None:
    with pytest.raises(InputError, match=f"a.glb .*{cause}"):
        read(files.glb(files.scene(**changes)), "a.glb")


def test_a_cut_glb_is_refused() -> None:
    data = files.glb(files.scene())
    for kept in (10, 30, 200, len(data) - 5):
        with pytest.raises(InputError, match=r"a\.glb is a glTF mesh"):
            read(data[:kept], "a.glb")
