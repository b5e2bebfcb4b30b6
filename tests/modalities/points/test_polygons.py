"""Polygons cut into triangles: areas and openings worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver import InputError
from perceiver.modalities.points.readers.polygons import triangulate

# The frame of a door, 4 wide and 5 high, open from 1 to 3 up to a height of 4: area 20 - 8, in a plane turned in space.
FRAME = np.array([(0, 0), (1, 0), (1, 4), (3, 4), (3, 0), (4, 0), (4, 5), (0, 5)], dtype=float)
AXES = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0][:2]


def areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (points[triangles[:, i]] for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def one(points: np.ndarray) -> np.ndarray:
    return triangulate([(np.array([0]), np.arange(len(points))[None])], points, "x.off")


@pytest.mark.parametrize("turned", [0, 1, 2, 3, 5, 7])
@pytest.mark.parametrize("order", [1, -1])
def test_an_opening_stays_open_whatever_corner_comes_first(turned: int, order: int) -> None:
    flat = np.roll(FRAME, turned, axis=0)[::order]
    triangles = one(flat @ AXES + 7)
    assert areas(flat @ AXES, triangles).sum() == pytest.approx(12)
    middles = flat[triangles].mean(axis=1)
    assert not ((middles[:, 0] > 1) & (middles[:, 0] < 3) & (middles[:, 1] < 4)).any()


def test_convex_polygons_stay_fans_and_the_files_order_is_kept() -> None:
    square = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0.2, 0.1, 0)], dtype=float)
    groups = [
        (np.array([1]), np.array([[0, 1, 2]])),
        (np.array([0, 2]), np.array([[0, 1, 2, 3], [0, 1, 4, 3]])),  # the second turns inwards at its third corner
        (np.array([3]), np.array([[0, 1]])),
    ]
    triangles = triangulate(groups, square, "x.ply")
    np.testing.assert_array_equal(triangles[:3], [[0, 1, 2], [0, 2, 3], [0, 1, 2]])
    assert len(triangles) == 5
    assert areas(square, triangles[3:]).sum() == pytest.approx(0.1 / 2 + 0.2 / 2)


def test_flat_crossed_and_missing_polygons_harm_nothing() -> None:
    crossed = np.array([(0, 0, 0), (1, 1, 0), (1, 0, 0), (0, 1, 0)], dtype=float)
    assert one(crossed).shape[1] == 3
    line = np.array([(0, 0, 0), (1, 0, 0), (2, 0, 0), (1, 0, 0)], dtype=float)
    assert areas(line, one(line)).sum() == 0
    missing = np.array([(0, 0, 0), (1, np.nan, 0), (1, 1, 0), (0, np.inf, 0)], dtype=float)
    assert one(missing).shape == (2, 3)


def test_a_corner_that_does_not_exist_is_named() -> None:
    with pytest.raises(InputError, match=r"x\.off is damaged: its face 1 names point 4 of points 0 to 3"):
        triangulate([(np.array([0]), np.array([[0, 1, 4]]))], np.zeros((4, 3)), "x.off")
