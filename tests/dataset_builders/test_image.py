"""The whole image build on three small packages, with drawing itself replaced: what is made, kept, and made again."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_builders import build, frame, image
from dataset_builders.files import Manifest
from dataset_builders.image import render
from dataset_builders.objects import zero_ad
from dataset_builders.objects.sweet_home import SOURCES, Furniture
from dataset_builders.splits import Item
from perceiver.errors import DataError
from perceiver.training.sets.base import TRAIN, default_folder
from perceiver.training.sets.scenes import SceneSet

from .debian import Apt, silent, zipped

CHAIR, CUP, GONE = "sweethome3d-furniture/Scopia/chair", "0ad-data/props/cup", "sweethome3d/lamp"
OBJECTS = [Item(CHAIR, "chair_stool", 0, 0), Item(CUP, "vessel", 1, 0)]
GROUNDS = [Item("green", "grass", 0, 0), Item("aegean/grey", "cliff_rock", 1, 2)]
TABLES = {"objects": OBJECTS, "grounds": GROUNDS}
COLOURS = {"green": (10, 200, 30), "aegean/grey": (90, 90, 90)}
ACTOR = (
    '<actor version="1"><group><variant><mesh>props/cup.dae</mesh><textures>'
    '<texture file="cup.png" name="baseTex"/></textures></variant></group></actor>'
)


stops: list[str] = []
"""Objects at which the build is interrupted."""


def make(folder: Path, *, views: int = 16, size: int = 64, force: bool = False) -> Path:
    return build(image.data_set(views, size), folder, progress=silent, force=force, workers=1)


def dds(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (256, 300), colour).save(out, "DDS")
    return out.getvalue()


def catalogue(properties: str, general: str, models: str) -> bytes:
    return zipped({properties: f"{general}\n{models}".encode("latin-1"), "LICENSE.TXT": b"Free, by its maker."})


@pytest.fixture
def drawn(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Serves the three packages; what is drawn is a white square, and its name goes into the list."""
    made: list[str] = []
    models = (
        "name#1=Caf\\u00e9 chair\nmodel#1=/scopia/chair/chair.obj\ncreator#1=Scopia\n"
        "name#2=Sound\nmodel#2=/scopia/sound.wav\n"
    )
    served: dict[str, dict[str, bytes]] = {}
    for name, source in SOURCES.items():
        listed = models if name.endswith("Scopia") else ""
        body = catalogue(source.properties, "license=Free as  air", listed)
        served.setdefault(source.package, {})[source.file] = body
    game = {"art/actors/cup.xml": ACTOR.encode(), "art/meshes/props/cup.dae.cached.pmd": b"mesh"}
    game |= {"art/meshes/props/other.dae.cached.pmd": b"mesh", "art/textures/skins/cup.png.cached.dds": b"skin"}
    game["art/textures/terrain/types/aegean/grey.png.cached.dds"] = dds(COLOURS["aegean/grey"])
    game["art/textures/terrain/types/green.dds.cached.dds"] = dds(COLOURS["green"])
    game["art/textures/terrain/types/green_norm.png.cached.dds"] = b"no picture"
    served[zero_ad.PACKAGE] = {zero_ad.ARCHIVE: zipped(game)}
    for name, contents in served.items():
        apt.serve(name, contents | {f"usr/share/doc/{name}/copyright": f"licence of {name}".encode()})

    @contextmanager
    def open_fake(
        catalogues: Path, game: Path, names: Sequence[str], views: int, size: int
    ) -> Iterator[Callable[[Item], dict[str, np.ndarray] | None]]:
        with Furniture(catalogues) as furniture, zero_ad.Game(game, names) as played:

            def render(item: Item) -> dict[str, np.ndarray] | None:
                if not furniture.holds(item.name) and not played.holds(item.name):
                    return None
                if item.name in stops:
                    raise KeyboardInterrupt
                made.append(item.name)
                sprites = np.zeros((views, size, size, 4), np.uint8)
                sprites[:, size // 4 : -size // 4, size // 4 : -size // 4] = 255
                return {"sprites": sprites, "angles": np.full((views, 2), 20, np.float32)}

            yield render

    monkeypatch.setattr(image, "read_table", TABLES.__getitem__)
    monkeypatch.setattr(image, "require_renderer", lambda: None)
    monkeypatch.setattr(frame.metadata, "version", lambda name: "1.0")
    monkeypatch.setattr(image, "open_renderer", open_fake)
    return made


def test_the_build_makes_what_training_reads(drawn: list[str], tmp_path: Path) -> None:
    folder = make(tmp_path / "data", views=3, size=16)
    with np.load(folder / "objects.npz", allow_pickle=False) as file:
        objects = dict(file)
    assert objects["sprite"].shape == (6, 16, 16, 4)
    assert objects["sprite"].dtype == np.uint8
    assert [str(objects["classes"][label]) for label in objects["label"]] == ["chair_stool"] * 3 + ["vessel"] * 3
    assert objects["object"].tolist() == [0, 0, 0, 1, 1, 1]
    assert objects["split"].tolist() == [0] * 6
    assert objects["name"].tolist() == [CHAIR, CUP]
    assert objects["group"].tolist() == [0, 1]
    assert objects["view"].tolist() == [[20, 20]] * 6
    with np.load(folder / "grounds.npz", allow_pickle=False) as file:
        grounds = dict(file)
    assert grounds["name"].tolist() == ["green", "aegean/grey"]
    assert [str(grounds["classes"][label]) for label in grounds["label"]] == ["grass", "cliff_rock"]
    assert (grounds["split"].tolist(), grounds["group"].tolist()) == ([0, 2], [0, 1])
    for name, tile in zip(grounds["name"], grounds["ground"], strict=True):
        assert (tile == COLOURS[str(name)]).all()
        assert tile.shape == (192, 192, 3)
    scenes = SceneSet(folder, TRAIN)
    assert (scenes.classes, len(scenes.labels)) == (("chair_stool", "vessel"), 6)


def test_the_manifest_and_the_licences_say_where_it_all_came_from(drawn: list[str], apt: Apt, tmp_path: Path) -> None:
    folder = make(tmp_path, views=2, size=16)
    manifest = Manifest.read(folder)
    manifest.verify()
    assert set(manifest.files) == {"objects.npz", "grounds.npz", "LICENCES.md"}
    entry = manifest.files["objects.npz"]
    assert entry["settings"] == {"revision": image.OBJECTS_REVISION, "views": 2, "size": 16}
    assert set(entry["packages"]) == {"sweethome3d", "sweethome3d-furniture", "0ad-data"}
    assert entry["packages"]["0ad-data"]["version"] == "1.0"
    assert manifest.files["grounds.npz"]["licences"] == {"0ad-data": "CC-BY-SA-3.0"}
    text = (folder / "LICENCES.md").read_text()
    assert "| chair | Café chair | Scopia |" in text
    assert "CC-BY-3.0. The catalogue states: Free as air" in text
    assert (folder / "licences" / "0ad-data.txt").read_text() == "licence of 0ad-data"
    assert (folder / "licences" / "sweethome3d-furniture-Scopia-catalogue.txt").read_text() == "Free, by its maker."


def test_a_second_build_does_nothing(drawn: list[str], apt: Apt, tmp_path: Path) -> None:
    make(tmp_path, views=2, size=16)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.is_file()}
    apt.forget_calls()
    drawn.clear()
    make(tmp_path, views=2, size=16)
    assert (apt.calls, drawn) == ([], [])
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_only_what_is_damaged_missing_or_of_other_settings_is_made_again(
    drawn: list[str], apt: Apt, tmp_path: Path
) -> None:
    make(tmp_path, views=2, size=16)
    made = (tmp_path / "grounds.npz").read_bytes()
    apt.forget_calls()
    drawn.clear()
    (tmp_path / "grounds.npz").write_bytes(b"damaged")
    make(tmp_path, views=2, size=16)
    assert ((tmp_path / "grounds.npz").read_bytes() == made, drawn) == (True, [])
    make(tmp_path, views=1, size=16)
    assert drawn == [CHAIR, CUP]
    drawn.clear()
    make(tmp_path, views=1, size=16, force=True)
    assert drawn == [CHAIR, CUP]
    assert apt.calls == []


