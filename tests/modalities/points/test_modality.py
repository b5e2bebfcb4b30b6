"""The points modality: what is drawn, how it is placed, and the way back (PCL-06, PCL-08, PCL-10, PCL-11, PCL-13)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from perceiver import ConfigError, InputError, Sample
from perceiver.modalities import Modality, get, names
from perceiver.modalities.points import modality
from perceiver.modalities.points.modality import PointSample, PointsModality
from tests.modalities.points import files
from tests.modalities.points.files import BOX, BOX_FACES, POINTS

CLOUDS = get("points")
DOUBLES = ["double x", "double y", "double z"]


def read(data: bytes, count: int = 16, name: str = "a.ply", model_up: str = "y", **options: Any) -> PointSample:
    sample = CLOUDS.read(data, name, shape=(count,), preprocess={"up": model_up}, options=options)
    assert isinstance(sample, PointSample)
    return sample


def cloud(points: np.ndarray) -> bytes:
    return files.ply(points.tolist(), DOUBLES, "binary_little_endian")


def box_mesh() -> bytes:
    return files.ply(BOX.tolist(), DOUBLES, faces=BOX_FACES.tolist())


def rows_of(points: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Which row of `among` each point is."""
    distances = np.linalg.norm(points[:, None] - among[None], axis=2)
    assert distances.min(axis=1).max() < 1e-6
    return distances.argmin(axis=1)


def test_the_registry_holds_it_by_name() -> None:
    assert "points" in names()
    assert isinstance(CLOUDS, Modality)
    assert {"ply", "pcd", "obj", "off", "stl", "glb", "gltf", "las", "laz", "xyz", "npy"} <= set(CLOUDS.extensions)


def test_a_cloud_of_as_many_points_as_the_model_reads_is_read_whole() -> None:
    sample = read(cloud(POINTS), 50)
    mean = POINTS.mean(axis=0)
    scale = np.abs(POINTS - mean).max()
    assert np.array_equal(sample.seen, ((POINTS - mean) / scale).astype(np.float32))
    assert sample.seen.dtype == np.float32
    assert sample.coordinates is not None
    assert torch.equal(sample.coordinates, torch.from_numpy(sample.seen))
    assert sample.content.shape == (50, 0)
    assert sample.content.dtype == torch.float32
    assert sample.shape == (50,)
    assert np.array_equal(sample.original, sample.seen)
    assert np.array_equal(sample.nearest, np.arange(50))
    assert np.array_equal(sample.copies, np.ones(50))
    assert np.array_equal(sample.rows, np.arange(50))
    assert (sample.count, sample.source, sample.colours, sample.notes) == (50, "points", None, ())


@pytest.mark.parametrize("draw", ["random", "farthest"])
def test_too_many_points_are_reduced_and_every_point_is_shown(draw: str) -> None:
    sample = read(cloud(POINTS), 16, draw=draw, seed=3)
    again, other = (read(cloud(POINTS), 16, draw=draw, seed=seed) for seed in (3, 4))
    assert np.array_equal(sample.seen, again.seen)
    assert not np.array_equal(sample.seen, other.seen)
    assert sample.original.shape == (50, 3)
    assert len(set(sample.rows)) == 16
    file_points = CLOUDS.places(sample)["points"]
    assert np.abs(file_points - POINTS[sample.rows]).max() < 1e-6
    assert np.array_equal(sample.original[sample.rows], sample.seen)
    word = {
        "random": "drew 16 of its 50 points at random",
        "farthest": "chose 16 of its 50 points so that they lie far",
    }
    assert sample.notes[0].startswith(word[draw])
    # The mean of what is read is the origin, and its farthest coordinate 1.
    assert np.abs(sample.seen.mean(axis=0)).max() < 1e-6
    assert np.abs(sample.seen).max() == 1


