"""Stray points, and points that scanners write where nothing came back: said with numbers, left out on request."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perceiver.modalities import get
from perceiver.modalities.points.modality import PointSample
from perceiver.modalities.points.strays import find_strays
from tests.modalities.points import files
from tests.modalities.points.files import BOX, BOX_FACES

CUBE = np.random.default_rng(0).random((1000, 3))


def sphere(count: int, centre: tuple[float, float, float] = (0, 0, 0), radius: float = 1.0) -> np.ndarray:
    """Random points on a sphere."""
    points = np.random.default_rng(count).normal(size=(count, 3))
    return radius * points / np.linalg.norm(points, axis=1, keepdims=True) + centre


def read(points: np.ndarray, **options: Any) -> PointSample:
    data = files.ply(points.tolist(), ["double x", "double y", "double z"], "binary_little_endian")
    sample = get("points").read(data, "a.ply", shape=(512,), preprocess={}, options=options)
    assert isinstance(sample, PointSample)
    return sample


def rows(points: np.ndarray) -> list[int]:
    """All strays of a cloud, by their indices."""
    return sorted(int(row) for group in find_strays(points) for row in group.rows)


def test_one_stray_return_is_said_and_left_out_on_request() -> None:
    points = np.vstack([CUBE[:400], [[10_000, 0.5, 0.5]], CUBE[400:]])
    kept, dropped, plain = read(points), read(points, strays="drop"), read(CUBE)
    where = "lies 10,000 from the middle, where all others lie within 0.5177"
    assert kept.notes[0] == f"1 of its 1,001 points {where}; strays=drop leaves it out"
    assert dropped.notes[0] == f"left out 1 of its 1,001 points, which {where}"
    assert (kept.count, dropped.count, kept.strays, dropped.strays) == (1001, 1000, 1, 1)
    assert kept.rows.tolist() == read(points, strays="keep").rows.tolist()
    # Without it the model reads the cloud as if it had never been there, and rows still count in the file.
    np.testing.assert_array_equal(dropped.seen, plain.seen)
    np.testing.assert_array_equal(dropped.rows, plain.rows + (plain.rows >= 400))
    assert dropped.scale == pytest.approx(plain.scale)
    assert dropped.scale < 0.6
    assert (plain.strays, plain.notes) == (0, ("drew 512 of its 1,000 points at random",))


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_several_strays_of_any_size_are_found(share: float) -> None:
    count = int(1000 * share)
    for scale in (1.0, 1e-6, 1e12):
        far = np.random.default_rng(1).uniform(50, 10_000, (count, 3))
        assert rows(np.vstack([CUBE, far]) * scale) == list(range(1000, 1000 + count))


def test_infinite_distances_are_far_too() -> None:
    assert rows(np.vstack([CUBE, [[1e308, 0, 0], [-1e308, 0, 0]]])) == [1000, 1001]
    assert read(np.vstack([CUBE, [[1e308, 0, 0]]]), strays="drop").scale < 0.6


def test_no_returns_at_zero_are_named_and_left_out_on_request() -> None:
    points = np.zeros((6000, 3))
    scanned = np.sort(np.random.default_rng(2).permutation(6000)[:3669])
    points[scanned] = sphere(3669, (4, 0, 0))
    sample, dropped = read(points), read(points, strays="drop")
    where = "lie at exactly 0, 0, 0, with no other point near, as scanners write where nothing came back"
    assert sample.notes[0] == f"2,331 of its 6,000 points {where}; strays=drop leaves them out"
    assert dropped.notes[0] == f"left out 2,331 of its 6,000 points, which {where}"
    assert (sample.strays, dropped.strays, dropped.count) == (2331, 2331, 3669)
    assert 0.3 < (points[sample.rows] == 0).all(axis=1).mean() < 0.5
    assert set(dropped.rows) <= set(scanned)
    assert np.abs(get("points").places(dropped)["points"] - points[dropped.rows]).max() < 1e-6


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (np.vstack([CUBE, np.zeros((500, 3))]), 500),  # the corner of the cube, but far too often
        (np.vstack([CUBE, -np.zeros((500, 3))]), 500),
        (np.vstack([CUBE, [[0, 0, 0]]]), 0),  # a corner that its neighbours support
        (np.vstack([sphere(2000), [[0, 0, 0]]]), 1),  # the empty middle
        (np.vstack([CUBE * 10 + (5e5, 5.4e6, 100), [[0, 0, 0]]]), 1),
        (np.vstack([CUBE, np.full((300, 3), -9999.0)]), 300),  # other numbers for nothing
        (np.vstack([CUBE, np.zeros((300, 3)), np.full((300, 3), -9999.0)]), 600),
        (np.vstack([CUBE, np.tile(CUBE[:1], (100, 1))]), 101),  # filled up to a number
        (np.tile(CUBE, (3, 1)), 0),  # every point three times
        (np.round(CUBE, 1), 0),
        (np.stack(np.meshgrid(*[np.arange(10.0)] * 3), -1).reshape(-1, 3), 0),
        (np.random.default_rng(3).normal(size=(5000, 3)), 0),
        (np.vstack([sphere(900), sphere(100, (2.5, 0, 0), 0.1)]), 0),  # another thing beside it
        (CUBE * (1, 1, 1000), 0),
        (CUBE * (1, 0, 0), 0),
        (np.zeros((50, 3)), 0),
        (np.vstack([np.zeros((50, 3)), [[1, 1, 1]]]), 0),
        (np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 100.0]]), 0),  # too few to tell
        (BOX, 0),
    ],
)
def test_what_belongs_to_nothing(points: np.ndarray, expected: int) -> None:
    assert len(rows(points)) == expected


def test_a_large_cloud_is_judged_by_a_part_of_it() -> None:
    points = np.vstack([np.tile(sphere(2000), (100, 1)), np.zeros((7, 3)), [[500, 0, 0]]])
    points[:200_000] += np.random.default_rng(4).normal(scale=1e-3, size=(200_000, 3))
    assert rows(points) == list(range(200_000, 200_008))


def test_a_stray_triangle_of_a_mesh_is_left_out_with_its_points() -> None:
    corners = np.vstack([BOX, [[1000, 0, 0], [1000, 0.5, 0], [1000, 0, 0.5]]])
    faces = [*BOX_FACES.tolist(), [8, 9, 10]]
    data = files.ply(corners.tolist(), ["double x", "double y", "double z"], faces=faces)
    sample = get("points").read(data, "a.ply", shape=(512,), preprocess={}, options={"strays": "drop"})
    assert isinstance(sample, PointSample)
    assert sample.strays > 100
    assert 12 not in sample.rows
    assert sample.scale < 5
    whole = files.ply(BOX.tolist(), ["double x", "double y", "double z"], faces=BOX_FACES.tolist())
    assert not any("strays" in note for note in get("points").read(whole, "a.ply", shape=(512,), preprocess={}).notes)
