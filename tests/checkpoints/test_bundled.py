"""Names, paths, samples: what `perceiver.load` finds and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import perceiver
from perceiver import CheckpointError, Perceiver, PerceiverConfig
from perceiver.checkpoints.bundled import BundledCheckpoints, bundled_folder
from perceiver.checkpoints.cards import card
from perceiver.checkpoints.cards.results import Budget, Data, HeldOut, Results
from perceiver.positions import position_config
from tests.checkpoints.conftest import logits

BUNDLED = BundledCheckpoints(Path(perceiver.__file__).parents[1] / "checkpoints")
SAMPLE = {
    "file": "lamp.png",
    "label": "lamp",
    "title": "A lamp on gravel",
    "source": "Sweet Home 3D",
    "author": "A. Maker",
    "licence": "CC BY 3.0",
    "note": "",
}


@pytest.fixture
def store(
    config: PerceiverConfig, model: Perceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> BundledCheckpoints:
    root = tmp_path / "checkpoints"
    for kind in ("coordinates", "learned"):
        other = dataclasses.replace(config, positions=position_config({"kind": kind, "dim": 4}))
        perceiver.save(Perceiver(other), root / f"image-{kind}")
    perceiver.save(model, root / "image-fourier")
    perceiver.save(Perceiver(dataclasses.replace(config, modality="audio")), root / "audio-fourier")
    (root / "samples" / "image").mkdir(parents=True)
    (root / "unfinished").mkdir()
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(root))
    return BundledCheckpoints()


def write_index(store: BundledCheckpoints, index: object) -> None:
    folder = store.root / "samples" / "image"
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "lamp.png").write_bytes(b"pixels")


def test_the_folder_comes_from_the_environment_or_lies_beside_the_package(
    store: BundledCheckpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bundled_folder() == store.root == tmp_path / "checkpoints"
    monkeypatch.delenv("PERCEIVER_CHECKPOINTS")
    assert bundled_folder() == Path(perceiver.__file__).parents[1] / "checkpoints"


def test_names_and_defaults(store: BundledCheckpoints) -> None:
    assert store.names() == ("audio-fourier", "image-fourier", "image-learned", "image-coordinates")
    assert store.names("image") == ("image-fourier", "image-learned", "image-coordinates")
    assert store.names("smell") == ()
    assert store.default("image") == "image-fourier"
    with pytest.raises(CheckpointError, match="holds no checkpoint for smell"):
        store.default("smell")


def test_a_place_without_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(tmp_path / "nowhere"))
    assert BundledCheckpoints().names() == ()
    assert BundledCheckpoints().samples("image") == ()
    with pytest.raises(CheckpointError, match="there are no bundled checkpoints"):
        perceiver.load("image-fourier")


def test_a_damaged_configuration_is_named(store: BundledCheckpoints) -> None:
    (store.root / "image-learned" / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"image-learned/config\.json is not valid JSON"):
        store.names()


@pytest.mark.parametrize("how", ["name", "folder", "text", "weights", "home"])
def test_load(how: str, store: BundledCheckpoints, model: Perceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(store.root))
    folder = store.root / "image-fourier"
    source = {
        "name": "image-fourier",
        "folder": folder,
        "text": str(folder),
        "weights": folder / "model.safetensors",
        "home": "~/image-fourier",
    }[how]
    loaded = perceiver.load(source)
    assert torch.equal(logits(loaded), logits(model))
    assert not loaded.training


def test_load_onto_a_device(store: BundledCheckpoints) -> None:
    assert {p.device.type for p in perceiver.load("image-fourier", device="meta").parameters()} == {"meta"}


def test_a_bundled_name_goes_before_a_folder_of_that_name(
    store: BundledCheckpoints, model: Perceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "image-fourier").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert torch.equal(logits(perceiver.load("image-fourier")), logits(model))
    with pytest.raises(CheckpointError, match=r"model\.safetensors is missing"):
        perceiver.load("./image-fourier")


@pytest.mark.parametrize("source", ["image-furrier", "", ".png", "a/b/c", "a b", "/nowhere/at/all", "x\0y", "a" * 5000])
def test_unknown_sources_list_what_there_is(source: str, store: BundledCheckpoints) -> None:
    with pytest.raises(CheckpointError) as caught:
        perceiver.load(source)
    assert "audio-fourier, image-fourier, image-learned, image-coordinates" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_known_name_has_no_revision(store: BundledCheckpoints) -> None:
    for source in ("image-fourier", store.root / "image-fourier"):
        with pytest.raises(CheckpointError, match="no revision 'v1'"):
            perceiver.load(source, revision="v1")


@pytest.mark.parametrize(
    "name", ["../image-fourier", "../../etc", "/etc", "samples", "", ".", "image-fourier/..", "unfinished"]
)
def test_a_name_never_leads_out_of_the_store(name: str, store: BundledCheckpoints) -> None:
    for ask in (store.folder, store.card, store.config):
        with pytest.raises(CheckpointError, match="no checkpoint is called"):
            ask(name)


def test_a_folder_that_is_no_checkpoint(tmp_path: Path, store: BundledCheckpoints) -> None:
    with pytest.raises(CheckpointError, match=r"model\.safetensors is missing"):
        perceiver.load(tmp_path)


def test_other_seeds_are_found_by_what_their_training_recorded(
    store: BundledCheckpoints, config: PerceiverConfig, model: Perceiver
) -> None:
    def train(name: str, seed: int, recipe: str = "made", like: str = "image-fourier") -> Results:
        results = Results(
            name=recipe,
            recipe=recipe,
            command=f"perceiver train {recipe}",
            seed=seed,
            data=Data(name="Rooms", licence="CC0", split="by object"),
            budget=Budget(steps=10, examples=100, seconds=60.0, hardware="one core"),
            held_out=HeldOut(per_class={"chair": (8, 10)}),
        )
        if name != like:
            shutil.copytree(store.root / like, store.root / name)
        (store.root / name / "results.json").write_text(json.dumps(results.to_dict()))
        return results

    first = train("image-fourier", 0)
    assert store.other_seeds(first, config) == ()
    train("another-name", 7)
    train("zero-again", 0)
    train("of-another-recipe", 1, recipe="other")
    train("of-another-encoding", 1, like="image-learned")
    third = train("image-fourier-seed2", 2)
    assert store.other_seeds(first, config) == ("image-fourier-seed2", "another-name")
    assert store.other_seeds(third, config) == ("image-fourier", "zero-again", "another-name")
    assert perceiver.open("image-fourier").other_seeds == ("image-fourier-seed2", "another-name")
    assert perceiver.open("image-coordinates").other_seeds == ()  # without results
    assert perceiver.Lens(model).other_seeds == ()


def test_samples(store: BundledCheckpoints) -> None:
    assert store.samples("image") == ()
    write_index(store, [SAMPLE])
    (sample,) = store.samples("image")
    assert (sample.file, sample.label, sample.name) == ("lamp.png", "lamp", "lamp")
    assert sample.credit == "A. Maker, Sweet Home 3D, CC BY 3.0"
    assert sample.read() == b"pixels"
    sample.path.unlink()
    with pytest.raises(CheckpointError, match=r"lamp\.png cannot be read: No such file"):
        sample.read()


def test_samples_of_the_models_own_data_where_there_are_some(store: BundledCheckpoints) -> None:
    write_index(store, [SAMPLE, SAMPLE | {"file": "a.png", "label": "A"}, SAMPLE | {"file": "x.png", "label": ""}])
    for name in ("a.png", "x.png"):
        (store.root / "samples" / "image" / name).write_bytes(b"pixels")

    def files(*labels: str) -> list[str]:
        return [sample.file for sample in store.samples("image", labels)]

    assert files("lamp", "chair") == ["lamp.png", "x.png"]
    assert files("A", "B") == ["a.png", "x.png"]
    assert files("goldfish") == files() == ["lamp.png", "a.png", "x.png"]


def test_the_order_of_checkpoints_can_be_said(store: BundledCheckpoints) -> None:
    order = store.root / "order.json"
    order.write_text(json.dumps(["image-coordinates", "gone", "audio-fourier"]))
    assert store.names() == ("image-coordinates", "audio-fourier", "image-fourier", "image-learned")
    assert store.default("image") == "image-coordinates"
    for text in ("{", '"image-fourier"', "[1]"):
        order.write_text(text)
        with pytest.raises(CheckpointError, match=r"order\.json"):
            store.names()


@pytest.mark.parametrize("modality", ["../image", "..", "", ".", "audio", "image/.."])
def test_samples_of_another_name_are_none(modality: str, store: BundledCheckpoints) -> None:
    write_index(store, [SAMPLE])
    assert store.samples(modality) == ()


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({}, "it is no list"),
        ([3], "every sample needs the texts author, file, label, licence, note, source, title and no other"),
        ([SAMPLE | {"file": 3}], "every sample needs"),
        ([SAMPLE | {"colour": "red"}], "every sample needs"),
        ([{k: v for k, v in SAMPLE.items() if k != "licence"}], "every sample needs"),
        ([SAMPLE | {"file": "../lamp.png"}], "names '../lamp.png', which is no file beside it"),
        ([SAMPLE | {"file": "/etc/passwd"}], "names '/etc/passwd', which is no file beside it"),
        ([SAMPLE | {"file": "."}], "names '.', which is no file"),
        ([SAMPLE | {"file": "gone.png"}], "names 'gone.png', which is no file beside it"),
        ([SAMPLE, SAMPLE], "names 'lamp.png' twice"),
    ],
)
def test_a_damaged_index_is_refused(index: Any, said: str, store: BundledCheckpoints) -> None:
    write_index(store, index)
    with pytest.raises(CheckpointError) as caught:
        store.samples("image")
    assert "index.json" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", BUNDLED.names())
def test_what_comes_with_the_project_is_whole(name: str) -> None:
    folder = BUNDLED.folder(name)
    model, results = perceiver.load(folder), BUNDLED.card(name).results
    card.verify(folder)
    assert (folder / "model.safetensors").stat().st_size < 12_000_000
    assert results is not None
    assert results.name == name
    assert results.parameters == perceiver.count_parameters(model)
    assert tuple(results.held_out.per_class) == model.config.labels
    assert card.write(model.config, results) == (folder / "README.md").read_text(encoding="utf-8")
    for sample in BUNDLED.samples(model.config.modality, model.config.labels):
        assert sample.label in ("", *model.config.labels)
        assert sample.licence
        assert sample.read()