def test_known_weights_land_on_the_right_points_after_reduction() -> None:
    """One point carries all weight: it, and the points nearer to it than to any other that was read, light up."""
    for draw in ("random", "farthest"):
        sample = read(cloud(POINTS * (1, 5, 25)), 16, draw=draw)
        for element in range(16):
            weights = np.zeros(16)
            weights[element] = 1
            laid = CLOUDS.to_original(sample, weights)
            read_rows = sample.rows
            distances = np.linalg.norm((POINTS[:, None] - POINTS[read_rows][None]) * (1, 5, 25), axis=2)
            assert np.array_equal(np.flatnonzero(laid), np.flatnonzero(distances.argmin(axis=1) == element))
            assert laid[read_rows[element]] == 1


@pytest.mark.parametrize("draw", ["random", "farthest"])
def test_known_weights_land_on_the_right_points_of_a_mesh(draw: str) -> None:
    """Weights that are a place in the file, z, come back as the z of the point that a display point belongs to."""
    sample = read(box_mesh(), 64, draw=draw, model_up="z")
    places = CLOUDS.places(sample)["points"]
    laid = CLOUDS.to_original(sample, places[:, 2])
    shown = (sample.original * sample.scale + sample.centre)[::97]
    distances = np.linalg.norm(shown[:, None] - places[None], axis=2)
    assert np.allclose(laid[::97], places[distances.argmin(axis=1), 2])
    for element in (0, 5, 63):
        (index,) = np.flatnonzero((sample.original == sample.seen[element]).all(axis=1))
        assert CLOUDS.element_at(sample, int(index)) == element
        assert laid[index] == places[element, 2]


def test_a_large_cloud_is_shown_in_part_and_read_points_are_among_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modality, "_DISPLAY", 30)
    colours = np.arange(50)
    rows = [(*point, n, 0, n) for point, n in zip(POINTS.tolist(), colours.tolist(), strict=True)]
    data = files.ply(rows, [*DOUBLES, "uchar red", "uchar green", "uchar blue"])
    sample = read(data)
    assert sample.original.shape == (30, 3)
    assert "shows 30 of its 50 points" in sample.notes
    weights = np.arange(16) / 16
    laid = CLOUDS.to_original(sample, weights)
    file_rows = rows_of(sample.original * sample.scale + sample.centre, POINTS)
    assert set(sample.rows) <= set(file_rows)
    assert sample.colours is not None
    assert np.array_equal(sample.colours[:, 0], file_rows)
    for element, row in enumerate(sample.rows):
        (at,) = np.flatnonzero(file_rows == row)
        assert laid[at] == weights[element]
    # A model that reads more than a screen shows is shown whole.
    assert len(read(data, 40).original) == 40


def test_a_stray_point_far_out_of_sight_is_shown_only_if_it_is_read() -> None:
    stray = np.vstack([POINTS, [[1e30, 0, 0]]])
    for seed in range(8):
        sample = read(cloud(stray), seed=seed)
        assert len(sample.original) == (51 if 50 in sample.rows else 50)
        assert ("shows 50 of its 51 points" in sample.notes) == (50 not in sample.rows)


@pytest.mark.parametrize(("there", "count"), [(5, 64), (49, 50), (1, 4)])
def test_too_few_points_are_repeated_and_drawn_once(there: int, count: int) -> None:
    sample = read(cloud(POINTS[:there]), count)
    assert sample.seen.shape == (count, 3)
    assert sample.original.shape == (there, 3)
    assert sample.count == there
    plural = "s" * (there > 1)
    assert sample.notes[0] == f"repeated its {there} point{plural} to the {count} that the model reads"
    assert np.array_equal(sample.rows[:there], np.arange(there))
    times = np.bincount(sample.rows)
    assert times.max() - times.min() <= 1
    assert np.array_equal(sample.copies, times[sample.rows])
    # One copy's weight: copies lie in one place and are read alike.
    weights = np.arange(there, dtype=float)[sample.rows]
    assert np.array_equal(CLOUDS.to_original(sample, weights), np.arange(there))
    assert sample.copies.sum() == (times**2).sum()


