"""Models as surfaces: AC3D read by hand-written text, polygons that bend inwards, points evenly by area."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset_builders import surfaces
from dataset_builders.ac3d import read_ac3d
from dataset_builders.surfaces import Surface, from_polygons, require_cutter
from dataset_builders.torcs import read_car, statements, take_cars
from dataset_builders.wavefront import read_model
from perceiver.errors import DataError

from .debian import make_deb
from .meshes import AC3D, OBJ

TRIANGLE = np.array([[0, 1, 2]])


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
    points = from_polygons((part.points, part.polygons) for part in parts).sample(3000, seed=1)
    x, y = points[:, 0], points[:, 1]
    assert not ((x > 1) & (x < 2) & (y > 1)).any()
    # Of seven unit squares the bottom row has three.
    assert abs((y < 1).mean() - 3 / 7) < 0.03


def test_the_parts_of_a_model_make_one_surface() -> None:
    pytest.importorskip("pyvista")
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    one = np.array([4, 0, 1, 2, 3])
    surface = from_polygons([(square, one), (square * [1, 3, 1] + [0, 0, 5], one)])
    assert (surface.corners.shape, surface.triangles.shape) == ((8, 3), (4, 3))
    points = surface.sample(4000, seed=0)
    assert set(points[:, 2].round(9)) == {0, 5}
    assert abs((points[:, 2] > 1).mean() - 3 / 4) < 0.03


def test_points_follow_from_the_seed_and_a_surface_without_area_is_refused() -> None:
    surface = Surface(np.eye(3), TRIANGLE)
    assert np.array_equal(surface.sample(9, 3), surface.sample(9, 3))
    assert not np.array_equal(surface.sample(9, 3), surface.sample(9, 4))
    # The triangle between the ends of the three axes lies in the plane x + y + z = 1.
    assert np.allclose(surface.sample(9, 3).sum(1), 1)
    with pytest.raises(DataError, match="no surface"):
        Surface(np.ones((3, 3)), TRIANGLE).sample(9, 3)


def test_a_missing_pyvista_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_module(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(surfaces.importlib, "import_module", no_module)
    with pytest.raises(DataError, match=r"needs pyvista; install it with `pip install 'perceiver-lens\[data\]'`"):
        require_cutter()


def test_cars_come_out_of_their_package_with_what_their_authors_state(tmp_path: Path) -> None:
    pytest.importorskip("pyvista")
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
    assert read_car(cars[names[0]]).triangles.shape == (4, 3)
    with pytest.raises(DataError, match=r"the car two\.acc cannot be read: there is no polygon"):
        read_car(cars[names[1]])
    assert statements(deb, names, tmp_path / "texts") == {
        name: ["2002 Jean Dupont (model)", "2006 Änne"] for name in names
    }
    assert (tmp_path / "texts" / "torcs-data-bug.txt").is_file()
