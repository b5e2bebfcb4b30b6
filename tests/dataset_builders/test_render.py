"""Sprites of shapes whose look is known beforehand: colour, place, texture and transparency."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from dataset_builders.image.render import Renderer, draw
from dataset_builders.objects.wavefront import Material, Part

pytest.importorskip("pyvista", reason="rendering is an extra")

SIZE = 32


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer(SIZE) as made:
        yield made


def board(material: Material, low: float = -1.0, high: float = 1.0) -> Part:
    """A square in the plane x = 0; who looks along -x sees +z on the left. Texture coordinates as one then reads."""
    corners = np.array([[0, low, 1], [0, low, -1], [0, high, -1], [0, high, 1]], dtype=float)
    return Part(
        material,
        corners,
        np.tile([1.0, 0.0, 0.0], (4, 1)),
        np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float),
        np.array([4, 0, 1, 2, 3]),
    )


def seen(renderer: Renderer, part: Part, picture: Image.Image | None = None, azimuth: float = 0.0) -> np.ndarray:
    renderer.show([part], np.eye(3), lambda name: picture)
    return renderer.view(azimuth, 0, azimuth).astype(int)


def test_an_opaque_square_fills_the_frame_in_its_colour(renderer: Renderer) -> None:
    sprite = seen(renderer, board(Material((0.9, 0.3, 0.0))))
    assert sprite.shape == (SIZE, SIZE, 4)
    assert (sprite[1:-1, 1:-1, 3] == 255).all()
    red, green, blue, _ = sprite[SIZE // 2, SIZE // 2]
    assert red > 100
    assert blue < 0.1 * red  # what shines is white
    assert (green - blue) / (red - blue) == pytest.approx(1 / 3, abs=0.03)


def test_transparency_is_the_materials_and_does_not_darken(renderer: Renderer) -> None:
    solid = seen(renderer, board(Material((0.2, 0.8, 0.4))))
    glass = seen(renderer, board(Material((0.2, 0.8, 0.4), opacity=0.4)))
    middle = slice(4, -4)
    assert np.abs(glass[middle, middle, 3] - 0.4 * 255).max() <= 2
    assert np.abs(glass[middle, middle, :3] - solid[middle, middle, :3]).max() <= 4


def test_a_texture_lies_the_right_way_round_and_takes_the_place_of_the_colour(renderer: Renderer) -> None:
    quarters = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
    picture = Image.fromarray(quarters.repeat(32, 0).repeat(32, 1))
    sprite = seen(renderer, board(Material((0.0, 0.0, 0.0), texture="quarters.png")), picture)
    near, far = SIZE // 4, 3 * SIZE // 4
    assert sprite[near, near, :3].argmax() == 0
    assert sprite[near, far, :3].argmax() == 1
    assert sprite[far, near, :3].argmax() == 2
    assert np.ptp(sprite[far, far, :3]) < 10
    assert sprite[far, far, 0] > 100


def test_holes_in_a_texture_are_holes(renderer: Renderer) -> None:
    pixels = np.full((64, 64, 4), 255, dtype=np.uint8)
    pixels[:, 32:, 3] = 0
    part = board(Material(texture="leaf.png"))
    sprite = seen(renderer, part, Image.fromarray(pixels))
    assert (sprite[4:-4, 4:14, 3] == 255).all()
    assert (sprite[4:-4, 18:-4, 3] == 0).all()
    cover = board(Material(texture="leaf.png", opacity_texture="cover.png"))
    renderer.show([cover], np.eye(3), {"leaf.png": Image.new("RGB", (8, 8)), "cover.png": Image.new("L", (8, 8))}.get)
    assert renderer.view(0, 0, 0)[..., 3].max() == 0


def test_an_object_lies_in_the_middle_and_touches_no_edge_from_any_side(renderer: Renderer) -> None:
    corners = np.array([[100.0 + x, y - 20, 5 + z] for x in (0, 6) for y in (0, 2) for z in (0, 1)])
    faces = [[4, 0, 1, 3, 2], [4, 4, 5, 7, 6], [4, 0, 1, 5, 4], [4, 2, 3, 7, 6], [4, 0, 2, 6, 4], [4, 1, 3, 7, 5]]
    part = Part(Material(), corners, None, None, np.array(faces).ravel())
    renderer.show([part], np.eye(3), lambda name: None)
    for azimuth, elevation in ((0, 10), (130, 35), (250, 20)):
        alpha = renderer.view(azimuth, elevation, 0)[..., 3]
        rows, columns = np.flatnonzero(alpha.max(1) > 0), np.flatnonzero(alpha.max(0) > 0)
        sides = [(line[0], line[-1]) for line in (rows, columns)]
        assert max(last - first for first, last in sides) >= SIZE - 3
        for first, last in sides:
            assert first + last == pytest.approx(SIZE - 1, abs=1)


def test_a_rotation_turns_the_model_and_the_far_side_is_behind(renderer: Renderer) -> None:
    red, blue = board(Material((0.9, 0.0, 0.0))), board(Material((0.0, 0.0, 0.9)))
    behind = Part(blue.material, blue.points - [0.5, 0, 0], blue.normals, None, blue.polygons)
    renderer.show([red, behind], np.eye(3), lambda name: None)
    assert [renderer.view(side, 0, side)[16, 16, :3].argmax() for side in (0, 180)] == [0, 2]
    turn = np.array([[-1.0, 0, 0], [0, 1, 0], [0, 0, -1]])
    renderer.show([red, behind], turn, lambda name: None)
    assert [renderer.view(side, 0, side)[16, 16, :3].argmax() for side in (0, 180)] == [2, 0]


def test_views_are_drawn_by_seed_and_those_that_show_nothing_are_left_out(renderer: Renderer) -> None:
    renderer.show([board(Material())], np.eye(3), lambda name: None)
    first, again = (draw(renderer, 3, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.sprites, again.sprites)
    np.testing.assert_array_equal(first.angles, again.angles)
    assert ((first.angles >= [0, 8]) & (first.angles <= [360, 38])).all()
    renderer.show([board(Material(opacity=0.001))], np.eye(3), lambda name: None)
    empty = draw(renderer, 2, np.random.default_rng(5))
    assert (empty.sprites.shape, empty.angles.shape) == ((0, SIZE, SIZE, 4), (0, 2))


def test_an_object_without_transparency_is_drawn_once_and_looks_as_if_drawn_over_black_and_white(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = board(Material((0.0, 0.3, 0.9)), low=-0.4, high=0.7)
    renderer.show([part], np.eye(3), lambda name: None)
    once = renderer.view(33, 21, 50)
    assert renderer._opaque
    assert 0 < (once[..., 3] == 255).mean() < 1
    monkeypatch.setattr(renderer, "_opaque", False)
    np.testing.assert_array_equal(renderer.view(33, 21, 50), once)
    renderer.show([board(Material(opacity=0.5))], np.eye(3), lambda name: None)
    assert not renderer._opaque
