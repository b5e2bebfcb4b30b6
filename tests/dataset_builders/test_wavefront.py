"""Models in OBJ and MTL written by hand, read into arrays."""

from __future__ import annotations

import numpy as np
import pytest

from dataset_builders.objects.wavefront import Material, read_materials, read_model
from perceiver.errors import DataError

SQUARE = """
mtllib the one.mtl
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0 0.5 0.5 0.5
vt 0 0
vt 1 0 0
vt 1 1
vn 0 0 1
"""


def library(name: str) -> str | None:
    return {"the one.mtl": "newmtl red\nKd 1 0 0\nd 0.5\nnewmtl leaf\n\tmap_Kd my leaf.png\nmap_d leaf.png"}.get(name)


def test_a_polygon_becomes_corners_with_their_own_normals_and_texture_coordinates() -> None:
    (part,) = read_model(SQUARE + "usemtl red\nf 1/1/1 2/2/1 3/3/1\nf 1/1/1 3/3/1 4/1/1\n", library)
    assert part.material == Material((1.0, 0.0, 0.0), 0.5)
    assert part.points.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert part.polygons.tolist() == [3, 0, 1, 2, 3, 0, 2, 3]
    assert part.normals is not None
    assert part.normals.tolist() == [[0, 0, 1]] * 4
    assert part.texture is not None
    assert part.texture.tolist() == [[0, 0], [1, 0], [1, 1], [0, 0]]


def test_a_corner_with_two_normals_is_two_corners() -> None:
    (part,) = read_model(SQUARE + "vn 1 0 0\nf 1//1 2//1 3//1\nf 1//2 2//1 3//1\n", library)
    assert part.points.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert part.polygons.tolist() == [3, 0, 1, 2, 3, 3, 1, 2]


def test_negative_indices_count_from_the_last_corner_so_far() -> None:
    (part,) = read_model(SQUARE + "f -4 -3 -2\nv 9 9 9\nf -1 -2 -3\n", library)
    assert part.points.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [9, 9, 9], [0, 1, 0]]
    assert part.polygons.tolist() == [3, 0, 1, 2, 3, 3, 4, 2]


def test_what_is_left_out_for_one_corner_is_none_for_the_part() -> None:
    (part,) = read_model(SQUARE + "f 1/1/1 2/2/1 3/3/1\nf 1 3 4\n", library)
    assert part.normals is None
    assert part.texture is None
    (part,) = read_model(SQUARE + "f 1/1/1 2/2/1 3/9/1\n", library)
    assert part.texture is None


def test_materials_part_the_model_and_may_be_known_by_name_only() -> None:
    faces = "f 1 2 3\nusemtl leaf\nf 1 2 3 4\nusemtl oak\nf 1 3 4\nusemtl leaf\nf 2 3 4\nl 1 2\nf 1 2\n"
    plain, leaf, oak = read_model(SQUARE + faces, library, {"oak": Material((0.5, 0.3, 0.1))})
    assert plain.material == Material()
    assert leaf.material == Material(texture="my leaf.png", opacity_texture="leaf.png")
    assert leaf.polygons.tolist() == [4, 0, 1, 2, 3, 3, 1, 2, 3]
    assert oak.material.colour == (0.5, 0.3, 0.1)


def test_a_library_that_is_not_there_leaves_materials_plain() -> None:
    (part,) = read_model("mtllib none.mtl\n" + SQUARE.replace("the one", "gone") + "usemtl red\nf 1 2 3\n", library)
    assert part.material == Material()


def test_materials_are_read_with_tabs_blanks_and_options() -> None:
    found = read_materials("# made by hand\nnewmtl a b\n\tKd\t0.1 0.2 0.3\n  d -halo 0.25\nillum 2\n\nnewmtl\nKd 0 0 0")
    assert found == {"a b": Material((0.1, 0.2, 0.3), 0.25), "": Material((0.0, 0.0, 0.0))}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 0 0 0\n", "there is no polygon in it"),
        ("v 0 0 zero\n", "'v 0 0 zero' is no OBJ statement"),
        ("v 0 0\n", "'v 0 0' is no OBJ statement"),
        ("v 0 0 0\nf 1 2 3\n", "a polygon names a corner that is not there"),
        (SQUARE + "f -9 -2 -1\n", "a polygon names a corner that is not there"),
        (SQUARE + "f a b c\n", "'f a b c' is no OBJ statement"),
    ],
)
def test_what_is_no_model_is_said(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_model(text, library)


def test_a_damaged_material_library_is_said() -> None:
    with pytest.raises(DataError, match="is no OBJ statement"):
        read_model("mtllib bad.mtl\n" + SQUARE + "f 1 2 3\n", lambda name: "newmtl a\nKd red green blue\n")
    assert np.isfinite(read_model(SQUARE + "f 1 2 3\n", library)[0].points).all()
