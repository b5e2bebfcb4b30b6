"""The whole build of point clouds on four small packages: what is made, kept, and made again."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from dataset_builders import build, points
from dataset_builders.files import Manifest
from dataset_builders.objects import torcs, zero_ad
from dataset_builders.objects.sweet_home import SOURCES
from dataset_builders.splits import Item, classes, read_table
from perceiver.errors import DataError

from .debian import Apt, make_deb, silent, zipped
from .meshes import AC3D, OBJ, pmd

WINDOW, CUP, CAR, GONE = (
    "sweethome3d-furniture/Scopia/window",
    "0ad-data/props/cup",
    "torcs-data/bug",
    "sweethome3d/lamp",
)
CLOUDS = [Item(WINDOW, "window_door", 0, 0), Item(CUP, "vessel", 3, 2), Item(CAR, "car_truck", 1, 1)]
TURN = "1 0 0 0 0 1 0 -1 0"  # z becomes y: what lay flat stands up


@pytest.fixture
def served(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Item]]:
    """Serves the packages, and tables of their objects."""
    pytest.importorskip("pyvista")
    corners = (row.split() for row in OBJ.splitlines() if row.startswith("v"))
    flat = "".join(f"v {x} 0 {y}\n" for _, x, y, _ in corners) + OBJ[OBJ.index("f ") :]
    model = f"name#1=Window\nmodel#1=/scopia/window/window.obj\ncreator#1=Scopia\nmodelRotation#1={TURN}\n"
    packages: dict[str, dict[str, bytes]] = {}
    for name, source in SOURCES.items():
        listed = model if name.endswith("Scopia") else ""
        files = {source.properties: f"license=Free\n{listed}".encode(), "LICENSE.TXT": b"Free."}
        files["scopia/window/window.obj"] = flat.encode()
        packages.setdefault(source.package, {})[source.file] = zipped(files)
    game = {"art/actors/cup.xml": b"no XML", "art/meshes/props/cup.dae.cached.pmd": pmd()}
    packages[zero_ad.PACKAGE] = {zero_ad.ARCHIVE: zipped(game | {"art/textures/skins/cup.png": b"skin"})}
    cars = "usr/share/games/torcs/cars/bug"
    packages[torcs.PACKAGE] = {
        f"{cars}/bug.acc": AC3D.encode(),
        f"{cars}/readme.txt": b"Copyright 2002 Jean Dupont\nFree Art license.\n",
    }
    for name, contents in packages.items():
        apt.serve(name, contents | {f"usr/share/doc/{name}/copyright": f"licence of {name}".encode()})
    tables = {"clouds": CLOUDS}
    monkeypatch.setattr(points, "read_table", tables.__getitem__)
    return tables


def make(folder: Path, *, force: bool = False) -> Path:
    return build(points.data_set(), folder, progress=silent, force=force, workers=1)


def test_the_build_makes_clouds_that_stand_upright_in_the_unit_cube(served: object, tmp_path: Path) -> None:
    folder = make(tmp_path / "data")
    with np.load(folder / "points.npz", allow_pickle=False) as file:
        made = dict(file)
    assert (made["points"].shape, made["points"].dtype) == ((3, 4096, 3), np.float16)
    assert made["name"].tolist() == [WINDOW, CUP, CAR]
    assert made["classes"].tolist() == ["car_truck", "vessel", "window_door"]
    assert [str(made["classes"][label]) for label in made["label"]] == ["window_door", "vessel", "car_truck"]
    assert (made["split"].tolist(), made["group"].tolist()) == ([0, 2, 1], [0, 3, 1])
    clouds = made["points"].astype(np.float64)
    assert np.allclose(clouds.mean(1), 0, atol=1e-3)
    assert np.allclose(np.abs(clouds).max((1, 2)), 1, atol=1e-3)
    assert (clouds[:, :, 2] == 0).all()  # all three are flat and face z
    # The U is as high as wide, open above, and its middle lies below that of its box; the two squares are wide.
    x, y = clouds[0, :, 0], clouds[0, :, 1]
    assert np.ptp(y) == pytest.approx(np.ptp(x), rel=0.01)
    assert not ((np.abs(x) < 0.3 * np.ptp(x) / 2) & (y > y.min() + 0.4 * np.ptp(y))).any()
    assert np.ptp(clouds[2, :, 0]) == pytest.approx(3 * np.ptp(clouds[2, :, 1]), rel=0.01)


def test_the_manifest_and_the_licences_say_where_it_all_came_from(served: object, tmp_path: Path) -> None:
    folder = make(tmp_path)
    manifest = Manifest.read(folder)
    manifest.verify()
    assert set(manifest.files) == {"points.npz", "LICENCES-points.md"}
    entry = manifest.files["points.npz"]
    assert set(entry["packages"]) == {"sweethome3d", "sweethome3d-furniture", "0ad-data", "torcs-data"}
    assert (entry["licences"]["torcs-data"], entry["missing"]) == ("LAL-1.3", [])
    text = (folder / "LICENCES-points.md").read_text()
    assert text.startswith("# Licences of the point clouds")
    assert "| window | Window | Scopia |" in text
    assert "| bug | 2002 Jean Dupont |" in text
    assert (folder / "licences" / "torcs-data.txt").read_text() == "licence of torcs-data"


def test_a_second_build_does_nothing_and_a_forced_one_makes_the_same(served: object, apt: Apt, tmp_path: Path) -> None:
    make(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.is_file()}
    made = (tmp_path / "points.npz").read_bytes()
    apt.forget_calls()
    make(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    make(tmp_path, force=True)
    assert (tmp_path / "points.npz").read_bytes() == made
    assert apt.calls == []


def test_a_few_missing_objects_are_noted_and_many_refused(
    served: dict[str, list[Item]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served["clouds"] = [*CLOUDS, Item(GONE, "lamp", 2, 1)]
    with pytest.raises(DataError, match=r"1 of 4 objects are not in these packages, sweethome3d/lamp for one"):
        make(tmp_path)
    monkeypatch.setattr("dataset_builders.splits._FEW", 0.5)
    make(tmp_path)
    assert Manifest.read(tmp_path).files["points.npz"]["missing"] == [GONE]
    with np.load(tmp_path / "points.npz") as file:
        assert (len(file["points"]), file["label"].tolist()) == (3, [3, 2, 0])


def test_a_mesh_that_is_damaged_or_without_a_surface_is_named(served: object, apt: Apt, tmp_path: Path) -> None:
    for name, body, message in (
        ("cut", pmd()[:60], "the mesh of 0ad-data/props/cup cannot be read: no PMD mesh"),
        ("line", pmd(triangles=[(0, 1, 1)]), "0ad-data/props/cup cannot be sampled: the mesh has no surface"),
    ):
        game = zipped({"art/meshes/props/cup.dae.cached.pmd": body})
        apt.serve(zero_ad.PACKAGE, {zero_ad.ARCHIVE: game, "usr/share/doc/0ad-data/copyright": b""})
        with pytest.raises(DataError, match=message):
            make(tmp_path / name)


def test_without_pyvista_nothing_is_downloaded(
    served: object, apt: Apt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_module(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(points.importlib, "import_module", no_module)
    with pytest.raises(DataError, match="needs pyvista"):
        make(tmp_path)
    assert apt.calls == []


def test_the_games_archive_is_read_no_further_than_the_last_mesh(tmp_path: Path) -> None:
    one, two = (zero_ad.mesh_path(name) for name in ("0ad-data/b", "0ad-data/c"))
    whole = zipped({"a": b"1", one: b"2", two: b"3"}, zipfile.ZIP_STORED)
    cut = whole[: whole.index(two.encode() + b"3") - 29]  # within what comes before the second mesh
    deb = make_deb(tmp_path / "0ad.deb", {zero_ad.ARCHIVE: cut})
    zero_ad.keep_meshes(deb, ["0ad-data/b", "torcs-data/bug"], tmp_path / "kept.zip", silent)
    with zipfile.ZipFile(tmp_path / "kept.zip") as file:
        assert {name: file.read(name) for name in file.namelist()} == {one: b"2"}
    with pytest.raises(DataError, match="ends in the middle"):
        zero_ad.keep_meshes(deb, ["0ad-data/b", "0ad-data/c"], tmp_path / "more.zip", silent)


def test_an_object_is_on_the_same_side_as_a_cloud_and_as_a_picture() -> None:
    clouds, pictures = read_table("clouds"), read_table("objects")
    assert len({item.name for item in clouds}) == len(clouds) == 1019
    assert len({item.name for item in clouds} & {item.name for item in pictures}) == 955
    known = {item.name: item for item in pictures}
    assert all(known.get(item.name, item) == item for item in clouds)
    sides: dict[int, set[int]] = {}
    for item in [*clouds, *pictures]:
        sides.setdefault(item.group, set()).add(item.split)
    assert all(len(side) == 1 for side in sides.values())
    assert classes(clouds) == classes(pictures)
    assert {(item.label, item.split) for item in clouds} == {
        (name, side) for name in classes(clouds) for side in range(3)
    }
