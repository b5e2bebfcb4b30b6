"""Turning and the unit cube (PCL-10, PCL-13)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from perceiver.modalities.points.geometry import rotate_up, unit_cube


def test_moves_the_mean_to_the_origin_and_the_farthest_coordinate_to_one() -> None:
    points = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [2.0, 8.0, 0.0], [0.0, 0.0, 4.0]])
    cube, centre, scale = unit_cube(points)
    # Means 1, 2, 1; the largest of what is left is 8 - 2 = 6.
    assert centre.tolist() == [1, 2, 1]
    assert scale == 6
    assert cube[2].tolist() == [1 / 6, 1, -1 / 6]
    assert np.allclose(cube * scale + centre, points, atol=1e-15)


def test_survey_coordinates_keep_every_point_apart() -> None:
    cube = np.random.default_rng(0).random((1000, 3))
    away = cube + np.array([500_000, 5_400_000, 120])
    assert len(np.unique(away.astype(np.float32)[:, 1])) == 3
    centred = unit_cube(away)[0].astype(np.float32)
    assert len(np.unique(centred[:, 1])) == 1000
    assert np.abs(centred - unit_cube(cube)[0]).max() < 1e-7
    assert np.abs(unit_cube(away * 1000)[0] - centred).max() < 1e-7


def test_one_place_is_the_middle_of_a_cube_of_any_size() -> None:
    cube, centre, scale = unit_cube(np.full((10, 3), 5.0))
    assert not cube.any()
    assert centre.tolist() == [5, 5, 5]
    assert scale == 1


@pytest.mark.parametrize("points", [np.empty((0, 3)), np.array([[np.nan, 0, 0]]), np.array([[1.7e308] * 3] * 2)])
def test_refuses_what_has_no_middle(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="points"):
        unit_cube(points)


def test_turns_a_z_up_file_for_a_y_up_model() -> None:
    assert rotate_up(np.array([[1.0, 2.0, 3.0]]), "z", "y").tolist() == [[1, 3, -2]]


@pytest.mark.parametrize(("up", "towards"), list(itertools.product("xyz", repeat=2)))
def test_a_turn_is_a_rotation_that_brings_one_axis_to_the_other(up: str, towards: str) -> None:
    rows = rotate_up(np.eye(3), up, towards)  # type: ignore[arg-type]
    assert np.linalg.det(rows) == pytest.approx(1)
    assert np.allclose(rows @ rows.T, np.eye(3))
    assert rows["xyz".index(up)].tolist() == np.eye(3)["xyz".index(towards)].tolist()
    points = np.random.default_rng(0).normal(size=(7, 3))
    assert np.array_equal(rotate_up(rotate_up(points, up, towards), towards, up), points)  # type: ignore[arg-type]