def test_points_in_one_place_are_read_and_said_to_have_no_shape() -> None:
    for count in (4, 10, 32):
        for draw in ("random", "farthest"):
            sample = read(cloud(np.full((10, 3), 7.0)), count, draw=draw)
            assert not sample.seen.any()
            assert sample.notes[-1] == "all its points lie in one place, so there is no shape to read"
            assert len(set(sample.nearest.tolist())) == min(count, 10)


def test_points_that_are_not_finite_are_dropped_and_counted() -> None:
    points = POINTS.copy()
    points[::5] = np.nan
    points[1, 2] = np.inf
    data = files.pcd(files.cloud_rows(points, "<f8"), "ascii", width=10, height=5)
    kept = np.flatnonzero(np.isfinite(points).all(axis=1))
    for draw in ("random", "farthest"):
        sample = read(data, 16, "a.pcd", draw=draw)
        assert sample.count == len(kept) == 39
        assert sample.notes[0] == "dropped 11 points that were not finite, the first of them point 1 of the file"
        assert set(sample.rows) <= set(kept)
        assert np.abs(CLOUDS.places(sample)["points"] - POINTS[sample.rows]).max() < 1e-6
        assert np.isfinite(sample.original).all()
    with pytest.raises(InputError, match=r"a\.pcd has no point with three finite coordinates; all 50 were dropped"):
        read(files.pcd(files.cloud_rows(points * np.nan), "ascii"), 16, "a.pcd")
    one = read(b"nan nan nan\n1 2 3\n4 5 6\n", 2, "a.xyz")
    assert one.notes == ("dropped 1 point that was not finite, point 1 of the file",)
    assert one.rows.tolist() == [1, 2]
    late = read(b"x y z\n0 1 2\n1 2 3\n1 nan 3\n4 5 6\ninf 0 0\n", 3, "a.xyz")
    assert late.notes[1] == "dropped 2 points that were not finite, the first of them point 3 of the file"


def test_triangles_with_corners_that_are_not_finite_are_dropped_and_counted() -> None:
    text = files.SQUARE + "v nan 0 0\nf 1 2 3\nf 1 2 5\nf 1 3 4\nf 5 3 4\nf 1 1 2\n"
    sample = read(text.encode(), 64, "a.obj")
    assert sample.notes[:2] == (
        "dropped 2 triangles that were not finite, the first of them triangle 2 of the file",
        "sampled its mesh to 50,000 points, evenly by area over 2 triangles; 1 more have no area",
    )
    assert set(sample.rows) == {0, 2}


def test_offset_and_unit_change_nothing() -> None:
    """A survey in map coordinates, and in millimetres, is the same cloud to the model."""
    plain = read(cloud(POINTS))
    away = np.array([500_000, 5_400_000, 120])
    for points, unit in ((POINTS + away, 1), ((POINTS + away) * 1000, 1000)):
        sample = read(cloud(points))
        assert np.abs(sample.seen - plain.seen).max() < 1e-7
        assert sample.scale == pytest.approx(plain.scale * unit)
        assert np.abs(CLOUDS.places(sample)["points"] - points[sample.rows]).max() < 1e-6 * unit
        assert len(np.unique(sample.original[:, 1])) == 50


def test_a_mesh_is_sampled_on_its_sides() -> None:
    """The eight corners of a box say nothing of its sides; 2,048 points do."""
    sample = read(box_mesh(), 2048, model_up="z")
    points = CLOUDS.places(sample)["points"]
    distance = np.minimum(np.abs(points), np.abs(points - (1, 2, 4)))
    assert distance.min(axis=1).max() < 1e-6
    for axis in range(3):
        for side in (0, BOX.max(axis=0)[axis]):
            assert np.isclose(points[:, axis], side, atol=1e-6).sum() > 50
    assert sample.source == "mesh"
    assert sample.notes == (
        "sampled its mesh to 50,000 points, evenly by area over 12 triangles",
        "drew 2,048 of these points at random",
    )
    assert np.array_equal(sample.seen, read(box_mesh(), 2048, model_up="z").seen)
    # Each point lies on the triangle that it is said to.
    first, second, third = (BOX[BOX_FACES[sample.rows, i]] for i in range(3))
    normal = np.cross(second - first, third - first)
    assert np.abs(np.einsum("na,na->n", points - first, normal)).max() < 1e-5


