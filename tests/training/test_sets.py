"""What the data sets hand to training: balanced, augmented as they say, and prepared as reading a file prepares it."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from perceiver import ConfigError, DataError, modalities
from perceiver.training import recipes
from perceiver.training.sets import TEST, TRAIN, VAL, CloudAugmentation, SoundAugmentation, open_set
from perceiver.training.sets.base import Balanced
from perceiver.training.sets.clouds import augment as augment_cloud
from perceiver.training.sets.clouds import unit_cube
from perceiver.training.sets.hearing import augment as augment_sound

RATE = 16_000
STILL = SoundAugmentation(speed=(1.0, 1.0), delay=0.0, tone=0.0, room=0.0, fade=(0.0, 0.0), noise=(-400.0, -400.0))


def write_audio(folder: Path) -> Path:
    """Eleven classes of a tone each: 2 notes of bank a and 1 of bank b to train on, 1 to validate, 1 of bank c."""
    time = np.arange(RATE) / RATE
    audio, labels, splits, banks, programs = [], [], [], [], []
    for label in range(11):
        for split, bank, program in ((0, "a", 1), (0, "a", 1), (0, "b", 7), (1, "a", 1), (2, "c", 3)):
            tone = np.sin(2 * np.pi * (200 + 150 * label + 5 * split) * time)
            audio.append((26_000 * tone).astype(np.int16))
            labels.append(label)
            splits.append(split)
            banks.append(bank)
            programs.append(program)
    np.savez(
        folder / "audio.npz", audio=np.stack(audio), label=np.array(labels), split=np.array(splits, np.int8),
        bank=np.array(banks), program=np.array(programs), classes=np.array(recipes.INSTRUMENTS),
    )  # fmt: skip
    return folder


def write_points(folder: Path, points: int = 4096) -> Path:
    """Two objects a class and split: boxes whose proportions tell the class."""
    rng = np.random.default_rng(0)
    clouds, labels, splits = [], [], []
    for label in range(17):
        for split in (0, 0, 2):
            clouds.append(rng.uniform(-1, 1, (points, 3)) * (1, 0.1 + label / 20, 0.5))
            labels.append(label)
            splits.append(split)
    np.savez(
        folder / "points.npz", points=np.stack(clouds).astype(np.float16), label=np.array(labels),
        split=np.array(splits, np.int8), group=np.arange(len(labels)), classes=np.array(recipes.OBJECT_CLASSES),
    )  # fmt: skip
    return folder


def test_classes_are_drawn_alike_then_their_groups_then_their_members() -> None:
    # Class 0 has one member; class 1 a group of 98 near-duplicates and a group of one.
    draw = Balanced([0] + [1] * 99, [0] + [1] * 98 + [2])
    chosen = draw(4000, torch.Generator().manual_seed(0))
    assert (chosen == 0).float().mean() == pytest.approx(0.5, abs=0.03)
    assert (chosen == 99).float().mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("name", ["audio-mel", "audio-raw"])
def test_a_held_out_sound_is_what_reading_its_file_gives(name: str, tmp_path: Path) -> None:
    import soundfile

    model = recipes.get(name).model
    data = open_set(write_audio(tmp_path), TEST, model)
    examples = data.held_out()
    assert len(examples) == 11
    with np.load(tmp_path / "audio.npz") as file:
        note = file["audio"][file["split"] == 2][3]
    wav = io.BytesIO()
    soundfile.write(wav, note, RATE, format="WAV", subtype="PCM_16")
    sample = modalities.get("audio").read(
        wav.getvalue(), "note.wav", shape=model.input_shape, preprocess=model.preprocess, options={"start": "0"}
    )
    torch.testing.assert_close(sample.content, examples.content[3], atol=2e-3, rtol=0)


def test_sounds_group_by_instrument_and_measure_the_known_banks(tmp_path: Path) -> None:
    model = recipes.get("audio-mel").model
    train = open_set(write_audio(tmp_path), TRAIN, model)
    assert train.held_out().group.unique().numel() == 22  # 11 classes, an instrument in each of two banks
    batch = train.batch(6, SoundAugmentation(), torch.Generator().manual_seed(0))
    assert batch.content.shape == (6, 48 * 50, 1)
    assert batch.content.isfinite().all()
    from perceiver import Perceiver

    measured = open_set(tmp_path, TEST, model).measures(Perceiver(model).eval())
    assert list(measured) == ["Accuracy on unheard notes of the banks trained on"]
    assert 0 <= measured["Accuracy on unheard notes of the banks trained on"] <= 1
    assert open_set(tmp_path, VAL, model).measures(Perceiver(model).eval()) == {}


def test_each_augmentation_of_a_sound_does_what_it_says() -> None:
    time = torch.arange(RATE) / RATE
    tone = torch.sin(2 * torch.pi * 440 * time).expand(3, -1)

    def changed(**values: object) -> torch.Tensor:
        augmentation = dataclasses.replace(STILL, **values)  # type: ignore[arg-type]
        return augment_sound(tone, RATE, augmentation, torch.Generator().manual_seed(1))

    def peak(sounds: torch.Tensor) -> list[int]:
        return torch.fft.rfft(sounds).abs().argmax(1).tolist()

    torch.testing.assert_close(changed(), tone, atol=1e-4, rtol=0)
    assert peak(changed(speed=(1.5, 1.5))) == [660] * 3
    late = changed(delay=0.5)
    starts = (late.abs() > 1e-2).int().argmax(1)
    assert len(set(starts.tolist())) == 3
    assert max(starts) < 0.5 * RATE + 50
    assert peak(changed(tone=12.0)) == [440] * 3
    dull = changed(tone=12.0).abs().amax(1)
    assert dull.min() > 10 ** (-12.5 / 20)
    assert dull.max() < 10 ** (12.5 / 20)
    assert dull.std() > 0.05
    faded = changed(fade=(1.0, 5.0))
    assert (faded[:, -800:].abs().amax(1) < 0.98 * tone[:, -800:].abs().amax(1)).all()
    noise = changed(noise=(-40.0, -40.0)) - tone
    torch.testing.assert_close(noise.std(1), torch.full((3,), 0.01), atol=5e-4, rtol=0)
    impulse = torch.zeros(3, RATE)
    impulse[:, 0] = 1
    echo = augment_sound(impulse, RATE, dataclasses.replace(STILL, room=1.0), torch.Generator().manual_seed(1))
    assert (echo[:, 1:].abs().amax(1) > 1e-3).all()
    assert (echo[:, : RATE // 2].square().sum(1) > echo[:, RATE // 2 :].square().sum(1)).all()


def test_a_held_out_cloud_is_what_reading_its_file_gives(tmp_path: Path) -> None:
    model = recipes.get("points-fourier").model
    examples = open_set(write_points(tmp_path, points=2048), TEST, model).held_out()
    assert examples.content.shape == (17, 2048, 0)
    with np.load(tmp_path / "points.npz") as file:
        cloud = file["points"][file["split"] == 2][5]
    npy = io.BytesIO()
    np.save(npy, cloud.astype(np.float64))
    sample = modalities.get("points").read(npy.getvalue(), "c.npy", shape=(2048,), preprocess=model.preprocess)
    assert examples.coordinates is not None
    read, held = (c[c[:, 0].argsort()] for c in (sample.coordinates, examples.coordinates[5]))
    torch.testing.assert_close(read, held, atol=1e-5, rtol=0)


def test_clouds_are_drawn_anew_in_the_unit_cube(tmp_path: Path) -> None:
    model = recipes.get("points-coordinates").model
    data = open_set(write_points(tmp_path), TRAIN, model)
    one, two = (data.batch(4, CloudAugmentation(), torch.Generator().manual_seed(seed)) for seed in (0, 1))
    for batch in (one, two):
        assert batch.coordinates is not None
        assert batch.coordinates.shape == (4, 2048, 3)
        torch.testing.assert_close(batch.coordinates.abs().amax((1, 2)), torch.ones(4))
        torch.testing.assert_close(batch.coordinates.mean(1), torch.zeros(4, 3), atol=1e-5, rtol=0)
    assert not torch.equal(one.coordinates, two.coordinates)


def test_each_augmentation_of_a_cloud_does_what_it_says() -> None:
    points = torch.rand(2, 500, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    still = CloudAugmentation(scale=(1.0, 1.0), turn=0.0, stretch=(1.0, 1.0), jitter=0.0)

    def changed(**values: object) -> torch.Tensor:
        augmentation = dataclasses.replace(still, **values)  # type: ignore[arg-type]
        return augment_cloud(points, augmentation, torch.Generator().manual_seed(1))

    torch.testing.assert_close(changed(), points)
    turned = changed(turn=20.0)
    torch.testing.assert_close(turned[..., 1], points[..., 1])
    torch.testing.assert_close(turned.norm(dim=-1), points.norm(dim=-1))
    cosine = (turned[..., 0] * points[..., 0] + turned[..., 2] * points[..., 2]) / (
        points[..., 0].square() + points[..., 2].square()
    )
    assert (cosine > np.cos(np.radians(20)) - 1e-4).all()
    stretched = changed(stretch=(0.7, 1.3)) / points
    assert (stretched.std(1) < 1e-3).all()
    assert stretched.min() >= 0.69
    scaled = changed(scale=(0.99, 1.01)) / points
    torch.testing.assert_close(scaled[..., 0], scaled[..., 2], atol=1e-4, rtol=0)
    assert 0.989 < float(scaled.min()) < float(scaled.max()) < 1.011
    assert float((changed(jitter=0.01) - points).std()) == pytest.approx(0.01, rel=0.1)


def test_the_unit_cube_by_hand() -> None:
    cloud = torch.tensor([[[0.0, 0.0, 0.0], [4.0, 2.0, 0.0]]])
    torch.testing.assert_close(unit_cube(cloud), torch.tensor([[[-1.0, -0.5, 0.0], [1.0, 0.5, 0.0]]]))


def test_a_folder_laid_out_like_modelnet_trains_and_evaluates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from perceiver.checkpoints.cards.results import read_results
    from perceiver.cli import app

    monkeypatch.setenv("PERCEIVER_DATA", str(tmp_path / "kept"))
    folder = tmp_path / "ModelNet2"
    for name, height in (("slab", 0.1), ("tower", 3.0)):
        for side, count in (("train", 3), ("test", 2)):
            (folder / name / side).mkdir(parents=True)
            for i in range(count):
                x, z = 1 + 0.1 * i, height
                corners = [(0, 0, 0), (x, 0, 0), (x, 1, 0), (0, 1, 0), (0, 0, z), (x, 0, z), (x, 1, z), (0, 1, z)]
                faces = ["0 3 2 1", "4 5 6 7", "0 1 5 4", "1 2 6 5", "2 3 7 6", "3 0 4 7"]
                lines = [f"OFF{len(corners)} {len(faces)} 0", *(f"{a} {b} {c}" for a, b, c in corners)]
                lines += [f"4 {face}" for face in faces]
                (folder / name / side / f"{name}_{i:04}.off").write_text("\n".join(lines))
    recipe = recipes.get("points-coordinates")
    small = dataclasses.replace(
        recipe.model, input_shape=(64,), num_latents=8, latent_dim=32, self_attends=1, qk_dim=16, v_dim=16
    )
    tiny = dataclasses.replace(
        recipe, name="tiny", model=small, steps=40, batch=8, elements=32, precision="no", averaging=0.8,
        learning_rate=1e-2,
        augmentation=CloudAugmentation(stretch=(0.9, 1.1)),
    )  # fmt: skip
    monkeypatch.setitem(recipes.RECIPES, "tiny", tiny)
    run = tmp_path / "run"
    done = CliRunner().invoke(app, ["train", "tiny", "--data", str(folder), "-o", str(run)])
    assert done.exit_code == 0, done.output
    results = read_results(run / "tiny")
    assert results is not None
    assert dict(results.held_out.per_class) == {"slab": (2, 2), "tower": (2, 2)}
    assert results.data.name == "Meshes of ModelNet2"
    again = CliRunner().invoke(app, ["evaluate", str(run / "tiny"), "--data", str(folder)])
    assert "100 % of 4 held-out examples right" in again.output
    assert not list(folder.glob("*.npz"))


def test_missing_data_and_unknown_modalities_are_named(tmp_path: Path) -> None:
    for name, kind in (("audio-mel", "audio"), ("points-fourier", "points"), ("image-fourier", "image")):
        with pytest.raises(DataError, match=f"`perceiver data build {kind}` makes it"):
            open_set(tmp_path, TRAIN, recipes.get(name).model)
    other = dataclasses.replace(recipes.get("image-fourier").model, modality="smell")
    with pytest.raises(ConfigError, match="'smell'"):
        open_set(tmp_path, TRAIN, other)
