"""The set of clips: what training reads is what reading a file gives, and a sense that is dropped leaves the input."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from perceiver import CheckpointError, ConfigError, Perceiver, modalities
from perceiver.training import evaluate as evaluation
from perceiver.training import recipes
from perceiver.training.loop import batch_at, drawn_inputs
from perceiver.training.sets import TEST, TRAIN, VAL, ClipAugmentation, SoundAugmentation, open_set
from perceiver.training.sets.clips import ACTIONS
from perceiver.training.teacher import ClipNet
from tests.modalities.audiovisual.clips import clip

STILL = ClipAugmentation(
    scale=(1.0, 1.0),
    shift=0.0,
    mirror=False,
    light=(1.0, 1.0),
    paired=1.0,
    sound=SoundAugmentation(speed=(1.0, 1.0), delay=0.0, tone=0.0, room=0.0, fade=(0.0, 0.0), noise=(-400.0, -400.0)),
)


def write_clips(folder: Path) -> Path:
    """Three clips of each class to train on, one to validate and one held out: a square whose height in the picture
    tells the class, and a tone whose pitch does."""
    time = np.arange(19_200) / 16_000
    count = 11 * 5
    video, sound = np.zeros((count, 16, 48, 48), np.uint8), np.empty((count, 19_200), np.int16)
    label, split = np.repeat(np.arange(11), 5), np.tile([0, 0, 0, 1, 2], 11)
    for index in range(count):
        for frame in range(16):
            row, column = 4 * label[index], 2 * frame + index % 5
            video[index, frame, row : row + 6, column : column + 6] = 100 + 20 * (index % 5)
        sound[index] = 20_000 * np.sin(2 * np.pi * (300 + 200 * label[index] + 10 * (index % 5)) * time)
    np.savez(
        folder / "clips.npz", video=video, sound=sound, label=label, split=split.astype(np.int8),
        group=np.arange(count), motion=np.full(count, "made"), classes=np.array(ACTIONS),
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.mark.parametrize("name", ["av-fused", "av-audio", "av-video"])
def test_a_held_out_clip_is_what_reading_its_file_gives(name: str, folder: Path) -> None:
    config = recipes.get(name).model
    examples = open_set(folder, TEST, config).held_out()
    assert len(examples) == 11
    with np.load(folder / "clips.npz") as file:
        chosen = np.flatnonzero(file["split"] == TEST)[3]
        frames, sound = file["video"][chosen], file["sound"][chosen]
    made = clip(
        list(np.repeat(frames[..., None], 3, axis=3)),
        fps=Fraction(16 * 10, 12),
        container="mov",
        options={"qp": "0"},
        sound=sound / 32768,
        rate=16_000,
    )
    sample = modalities.get("audiovisual").read(
        made, "clip.mov", shape=config.input_shape, preprocess=config.preprocess, options={"start": "0"}
    )
    # The sound that is decoded has 16 bits, and greys lose a level on the way through luma.
    np.testing.assert_allclose(sample.content.numpy(), examples.content[3].numpy(), atol=0.06)
    assert sample.content.shape == (config.num_inputs, config.content_channels)
    Perceiver(config).inputs(sample)


def test_a_batch_without_augmentation_holds_clips_of_the_split(folder: Path) -> None:
    data = open_set(folder, TRAIN, recipes.get("av-fused").model)
    every = data.held_out()
    batch = data.batch(8, STILL, torch.Generator().manual_seed(0))
    for values, label in zip(batch.content, batch.label, strict=True):
        distance = (every.content - values).abs().mean((1, 2))
        assert distance.min() < 0.02
        assert every.label[distance.argmin()] == label


def test_other_sounds_are_those_of_the_class(folder: Path) -> None:
    data = open_set(folder, TRAIN, recipes.get("av-fused").model)
    mixed = dataclasses.replace(STILL, paired=0.0)
    every = data.held_out()
    batch = data.batch(24, mixed, torch.Generator().manual_seed(0))
    video = [int((every.content[:, 60:] - one[60:]).abs().mean((1, 2)).argmin()) for one in batch.content]
    audio = [int((every.content[:, :60] - one[:60]).abs().mean((1, 2)).argmin()) for one in batch.content]
    assert every.label[video].tolist() == every.label[audio].tolist() == batch.label.tolist()
    assert video != audio


def test_the_augmentation_moves_all_frames_of_a_clip_alike(folder: Path) -> None:
    data = open_set(folder, TRAIN, recipes.get("av-video").model)
    moved = dataclasses.replace(STILL, shift=0.3, mirror=True)
    batch = data.batch(6, moved, torch.Generator().manual_seed(3))
    net = ClipNet(data.model, (2,))
    from perceiver.modalities.audiovisual.content import parts_of

    frames = (parts_of(batch.content, net.settings)["video"][:, 0] * 0.2 + 0.08).clamp(min=1e-5) - 1e-5
    place = torch.arange(48) + 0.5
    mass = frames.sum((2, 3)).clamp(min=1e-6)
    rows = (frames.sum(3) * place).sum(2) / mass
    columns = (frames.sum(2) * place).sum(2) / mass
    inside = (frames[:, :, 0].sum(2) + frames[:, :, -1].sum(2) + frames[..., 0].sum(2) + frames[..., -1].sum(2)) == 0
    steps = columns.diff(dim=1)[inside[:, 1:] & inside[:, :-1]]
    assert len(steps) > 20
    assert (steps.abs() - 2).abs().max() < 0.1
    assert rows[0][inside[0]].std() < 0.05


def test_the_teacher_reads_the_frames_and_the_spectrogram(folder: Path) -> None:
    from perceiver.modalities.audiovisual.content import parts_of

    config = recipes.get("av-fused").model
    data = open_set(folder, VAL, config)
    net = ClipNet(config, (4, 6, 8)).eval()
    examples = data.held_out()
    parts = parts_of(examples.content, net.settings)
    with np.load(folder / "clips.npz") as file:
        frames = file["video"][file["split"] == VAL]
    np.testing.assert_allclose((parts["video"][:, 0].numpy() * 0.2 + 0.08) * 255, frames, atol=1e-3)
    assert parts["audio"].shape == (11, 40, 60)
    # The tone of a later class is higher, and the highest band is the first row.
    loudest = parts["audio"].mean(2).argmax(1)
    assert (loudest.diff() < 0).all()
    assert net(examples.content).shape == (11, 11)


def test_a_segment_that_is_dropped_leaves_the_elements_of_the_other(folder: Path) -> None:
    dropout = (("video", 0.3), ("audio", 0.4))
    recipe = dataclasses.replace(recipes.get("av-fused"), batch=2, dropout=dropout)
    data = open_set(folder, TRAIN, recipe.model)
    drawn = [batch_at(data, recipe, step).elements for step in range(60)]
    heard = [step for step, elements in enumerate(drawn) if elements is not None and elements[0] == 0]
    seen = [step for step, elements in enumerate(drawn) if elements is not None and elements[0] == 60]
    assert 10 <= len(heard) <= 26
    assert 14 <= len(seen) <= 34
    assert all(drawn[step].tolist() == list(range(60)) for step in heard)
    assert all(drawn[step].tolist() == list(range(60, 348)) for step in seen)
    model = Perceiver(recipe.model)
    for step, rows in ((heard[0], slice(0, 60)), (seen[0], slice(60, 348))):
        batch = batch_at(data, recipe, step)
        inputs = drawn_inputs(model, batch.examples, batch.content, batch.elements)
        torch.testing.assert_close(inputs, model.input_array(batch.content)[:, rows])
    plain = dataclasses.replace(recipe, dropout=())
    torch.testing.assert_close(batch_at(data, plain, 3).examples.content, batch_at(data, recipe, 3).examples.content)
    with pytest.raises(ConfigError, match="dropout of 'video' needs an input with this segment and others"):
        dataclasses.replace(recipes.get("av-audio"), dropout=dropout)


def test_measures_of_a_model_that_hears_only(folder: Path) -> None:
    """Weights that let the latents read nothing but sound: with the sound alone it answers as with both."""
    config = recipes.get("av-fused").model
    torch.manual_seed(0)
    model = Perceiver(config).eval().requires_grad_(False)
    found = evaluation.evaluate(model, folder).measures
    assert set(found) == {
        "Accuracy with the frames alone",
        "Accuracy with the sound alone",
        "Attention mass on the sound, block 1 (mean map)",
        "Attention mass on the sound, block 2 (mean map)",
        *(f"Movement of the map on the {s} without the other, block {b}" for s in ("frames", "sound") for b in (1, 2)),
    }
    examples = open_set(folder, TEST, config).held_out()
    inputs = examples.inputs(model)
    expected = (model(inputs[:, :60]).argmax(-1) == examples.label).float().mean()
    assert found["Accuracy with the sound alone"] == pytest.approx(float(expected))
    expected = (model(inputs[:, 60:]).argmax(-1) == examples.label).float().mean()
    assert found["Accuracy with the frames alone"] == pytest.approx(float(expected))
    share = np.mean([float(model.trace(one[None]).map(1)[:60].sum()) for one in inputs])
    assert found["Attention mass on the sound, block 2 (mean map)"] == pytest.approx(share, rel=1e-5)
    # The map of the sound alone, and that of both cut to the sound.
    moved = []
    for one in inputs:
        alone, both = (model.trace(rows[None]).latent_maps(1, slice(None)).mean(dim=0) for rows in (one[:60], one))
        moved.append(float((alone - both[:60] / both[:60].sum()).abs().sum() / 2))
    assert found["Movement of the map on the sound without the other, block 2"] == pytest.approx(np.mean(moved))


def test_all_recipes_of_clips_have_one_shape() -> None:
    fused, audio, video, plain = (
        recipes.get(name) for name in ("av-fused", "av-audio", "av-video", "av-fused-no-dropout")
    )
    same = ("num_latents", "latent_dim", "plan", "self_attends", "padded_to", "qk_dim", "v_dim")
    for other in (audio, video, plain):
        assert all(getattr(other.model, name) == getattr(fused.model, name) for name in same)
        assert (other.steps, other.batch, other.teacher) == (fused.steps, fused.batch, fused.teacher)
    assert (audio.model.num_inputs, video.model.num_inputs, fused.model.num_inputs) == (60, 288, 348)
    assert fused.data == "clips"


def test_two_models_are_compared_on_the_same_clips(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The differences of every draw of whole groups, by a plain loop."""
    fused, audio = (Perceiver(recipes.get(name).model) for name in ("av-fused", "av-audio"))
    right = {fused: [1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 0], audio: [1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0]}
    monkeypatch.setattr(evaluation, "hits", lambda model, *_, **__: torch.tensor(right[model], dtype=torch.bool))
    found = evaluation.compare(fused, audio, folder)
    assert found.share == pytest.approx(2 / 11)
    values = np.array(right[fused]) - np.array(right[audio])
    rng = np.random.default_rng(0)
    draws = [np.mean([values[i] for i in row]) for row in rng.integers(11, size=(2000, 11))]
    assert found.interval == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))
    with pytest.raises(CheckpointError, match="the model knows the classes"):
        evaluation.compare(fused, Perceiver(dataclasses.replace(fused.config, labels=ACTIONS[::-1])), folder)


def test_the_card_tells_the_augmentation_of_the_senses_that_a_model_has() -> None:
    both, sound, video = (recipes.get(name).augmentation.sentence() for name in ("av-fused", "av-audio", "av-video"))
    assert both == f"{video}; 100% with the sound of another clip of the class; {sound}"
    assert sound.startswith("sounds played")
    assert video.startswith("frames scaled")
    assert "sound" not in video
