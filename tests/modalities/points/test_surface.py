"""Points on surfaces, and how many of a cloud are taken (PCL-06, PCL-11)."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver.modalities.points.geometry import areas, sample_surface
from perceiver.modalities.points.pool import CANDIDATES, draw_farthest, draw_random, repeat
from tests.modalities.points.files import BOX, BOX_FACES


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_areas_are_shares_of_the_surface() -> None:
    # Two triangles of each side of a box 1 x 2 x 4: 8, 2 and 4 of 28, halved.
    shares = areas(BOX, BOX_FACES)
    assert shares.sum() == pytest.approx(1)
    assert sorted(set(np.round(shares * 28, 9))) == [1, 2, 4]
    corners = np.vstack([BOX, [[np.nan, 0, 0], [1e308, 0, 0]]])
    odd = np.array([[0, 1, 3], [0, 1, 8], [0, 0, 1]])
    assert areas(corners, odd).tolist() == [1, 0, 0]
    assert areas(BOX * 1e200, BOX_FACES) == pytest.approx(shares)
    assert areas(BOX * 1e-200, BOX_FACES) == pytest.approx(shares)


def test_every_side_of_a_box_gets_points_by_its_area() -> None:
    points, rows, weights = sample_surface(BOX, BOX_FACES, 20_000, generator())
    assert np.allclose(np.einsum("nk,nka->na", weights, BOX[BOX_FACES[rows]]), points)
    assert np.allclose(weights.sum(axis=1), 1)
    assert weights.min() >= 0
    for axis, (length, area) in enumerate([(1, 8), (2, 4), (4, 2)]):
        for side in (0, length):
            on_side = np.isclose(points[:, axis], side)
            expected = 20_000 * area / 28
            # Five standard deviations of a binomial count.
            assert abs(on_side.sum() - expected) < 5 * np.sqrt(expected)
            # Even over the side, too: its quarters get as many each.
            other = points[on_side][:, [i for i in range(3) if i != axis]]
            halves = other > np.delete([0.5, 1, 2], axis)
            for quarter in ((0, 0), (0, 1), (1, 0), (1, 1)):
                count = (halves == quarter).all(axis=1).sum()
                assert abs(count - expected / 4) < 5 * np.sqrt(expected / 4)


def test_the_same_seed_draws_the_same_points() -> None:
    first, second, other = (sample_surface(BOX, BOX_FACES, 100, generator(seed))[0] for seed in (3, 3, 4))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_mesh_without_a_surface_is_an_error() -> None:
    for faces in (np.empty((0, 3), np.int64), np.array([[0, 0, 1]])):
        with pytest.raises(ValueError, match="no surface"):
            sample_surface(BOX, faces, 10, generator())


def test_triangles_without_an_area_get_no_points() -> None:
    faces = np.array([[0, 0, 1], [0, 1, 3], [2, 2, 2]])
    assert set(sample_surface(BOX, faces, 500, generator())[1]) == {1}


def test_random_points_are_all_different_and_even() -> None:
    chosen = draw_random(1000, 500, generator())
    assert len(set(chosen)) == 500
    assert np.array_equal(chosen, np.sort(chosen))
    assert 400 < np.mean(chosen) < 600
    assert draw_random(7, 7, generator()).tolist() == list(range(7))


def naive_farthest(points: np.ndarray, count: int, first: int) -> set[int]:
    """Chooses the point whose least distance to all before it is the largest, one by one."""
    chosen = [first]
    while len(chosen) < count:
        least = [min(np.linalg.norm(p - points[c]) for c in chosen) for p in points]
        chosen.append(int(np.argmax(least)))
    return set(chosen)


def test_farthest_points_are_those_of_the_definition() -> None:
    points = generator(5).normal(size=(40, 3))
    chosen = draw_farthest(points, 8, generator())
    assert any(set(chosen) == naive_farthest(points, 8, first) for first in chosen)


@pytest.mark.parametrize("count", [1, 4, 10])
def test_farthest_points_of_one_place_are_still_different_points(count: int) -> None:
    chosen = draw_farthest(np.ones((10, 3)), count, generator())
    assert len(set(chosen)) == count


def test_farthest_points_of_a_large_cloud_come_from_a_random_part() -> None:
    points = generator().random((CANDIDATES + 1000, 3))
    chosen = draw_farthest(points, 5, generator())
    assert len(set(chosen)) == 5
    assert np.linalg.norm(points[chosen[:, None]] - points[chosen], axis=2)[np.triu_indices(5, 1)].min() > 0.7


@pytest.mark.parametrize(("total", "count"), [(5, 64), (7, 8), (8, 8), (1, 3)])
def test_too_few_points_are_repeated_as_evenly_as_can_be(total: int, count: int) -> None:
    elements = repeat(total, count, generator())
    assert len(elements) == count
    assert elements[:total].tolist() == list(range(total))
    times = np.bincount(elements, minlength=total)
    assert times.max() - times.min() <= 1
