"""Analyses of data sets against loops written out, and what is kept of them."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.manifold import trustworthiness

import perceiver
from perceiver import ConfigError, InputError, Perceiver, PerceiverConfig
from perceiver.analysis.ablation import Ablation, parse
from perceiver.analysis.parts import RowParts
from perceiver.analysis.split_shares import score_shares
from perceiver.analysis.target_class import find_class
from perceiver.checkpoints import BundledCheckpoints
from perceiver.dataset import (
    FILE,
    UNKNOWN,
    Collection,
    DataSetAnalysis,
    Entry,
    Partial,
    analyse,
    check,
    disagreements,
    files,
    finish,
    load,
    outdated,
    save,
    steps,
)
from perceiver.dataset.build import embedded
from perceiver.dataset.collection import balanced
from perceiver.dataset.measure import thumbnail
from perceiver.errors import CheckpointError, UnknownClassError
from perceiver.modalities.audiovisual.content import content as clip_content
from perceiver.modalities.audiovisual.settings import ClipSettings
from perceiver.positions import CoordinatesConfig
from perceiver.studies.base import Mean
from tests import commands
from tests.cli.test_clips import CONFIG as CLIPS
from tests.models import tiny

LABELS = ("disc", "bar", "cross")
CONFIG = tiny(labels=LABELS, modality="image", preprocess={})


def model_of(config: PerceiverConfig = CONFIG, seed: int = 0) -> Perceiver:
    torch.manual_seed(seed)
    return Perceiver(config).eval().requires_grad_(False)


def entries(config: PerceiverConfig = CONFIG, count: int = 12) -> tuple[Entry, ...]:
    """Every third input has no label, the last one is not counted."""
    made = np.random.default_rng(0)
    axes = config.position_axes
    return tuple(
        Entry(
            key=f"input {i}",
            label=UNKNOWN if i % 3 == 2 else i % 3,
            group=i // 2,
            counted=i < count - 1,
            content=made.normal(size=(15, config.content_channels)).astype(np.float32),
            coordinates=None if axes is None else made.uniform(-1, 1, (15, axes)).astype(np.float32),
        )
        for i in range(count)
    )


def collection(config: PerceiverConfig = CONFIG, count: int = 12) -> Collection:
    return Collection("inputs", entries(config, count), count - 1)


@pytest.fixture(scope="module")
def made() -> DataSetAnalysis:
    return analyse(model_of(), collection(), name="tiny", weights_sha256="0" * 64, command="perceiver dataset tiny")


def test_predictions_and_counts_equal_a_loop(made: DataSetAnalysis) -> None:
    model, hit, confusion = model_of(), [], np.zeros((3, 3), int)
    for i, entry in enumerate(entries()):
        trace = model.trace(model.inputs(entry.read(CONFIG)))
        assert made.examples.answers[i].tolist() == trace.block_logits.argmax(-1).tolist()
        np.testing.assert_allclose(made.examples.probabilities[i], trace.logits.softmax(-1), atol=5e-4)
        if entry.counted and entry.label != UNKNOWN:
            hit.append([int(one) == entry.label for one in trace.block_logits.argmax(-1)])
            confusion[entry.label, int(trace.logits.argmax())] += 1
    assert [one.value for one in made.accuracy] == pytest.approx(np.mean(hit, axis=0).tolist())
    np.testing.assert_array_equal(made.confusion, confusion)
    chosen = made.members(label=0, predicted=int(confusion[0].argmax()))
    assert len(chosen) == confusion[0].max()
    sure = made.examples.probabilities[chosen].max(1)
    assert (np.diff(sure) >= 0).all()


def test_latents_and_maps_equal_a_loop(made: DataSetAnalysis) -> None:
    model = model_of()
    falls, entropies, blocks, latents, by_class = [], [], np.zeros((2, 15)), np.zeros((4, 15)), np.zeros((3, 15))
    count = np.zeros(3)
    for entry in entries()[:-1]:
        trace = model.trace(model.inputs(entry.read(CONFIG)))
        answer = int(trace.logits.argmax())
        states = trace.latents[-1]
        falls.append(
            [
                float(trace.logits[answer] - model.head(torch.cat([states[:n], states[n + 1 :]])[None])[0, answer])
                for n in range(4)
            ]
        )
        maps = torch.stack([trace.latent_maps(block, slice(None)) for block in (0, 1)]).double()
        entropies.append((-(maps * maps.log()).sum(-1).mean(0) / np.log(15)).tolist())
        blocks += maps.mean(1).numpy()
        latents += maps.mean(0).numpy()
        label = entry.label if entry.label != UNKNOWN else answer
        by_class[label] += maps.mean((0, 1)).numpy()
        count[label] += 1
    assert [one.value for one in made.latents.removed] == pytest.approx(np.mean(falls, axis=0).tolist(), abs=1e-6)
    assert made.latents.entropy == pytest.approx(np.mean(entropies, axis=0), abs=1e-6)
    np.testing.assert_array_equal(made.latents.strongest, np.argsort(-np.array(falls), axis=0)[:8].T)
    np.testing.assert_array_equal(made.latents.focused, np.argsort(entropies, axis=0)[:8].T)
    assert made.maps is not None
    assert made.about.cells == (3, 5)
    np.testing.assert_allclose(made.maps.blocks, blocks / 11 * 15, atol=1e-5)  # multiples of uniform
    np.testing.assert_allclose(made.maps.latents, latents / 11 * 15, atol=1e-5)
    for label in np.flatnonzero(count):
        np.testing.assert_allclose(made.maps.classes[label], by_class[label] / count[label] * 15, atol=1e-5)


def test_shares_and_bands_equal_a_loop(made: DataSetAnalysis) -> None:
    model, parts = model_of(), RowParts.of(model_of())
    found = [score_shares(model.trace(model.inputs(one.read(CONFIG))), parts) for one in entries()[:-1]]
    groups = np.array([one.group for one in entries()[:-1]])
    assert [(one.block, one.group) for one in made.shares] == [
        (block, group) for block in (0, 1) for group in ("content", "position")
    ]
    for one in made.shares:
        assert one.share == Mean.of(np.array([shares.of(one.group)[one.block] for shares in found]), groups)
    *cut, whole = made.bands
    assert whole.agrees.value == 1.0
    assert whole.accuracy is not None
    assert whole.accuracy.value == pytest.approx(made.accuracy[-1].value)
    assert cut[0].ablation == "b1:1-4,b2:1-4"
    for one in cut:
        removed_bands: Ablation = parse(one.ablation)
        same = []
        for i, entry in enumerate(entries()[:-1]):
            sample = entry.read(CONFIG)
            codes = removed_bands.apply(model.codes(sample), model.encoding)
            same.append(int(model(model.inputs(sample, codes)).argmax()) == made.predicted[i])
        assert one.agrees.value == pytest.approx(np.mean(same))


def test_a_model_with_one_latent_and_a_decoder_has_no_latent_to_remove() -> None:
    config = tiny(labels=LABELS, modality="image", preprocess={}, num_latents=1, head="decoder")
    found = analyse(model_of(config), collection(config))
    assert np.isnan([one.value for one in found.latents.removed]).all()
    assert found.to_dict()["latents"][0]["removed"] == {"value": None, "low": None, "high": None}


def test_free_elements_are_projected_onto_cells() -> None:
    config = tiny(
        labels=LABELS, modality="points", input_shape=(15,), position_axes=3, content_channels=0,
        positions=CoordinatesConfig(),
    )  # fmt: skip
    model = model_of(config)
    found = analyse(model, collection(config))
    assert found.maps is not None
    assert found.about.cells == (16, 16)
    weight, share = np.zeros((16, 16)), np.zeros((16, 16))
    for entry in entries(config)[:-1]:
        trace = model.trace(model.inputs(entry.read(config)))
        assert entry.coordinates is not None
        for value, (x, y, _) in zip(trace.map(0).tolist(), entry.coordinates.tolist(), strict=True):
            row, column = 15 - int((y + 1) * 8), int((x + 1) * 8)
            weight[row, column] += value
            share[row, column] += 1 / 15
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found.maps.blocks[0].reshape(16, 16), weight / share, rtol=1e-4)
    assert found.bands == ()


def test_work_goes_on_where_it_stopped_in_any_number_of_processes(made: DataSetAnalysis, tmp_path: Path) -> None:
    going = steps(model_of(), collection())
    assert next(going).reached == 0
    assert next(going).reached == 8
    part = tmp_path / "part.npz"
    next(steps(model_of(), collection(), resume=next(iter([next(_first(8))])))).save(part)
    *_, partial = steps(model_of(), collection(), resume=Partial.load(part))
    again = finish(model_of(), collection(), partial, name="tiny", weights_sha256="0" * 64, command=made.about.command)
    assert json.dumps(again.to_dict()) == json.dumps(made.to_dict())
    with pytest.raises(ConfigError, match="another model"):
        next(steps(model_of(seed=1), collection(), resume=Partial.load(part)))
    with pytest.raises(ConfigError, match="other inputs"):
        next(steps(model_of(), collection(count=11), resume=Partial.load(part)))


def _first(count: int):  # type: ignore[no-untyped-def]
    """The unfinished measurements of so many inputs."""
    yield from (one for one in steps(model_of(), collection()) if one.reached == count)


def test_processes_find_the_same(made: DataSetAnalysis, monkeypatch: pytest.MonkeyPatch) -> None:
    # The processes run the main module again, and a test of the app leaves its script there.
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    found = analyse(
        model_of(), collection(), name="tiny", weights_sha256="0" * 64, command=made.about.command, processes=2
    )
    assert json.dumps(found.to_dict()) == json.dumps(made.to_dict())


def test_files_keep_what_was_found(made: DataSetAnalysis, tmp_path: Path) -> None:
    path = tmp_path / "tiny.npz"
    save(made, path)
    back = load(path)
    assert back.about == made.about
    for field in ("keys", "names"):
        assert getattr(back.examples, field) == getattr(made.examples, field)
    for field in ("labels", "groups", "counted", "answers"):
        np.testing.assert_array_equal(getattr(back.examples, field), getattr(made.examples, field))
    np.testing.assert_array_equal(back.examples.probabilities, made.examples.probabilities)
    assert back.examples.thumbnails.shape == made.examples.thumbnails.shape
    np.testing.assert_array_equal(back.latents.strongest, made.latents.strongest)
    assert [one.value for one in back.latents.removed] == pytest.approx([one.value for one in made.latents.removed])
    assert back.accuracy == made.accuracy
    assert [one.cycles for one in back.bands] == [one.cycles for one in made.bands]
    for content in (b"", b"PK", path.read_bytes()[:-40]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"tiny\.npz"):
            load(path)


def test_other_files_are_no_analyses(made: DataSetAnalysis, tmp_path: Path) -> None:
    path = tmp_path / "found.npz"
    save(made, path)
    whole = path.read_bytes()
    array = io.BytesIO()
    np.save(array, np.zeros(3))
    for other in (b"", whole[: len(whole) // 2], whole[:60] + b"x" * 200 + whole[260:], array.getvalue()):
        path.write_bytes(other)
        with pytest.raises(InputError, match="the analysis of a data set"):
            load(path)
        with pytest.raises(InputError):
            Partial.load(path)


def test_disagreements_equal_counts(made: DataSetAnalysis) -> None:
    # Another order of the classes: they are matched by name.
    order = [2, 0, 1]
    other = analyse(model_of(seed=5), collection(), name="other")
    place = np.argsort(order)
    turned = dataclasses.replace(
        other,
        about=dataclasses.replace(other.about, classes=tuple(LABELS[i] for i in order)),
        examples=dataclasses.replace(
            other.examples,
            answers=place[other.examples.answers],
            labels=np.where(other.examples.labels < 0, UNKNOWN, place[other.examples.labels]),
        ),
    )
    found = disagreements(made, turned)
    labels, one, two = made.examples.labels[:-1], made.predicted[:-1], other.predicted[:-1]
    assert set(found.differ.tolist()) == set(np.flatnonzero(one != two).tolist())
    known = labels >= 0
    a, b = (one == labels)[known], (two == labels)[known]
    assert (found.inputs, found.labelled) == (11, known.sum())
    assert (found.both, found.neither) == ((a & b).sum(), (~a & ~b).sum())
    assert (found.first, found.second) == ((a & ~b).sum(), (b & ~a).sum())
    assert found.difference is not None
    assert found.difference.value == pytest.approx(a.mean() - b.mean())
    with pytest.raises(ConfigError, match="different inputs"):
        disagreements(made, analyse(model_of(), collection(count=10)))


def test_balanced_takes_equally_many_of_each_class() -> None:
    labels = np.array([0] * 10 + [1] * 3 + [2] * 20)
    for most in (1, 2, 7, 9, 20, 33, 50):
        chosen = balanced(labels, most)
        assert len(set(chosen.tolist())) == len(chosen) == min(most, 33)
        counts = np.bincount(labels[chosen], minlength=3)
        assert all(abs(counts[i] - counts.max()) <= 1 or counts[i] == size for i, size in enumerate((10, 3, 20)))
    np.testing.assert_array_equal(balanced(labels, 3), [0, 10, 13])


def test_near_latents_are_near_on_the_map() -> None:
    made = np.random.default_rng(0)
    latents = (made.normal(size=(4, 1, 20)) * 5 + made.normal(size=(4, 15, 20))).reshape(60, 20).astype(np.float32)
    assert trustworthiness(latents, embedded(latents), n_neighbors=8) > 0.9
    assert embedded(latents[:3]).shape == (3, 2)
    assert not embedded(np.ones((5, 20), np.float32)).any()


def test_files_of_a_folder(tmp_path: Path) -> None:
    config = tiny(labels=LABELS, modality="image", content_channels=3, preprocess={"mean": [0.5] * 3, "std": [0.5] * 3})
    for place in ("disc/a.png", "Bar/b.png", "other/c.png", "d.png"):
        path = tmp_path / "pictures" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 6), (200, 40, 90)).save(path)
    (tmp_path / "pictures/disc/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    (tmp_path / "pictures/readme.txt").write_text("no picture")
    found = files(config, tmp_path / "pictures")
    assert [(one.key, one.label) for one in found.entries] == [
        ("Bar/b.png", 1), ("d.png", UNKNOWN), ("disc/a.png", 0), ("disc/broken.png", 0), ("other/c.png", UNKNOWN),
    ]  # fmt: skip
    assert len(found.notes) == 2
    made = analyse(model_of(config), found, name="tiny")
    assert made.examples.keys == ("Bar/b.png", "d.png", "disc/a.png", "other/c.png")
    ((name, reason),) = made.about.errors
    assert name == "disc/broken.png"
    assert "broken.png" in reason
    assert np.abs(made.examples.thumbnails.astype(int) - [200, 40, 90]).max() <= 1
    with pytest.raises(InputError, match="is not a folder"):
        files(config, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no picture"):
        files(config, tmp_path / "empty")


def test_folders_and_files_with_strange_names(tmp_path: Path) -> None:
    """Numbers are no labels of a model whose classes have names, a word of a name is said to be one, and what is no
    text or no printable text in a file's name is replaced wherever it is written."""
    labels = ("grand piano", "violin", "crane", "crane")
    about = {"labels": labels, "num_classes": 4, "modality": "image", "content_channels": 3}
    config = tiny(**about, preprocess={"mean": [0.5] * 3, "std": [0.5] * 3})
    root = tmp_path / os.fsdecode(b"caf\xe9")
    for folder, name in (
        ("1", "a.png"),
        ("piano", "a\nb.png"),
        ("Violin", os.fsdecode(b"\xff.png")),
        ("crane", "d.png"),
    ):
        (root / folder).mkdir(parents=True)
        Image.new("RGB", (10, 6), (200, 40, 90)).save(root / folder / name)
    found = files(config, root)
    assert [(one.key, one.label) for one in found.entries] == [
        ("1/a.png", UNKNOWN), ("Violin/\ufffd.png", 1), ("crane/d.png", UNKNOWN), ("piano/a b.png", 0),
    ]  # fmt: skip
    assert found.notes == (
        "No class of the model is called 1, crane: these files have no label.",
        "Folders were taken for classes by a word of their names: piano for grand piano.",
    )
    made = analyse(model_of(config), found, name="tiny", command=f"perceiver dataset --files {root}")
    save(made, tmp_path / "found.npz")
    assert load(tmp_path / "found.npz").about.command.endswith("caf?")
    assert made.summary.isprintable()
    with pytest.raises(UnknownClassError, match="several classes called 'crane', give the number of one: 3, 4"):
        find_class("crane", config)