def test_colours_of_a_meshs_corners_are_blended_over_its_surface() -> None:
    rows = [(x, y, z, int(z / 4 * 200), 0, 50) for x, y, z in BOX.tolist()]
    data = files.ply(rows, [*DOUBLES, "uchar red", "uchar green", "uchar blue"], faces=BOX_FACES.tolist())
    sample = read(data, 64, model_up="z")
    shown = sample.original * sample.scale + sample.centre
    assert sample.colours is not None
    assert np.abs(sample.colours[:, 0] - shown[:, 2] / 4 * 200).max() <= 0.51
    assert (sample.colours[:, 1:] == (0, 50)).all()


@pytest.mark.parametrize(
    ("rest", "note"),
    [
        ("", "it has no faces, so its corners were used as points"),
        ("l 1 2 3 4\n", "it has no faces, so its corners were used as points"),
        ("f 1 1 2\n", "its faces have no area, so its corners were used as points"),
        ("f 1 2 3 4\n", "sampled its mesh to 50,000 points, evenly by area over 2 triangles"),
        (
            "f 1 2 3\nf 1 3 4\nf 1 1 2\n",
            "sampled its mesh to 50,000 points, evenly by area over 2 triangles; 1 more have",
        ),
    ],
)
def test_a_mesh_without_a_surface_becomes_a_cloud(rest: str, note: str) -> None:
    sample = read((files.SQUARE + rest).encode(), 64, "square.obj")
    assert sample.notes[0].startswith(note)
    assert sample.count == (50_000 if "f 1 2" in rest else 4)
    assert sample.source == ("mesh" if "f 1 2" in rest else "points")
    assert np.abs(np.sort(np.ravel(sample.box)) - [0, 0, 0, 0, 1, 1]).max() < 0.1


def test_either_way_up_is_the_same_cloud_once_it_is_said() -> None:
    """A box 1 x 2 x 4, tall in z, and its copy with (x, y, z) -> (x, z, -y)."""
    lying = POINTS * (1, 2, 4)
    standing = np.stack([lying[:, 0], lying[:, 2], -lying[:, 1]], axis=1)
    for model in ("y", "z"):
        from_y, from_z = read(cloud(standing), model_up=model, up="y"), read(cloud(lying), model_up=model, up="z")
        assert np.abs(from_y.seen - from_z.seen).max() < 1e-6
        assert np.argmax(np.ptp(from_y.seen, axis=0)) == "xyz".index(model)
        turned, other = (from_z, "z") if model == "y" else (from_y, "y")
        assert turned.notes[-1] == f"turned it so that its {other} axis points up, which is {model} for the model"
    unsaid = read(cloud(lying))
    assert (unsaid.up, unsaid.model_up) == ("y", "y")
    assert np.argmax(np.ptp(unsaid.seen, axis=0)) == 2


@pytest.mark.parametrize("up", ["x", "y", "z"])
@pytest.mark.parametrize("model", ["x", "y", "z"])
def test_places_are_the_files_own_whatever_was_turned(up: str, model: str) -> None:
    points = POINTS * (1, 5, 25) + (100, 200, 300)
    sample = read(cloud(points), model_up=model, up=up)
    assert (sample.up, sample.model_up) == (up, model)
    places = CLOUDS.places(sample)["points"]
    assert places.dtype == np.float64
    assert np.abs(places - points[sample.rows]).max() < 1e-5
    assert np.allclose(sample.box, np.stack([places.min(axis=0), places.max(axis=0)], axis=1), atol=1e-5)
    for element in (0, 15):
        assert CLOUDS.box_of(sample, element) == tuple((v, v) for v in places[element])
    # Handedness is kept: the turned points span the same signed volume.
    four = sample.seen[:4].astype(np.float64) * sample.scale
    before = np.linalg.det(points[sample.rows[1:4]] - points[sample.rows[0]])
    assert np.linalg.det(four[1:] - four[0]) == pytest.approx(before, rel=1e-4)