def test_a_build_that_was_stopped_goes_on_with_the_next_object(
    drawn: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops.append(CUP)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, views=2, size=16)
    assert drawn == [CHAIR]
    assert not (tmp_path / "objects.npz").exists()
    stops.clear()
    make(tmp_path, views=2, size=16)
    assert drawn == [CHAIR, CUP]
    assert not list((tmp_path / "cache").glob("objects-*"))


def test_a_few_missing_objects_are_noted_and_many_refused(
    drawn: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [*OBJECTS, Item(GONE, "lamp", 2, 1)]
    monkeypatch.setitem(TABLES, "objects", more)
    with pytest.raises(DataError, match=r"1 of 3 objects are not in these packages, sweethome3d/lamp for one"):
        make(tmp_path, views=2, size=16)
    monkeypatch.setattr("dataset_builders.splits._FEW", 0.5)
    make(tmp_path, views=2, size=16)
    assert Manifest.read(tmp_path).files["objects.npz"]["missing"] == [GONE]
    with np.load(tmp_path / "objects.npz") as file:
        assert (file["name"].tolist(), file["object"].tolist()) == ([CHAIR, CUP, GONE], [0, 0, 1, 1])


def test_without_a_renderer_nothing_is_downloaded(apt: Apt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_module(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(render.importlib, "import_module", no_module)
    with pytest.raises(DataError, match=r"needs pyvista; install it with `pip install 'perceiver-lens\[data\]'`"):
        make(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(render.importlib, "import_module", lambda name: None)
    monkeypatch.setattr(render.ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(name)))
    with pytest.raises(DataError, match="needs EGL or OSMesa; install one with `apt-get install libegl1"):
        make(tmp_path)
    assert not (tmp_path / "cache").exists()


def test_the_bar_is_drawn_on_standard_error(
    drawn: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(image.data_set(views=1, size=16), tmp_path, workers=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert all(step in err for step in ("Download 0ad-data", "Read 0ad-data", "Cut grounds", "Render objects"))


def test_the_data_folder_is_the_environments_or_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_DATA", "/somewhere")
    assert default_folder() == Path("/somewhere")
    monkeypatch.delenv("PERCEIVER_DATA")
    assert default_folder() == Path("data")