def test_other_weights_make_an_analysis_outdated(
    made: DataSetAnalysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(tmp_path))
    folder = perceiver.save(model_of(), tmp_path / "tiny")
    store = BundledCheckpoints(tmp_path)
    assert outdated(store) == ("tiny",)
    assert not check(folder)
    lens = perceiver.open(folder)
    save(dataclasses.replace(made, about=dataclasses.replace(made.about, weights_sha256=lens.sha256)), folder / FILE)
    assert check(folder)
    assert outdated(store) == ()
    perceiver.save(model_of(seed=1), folder)
    assert outdated(store) == ("tiny",)
    with pytest.raises(CheckpointError, match="other weights"):
        check(folder)
    assert "other weights" in commands.refused("dataset", "tiny")


def test_the_bundled_analyses_are_of_the_weights_beside_them() -> None:
    store = BundledCheckpoints()
    held = [name for name in store.names() if check(store.folder(name))]
    sizes = {name: (store.folder(name) / FILE).stat().st_size for name in held}
    assert max(sizes.values(), default=0) <= 150_000
    assert sum(sizes.values()) <= 100_000 * len(sizes)
    for name in held[:1]:
        found = load(store.folder(name) / FILE)
        assert found.about.classes == store.config(name).class_names
        assert found.about.model == name