def test_places_that_do_not_exist() -> None:
    sample = read(cloud(POINTS))
    assert CLOUDS.element_at(sample, -1) is None
    assert CLOUDS.element_at(sample, 50) is None
    for element in (-1, 16):
        with pytest.raises(ValueError, match="they run from 0 to 15"):
            CLOUDS.box_of(sample, element)
    with pytest.raises(ValueError, match="the map is"):
        CLOUDS.to_original(sample, np.zeros(50))


def test_a_sample_of_another_kind_is_no_cloud() -> None:
    array = np.zeros((1, 1, 3), np.uint8)
    box = ((0.0, 1.0), (0.0, 1.0))
    other = Sample(
        name="a.png", modality="image", content=torch.zeros(1, 3), shape=(1,), seen=array, original=array, box=box
    )
    with pytest.raises(ValueError, match="read as image, not as points"):
        CLOUDS.to_original(other, np.zeros(1))


@pytest.mark.parametrize(
    ("shape", "preprocess", "cause"),
    [
        ((4, 3), {}, "a point cloud needs"),
        ((0,), {}, "a point cloud needs"),
        ((16,), {"up": "w"}, "preprocess.up is 'w'"),
        ((16,), {"mean": 0}, "'mean', which point models do not know"),
    ],
)
def test_impossible_settings_are_the_models_fault(
    shape: tuple[int, ...], preprocess: dict[str, object], cause: str
) -> None:
    with pytest.raises(ConfigError, match=cause):
        CLOUDS.read(cloud(POINTS), "a.ply", shape=shape, preprocess=preprocess)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"up": "w"}, "up cannot be 'w'"),
        ({"draw": "nearest"}, "draw cannot be 'nearest'"),
        ({"seed": "0.5"}, "seed cannot be 0.5; it is a whole number"),
        ({"seed": "-1"}, "seed cannot be '-1'"),
        ({"start": "1"}, "no option 'start'"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, str], cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        CLOUDS.read(cloud(POINTS), "a.ply", shape=(16,), preprocess={}, options=options)


@pytest.mark.parametrize(
    ("data", "name", "cause"),
    [
        (b"", "a.ply", "a.ply is an empty file"),
        (b"\x89PNG\r\n\x1a\n", "chair.ply", "chair.ply is a PNG picture, not a point cloud or a mesh"),
        (b"<html></html>", "a.obj", "is a web page"),
        (bytes(range(256)), "a.ply", "not a point cloud or a mesh of a kind that is read .PLY, PCD"),
        (b"Kaydara FBX Binary  \x00", "a.fbx", "is an FBX mesh, a kind that is not read here; save it as PLY or GLB"),
        (b"\x89HDF\r\n\x1a\n", "train.h5", "is an HDF5 archive, a kind that is not read here"),
        (b"1e308 0 0\n-1e308 0 0\n1e308 1e308 0\n", "a.xyz", "too large to measure distances by"),
    ],
)
def test_what_is_no_cloud_is_refused_by_what_it_is(data: bytes, name: str, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        read(data, name=name)


def test_a_file_that_is_too_large_is_refused_by_its_size() -> None:
    with pytest.raises(InputError, match=r"a\.ply has 0\.0 MB; a cloud or a mesh may have at most 0\.0 MB"):
        PointsModality(max_bytes=100).read(cloud(POINTS), "a.ply", shape=(16,), preprocess={})
    head = files.ply([], DOUBLES, "binary_little_endian").replace(b"vertex 0", b"vertex 50000000")
    with pytest.raises(InputError, match=r"a\.ply holds 50,000,000 points; at most 10,000,000 are read"):
        read(head + bytes(100))
