"""Models as surfaces: AC3D read by hand-written text, polygons that bend inwards, points evenly by area."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset_builders import points as points_set
from dataset_builders.objects.torcs import copy_notices, read_ac3d, read_car, take_cars
from dataset_builders.objects.wavefront import read_model
from dataset_builders.points import Surface, from_polygons, require_cutter, sample
from perceiver.errors import DataError
from perceiver.modalities.points.geometry import sample_surface

from .debian import make_deb
from .meshes import AC3D, OBJ

TRIANGLE = np.array([[0, 1, 2]])


def drawn(surface: Surface, count: int) -> np.ndarray:
    points, _, _ = sample_surface(*surface, count, np.random.default_rng(1))
    return points


def test_strips_and_polygons_of_several_objects_are_read_and_lines_passed_over() -> None:
    points, polygons = read_ac3d(AC3D)
    assert points.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [2, 0, 0], [3, 0, 0], [3, 1, 0], [2, 1, 0]]
    assert polygons.tolist() == [3, 0, 1, 2, 3, 1, 2, 3, 4, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin with AC3D"),
        (AC3D.replace("3 1 1\n", "4 1 1\n"), "names a corner that is not there"),
        (AC3D.replace("3 1 1\n", "-1 1 1\n"), "names a corner that is not there"),
        (AC3D.replace("kids 0", "loc 0 0 1\nkids 0", 1), "placed by loc"),
        (AC3D.replace("3 1 0", "3 one 0"), "a number is missing or is none"),
        (AC3D.replace("3 1 0\n", "3\n"), "a number is missing or is none"),
        (AC3D.split("numsurf")[0], "no polygon"),
    ],
)
def test_what_is_no_model_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_ac3d(text)


def test_a_model_is_read_or_refused_wherever_it_is_cut() -> None:
    for length in range(len(AC3D)):
        try:
            read_ac3d(AC3D[:length])
        except DataError:
            continue
        assert "refs 4" in AC3D[:length]


def test_the_opening_of_a_polygon_that_bends_inwards_stays_open() -> None:
    pytest.importorskip("pyvista")
    parts = read_model(OBJ, lambda name: None)
    points = drawn(from_polygons((part.points, part.polygons) for part in parts), 3000)
    x, y = points[:, 0], points[:, 1]
    assert not ((x > 1) & (x < 2) & (y > 1)).any()
    # Of seven unit squares the bottom row has three.
    assert abs((y < 1).mean() - 3 / 7) < 0.03


def test_the_parts_of_a_model_make_one_surface() -> None:
    pytest.importorskip("pyvista")
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    one = np.array([4, 0, 1, 2, 3])
    corners, triangles = from_polygons([(square, one), (square * [1, 3, 1] + [0, 0, 5], one)])
    assert (corners.shape, triangles.shape) == ((8, 3), (4, 3))
    points = drawn((corners, triangles), 4000)
    assert set(points[:, 2].round(9)) == {0, 5}
    assert abs((points[:, 2] > 1).mean() - 3 / 4) < 0.03


def test_points_follow_from_the_name_and_a_surface_without_area_is_refused() -> None:
    surface = (np.eye(3), TRIANGLE)
    points = sample("one", surface)
    assert (points.shape, points.dtype) == ((4096, 3), np.float16)
    assert np.array_equal(points, sample("one", surface))
    assert not np.array_equal(points, sample("two", surface))
    # The triangle between the ends of the three axes lies in a plane x + y + z = c, which centring moves to c = 0.
    assert np.allclose(points.astype(np.float64).sum(1), 0, atol=5e-3)
    with pytest.raises(DataError, match="two cannot be sampled: the mesh has no surface"):
        sample("two", (np.ones((3, 3)), TRIANGLE))


def test_a_missing_pyvista_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_module(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(points_set.importlib, "import_module", no_module)
    with pytest.raises(DataError, match=r"needs pyvista; install it with `pip install 'perceiver-lens\[data\]'`"):
        require_cutter()


def test_cars_come_out_of_their_package_with_what_their_authors_state(tmp_path: Path) -> None:
    statement = (
        "Car\n--\nCopyright © 2002 Jean Dupont (jean@example.org) (model)\nCopyright © 2006  Änne\nFree Art license.\n"
    )
    files = {
        "usr/share/games/torcs/cars/bug/bug.acc": AC3D.encode(),
        "usr/share/games/torcs/cars/bug/readme.txt": statement.encode("latin-1"),
        "usr/share/games/torcs/cars/two/two.acc": b"AC3Db\n",
        "usr/share/games/torcs/cars/two/readme.txt": statement.encode(),
    }
    deb = make_deb(tmp_path / "torcs.deb", files)
    names = ["torcs-data/bug", "torcs-data/two"]
    cars = take_cars(deb, [*names, "0ad-data/bug"], tmp_path / "cars")
    assert list(cars) == names
    assert read_car(cars[names[0]])[1].tolist() == [3, 0, 1, 2, 3, 1, 2, 3, 4, 4, 5, 6, 7]
    with pytest.raises(DataError, match=r"the car two\.acc cannot be read: there is no polygon"):
        read_car(cars[names[1]])
    assert copy_notices(deb, names, tmp_path / "texts") == {
        name: ["2002 Jean Dupont (model)", "2006 Änne"] for name in names
    }
    assert (tmp_path / "texts" / "torcs-data-bug.txt").is_file()