def test_inputs_of_several_parts_have_no_mean_maps() -> None:
    model = model_of(CLIPS)
    made = np.random.default_rng(0).normal(size=(3, CLIPS.num_inputs, CLIPS.content_channels)).astype(np.float32)
    clips = Collection("clips", tuple(Entry(f"clip {i}", i % 2, i, content=made[i]) for i in range(3)), 3)
    found = analyse(model, clips)
    assert found.maps is None
    assert found.about.cells == ()
    parts = RowParts.of(model)
    traces = [model.trace(model.inputs(one.read(CLIPS))) for one in clips.entries]
    expected = np.mean([score_shares(trace, parts).of(parts.present[0]) for trace in traces], axis=0)
    assert [one.share.value for one in found.shares if one.group == parts.present[0]] == pytest.approx(expected)


def test_a_clip_is_shown_by_its_middle_frame_or_its_sound() -> None:
    settings = ClipSettings.of(CLIPS.preprocess)
    frames = np.zeros((1, settings.frames, settings.height, settings.width, settings.channels), np.uint8)
    frames[0] += (20 * np.arange(settings.frames, dtype=np.uint8))[:, None, None, None]  # from frame to frame brighter
    frames[0, :, :, settings.width // 2 :, 0] = 250
    sound = np.zeros((1, settings.samples), np.float32)
    sound[0, settings.samples // 2 :] = 0.5

    def drawn(config: PerceiverConfig) -> np.ndarray:
        rows = clip_content(frames, sound, ClipSettings.of(config.preprocess))[0]
        return thumbnail(Entry("clip", 0, 0, content=rows).read(config), config).astype(int)

    middle = 20 * (settings.frames // 2)
    left, right = drawn(CLIPS)[:, :11], drawn(CLIPS)[:, 13:]
    assert np.abs(left - middle).max() <= 1
    assert np.abs(right - [250, middle, middle]).max() <= 1
    heard = dataclasses.replace(
        CLIPS,
        input_shape=(80,),
        content_channels=16,
        segments=CLIPS.segments[:1],
        preprocess={**CLIPS.preprocess, "order": ["audio"]},
    )
    silent, loud = drawn(heard)[:, :11, 0], drawn(heard)[:, 13:, 0]
    assert (silent[[0, -1]] == 30).all()
    assert (loud[0] == 230).all()


def test_bundled_analyses_have_thumbnails_that_differ() -> None:
    store = BundledCheckpoints()
    for name in store.names():
        if check(store.folder(name)):
            shown = load(store.folder(name) / FILE).examples.thumbnails.astype(float)
            assert shown.std(0).mean() > 5, name
