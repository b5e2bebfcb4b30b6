"""Letters, digits and folders of pictures: composed as they say, split as they say, read as a file is read."""

from __future__ import annotations

import dataclasses
import io
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from perceiver import DataError, Perceiver, modalities
from perceiver.config import StemConfig
from perceiver.training import recipes
from perceiver.training.sets import TEST, TRAIN, VAL, open_set, validation_examples
from perceiver.training.sets.digits import DIGITS, DigitAugmentation, DigitSet
from perceiver.training.sets.folder import FolderAugmentation, FolderSet
from perceiver.training.sets.letters import LETTERS, LetterAugmentation, LetterSet
from perceiver.training.sets.pixels import affine, on_elements
from perceiver.training.sets.scenes import Grounds

from .pictures import write_data
from .test_loop import small

STILL = LetterAugmentation(
    scale=(0.5, 0.5), squeeze=(1.0, 1.0), tilt=0.0, slant=0.0, light=(1.0, 1.0), noise=0.0
)  # half of the side, upright


def write_letters(folder: Path) -> Path:
    """Three fonts a split; each letter is a full square."""
    write_data(folder)
    splits = np.repeat([0, 1, 2], 3).astype(np.int8)
    np.savez(
        folder / "letters.npz", glyph=np.full((9, 26, 64, 64), 255, np.uint8), split=splits,
        group=np.array([0, 0, 1, 2, 3, 4, 5, 6, 6]), font=np.array([f"font {i}" for i in range(9)]),
        family=np.array([f"family {i}" for i in range(9)]), classes=np.array(LETTERS),
    )  # fmt: skip
    return folder


def write_digits(folder: Path) -> Path:
    """Ten pictures a class: a bar at the row of the class."""
    image = np.zeros((100, 28, 28), np.uint8)
    for i in range(100):
        image[i, 4 + 2 * (i // 10)] = 255
    split = np.tile([0, 0, 0, 0, 0, 0, 0, 1, 2, 2], 10).astype(np.int8)
    np.savez(
        folder / "digits.npz", image=image, label=np.repeat(np.arange(10), 10), split=split, classes=np.array(DIGITS)
    )
    return folder


def letters(folder: Path, split: int = TRAIN) -> LetterSet:
    data = open_set(folder, split, recipes.get("letters-fourier").model)
    assert isinstance(data, LetterSet)
    return data


def test_a_letter_covers_its_square_and_differs_from_the_ground(tmp_path: Path) -> None:
    data = letters(write_letters(tmp_path))
    made = data.compose(torch.arange(40), STILL, torch.Generator().manual_seed(0))
    # A square of half the side covers a quarter of the picture wherever it lies.
    torch.testing.assert_close(made.mask.mean((1, 2)), torch.full((40,), 0.25), atol=0.01, rtol=0)
    inside, outside = made.mask == 1, made.mask == 0
    for image, ink, ground in zip(made.image, inside, outside, strict=True):
        colour = image[ink].mean(0)
        torch.testing.assert_close(image[ink], colour.expand_as(image[ink]), atol=1e-5, rtol=0)
        assert abs(float(colour.mean()) - float(image[ground].mean())) >= STILL.contrast - 0.02
    assert not torch.equal(made.mask[0], made.mask[1])  # placed anew each time


def test_a_warp_scales_turns_shears_and_moves() -> None:
    one, zero = torch.ones(1), torch.zeros(1)

    def to(x: float, y: float, theta: torch.Tensor) -> list[float]:
        return (theta[0] @ torch.tensor([x, y, 1.0])).tolist()

    assert to(0.5, 0.25, affine(0.5 * one, 0.25 * one, zero, zero, torch.zeros(1, 2))) == pytest.approx([1, 1])
    assert to(0.3, 0.4, affine(one, one, zero, zero, torch.tensor([[0.3, 0.4]]))) == pytest.approx([0, 0])
    quarter = affine(one, one, zero, torch.tensor([math.pi / 2]), torch.zeros(1, 2))
    assert to(0, 1, quarter) == pytest.approx([1, 0], abs=1e-6)  # what was right is now below
    assert to(0, 1, affine(one, one, 0.2 * one, zero, torch.zeros(1, 2))) == pytest.approx([0.2, 1])


def test_letters_are_split_by_family_and_held_out_once(tmp_path: Path) -> None:
    write_letters(tmp_path)
    train, test = letters(tmp_path), letters(tmp_path, TEST)
    assert set(train.groups.tolist()).isdisjoint(test.groups.tolist())
    examples = test.held_out()
    assert len(examples) == 3 * 26
    assert torch.equal(examples.content, test.held_out().content)
    assert examples.label[:26].tolist() == list(range(26))
    model = Perceiver(recipes.get("letters-fourier").model).eval()
    measures = test.measures(model)
    assert [name for name in measures if "strokes, block" in name] == [
        f"Attention mass on the strokes, block {i} (mean map)" for i in (1, 2, 3, 4)
    ]
    cover = measures["Share of the picture that the strokes cover"]
    # Latents that start near zero read all pixels alike, so the strokes get their share of the picture.
    assert measures["Attention mass on the strokes, block 1 (mean map)"] == pytest.approx(cover, abs=0.1)


def test_the_mask_on_elements_is_the_mean_over_their_cells() -> None:
    config = dataclasses.replace(
        recipes.get("letters-fourier").model,
        input_shape=(8, 8),
        content_channels=48,
        stem=StemConfig(kind="patches", in_channels=3, pixels=(32, 32), side=4),
        positions=dataclasses.replace(recipes.get("letters-fourier").model.positions, max_resolution=(8.0, 8.0)),
    )
    mask = torch.rand(2, 32, 32)
    expected = mask.reshape(2, 8, 4, 8, 4).mean((2, 4)).flatten(1)
    torch.testing.assert_close(on_elements(mask, config), expected)
    plain = dataclasses.replace(config, stem=None, input_shape=(32, 32), content_channels=3)
    assert torch.equal(on_elements(mask, plain), mask.flatten(1))


def test_digits_are_left_alone_where_held_out_and_vary_in_training(tmp_path: Path) -> None:
    model = recipes.get("digits-fourier").model
    test = open_set(write_digits(tmp_path), TEST, model)
    assert isinstance(test, DigitSet)
    examples = test.held_out()
    assert len(examples) == 20
    png = io.BytesIO()
    with np.load(tmp_path / "digits.npz") as file:
        Image.fromarray(file["image"][file["split"] == 2][6]).save(png, "PNG")
    sample = modalities.get("image").read(png.getvalue(), "x.png", shape=(28, 28), preprocess=model.preprocess)
    torch.testing.assert_close(sample.content, examples.content[6], atol=1e-5, rtol=0)
    train = open_set(tmp_path, TRAIN, model)
    still = DigitAugmentation((1.0, 1.0), (1.0, 1.0), 0.0, 0.0, 0.0, 0.0, (1.0, 1.0))
    batch = train.batch(12, still, torch.Generator().manual_seed(0))
    originals = train.held_out()
    for content, index in zip(batch.content, batch.group.tolist(), strict=True):
        torch.testing.assert_close(content, originals.content[index], atol=1e-4, rtol=0)
    inverted = train.batch(12, dataclasses.replace(still, invert=1.0), torch.Generator().manual_seed(0))
    mean, std = model.preprocess["mean"][0], model.preprocess["std"][0]
    total = (batch.content + inverted.content) * std + 2 * mean
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-4, rtol=0)
    assert len(test.measures(Perceiver(model).eval())) == 5


def write_folder(folder: Path, splits: bool) -> Path:
    """Red and green pictures of several sizes and formats."""
    for split, count in (("train", 6), ("val", 4)) if splits else (("", 40),):
        for name, colour in (("red", (200, 30, 30)), ("green", (30, 200, 30))):
            inner = folder / split / name
            inner.mkdir(parents=True)
            for i in range(count):
                ending = ("png", "jpg")[i % 2]
                Image.new("RGB", (20 + i, 30 - i % 9), colour).save(inner / f"{split}{name}{i}.{ending}")
            (inner / "notes.txt").write_text("not a picture")
    return folder


def test_a_folder_of_class_folders_trains_and_evaluates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from perceiver.checkpoints.cards.results import read_results
    from perceiver.cli import app

    folder, run = write_folder(tmp_path / "colours", splits=True), tmp_path / "run"
    monkeypatch.setitem(recipes.RECIPES, "tiny", small(steps=40, averaging=0.8))
    done = CliRunner().invoke(app, ["train", "tiny", "--data", str(folder), "-o", str(run)])
    assert done.exit_code == 0, done.output
    results = read_results(run / "tiny")
    assert results is not None
    assert dict(results.held_out.per_class) == {"green": (4, 4), "red": (4, 4)}
    assert results.data.name == "Pictures of colours"
    assert results.curve
    assert (run / "tiny" / "curve.png").read_bytes().startswith(b"\x89PNG")
    again = CliRunner().invoke(app, ["evaluate", str(run / "tiny"), "--data", str(folder)])
    assert "100 % of 8 held-out examples right" in again.output


def test_a_folder_without_splits_is_split_by_the_names_of_its_files(tmp_path: Path) -> None:
    folder, model = write_folder(tmp_path / "colours", splits=False), small().model
    parts = [open_set(folder, split, model) for split in (TRAIN, VAL, TEST)]
    assert all(isinstance(part, FolderSet) for part in parts)
    files = [set(part.files) for part in parts if isinstance(part, FolderSet)]
    assert sum(len(one) for one in files) == 80
    assert len(set.union(*files)) == 80
    assert len(files[0]) > len(files[2]) > len(files[1]) > 0
    assert validation_examples(folder, model, 3) is not None
    assert len(validation_examples(folder, model, 3)) == 3  # type: ignore[arg-type]


def test_the_centre_crop_is_what_reading_the_file_gives(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(0), small().model
    for split in ("train", "val"):
        (tmp_path / split / "noise").mkdir(parents=True)
        (tmp_path / split / "other").mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / split / "other" / "y.png")
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / split / "noise" / "x.png")
    file = tmp_path / "val" / "noise" / "x.png"
    sample = modalities.get("image").read(file.read_bytes(), "x.png", shape=(16, 16), preprocess=model.preprocess)
    examples = open_set(tmp_path, TEST, model).held_out()
    torch.testing.assert_close(examples.content[0], sample.content, atol=1e-5, rtol=0)


def test_pictures_of_every_mode_are_what_reading_the_file_gives(tmp_path: Path) -> None:
    """Transparency lies on white, 16 bits are scaled and a portrait is turned, in training as in testing; hidden files
    and folders are none of the data's, and a class that is only in the test split is said."""
    rng, model = np.random.default_rng(0), small().model
    noise = rng.integers(0, 256, (40, 24, 4), dtype=np.uint8)
    deep = Image.fromarray(rng.integers(0, 65536, (24, 40), dtype=np.uint16))
    turned = Image.Exif()
    turned[0x0112] = 6
    for split in ("train", "val"):
        for name in ("a", "clear", ".ipynb_checkpoints", *(["extra"] if split == "val" else [])):
            (tmp_path / split / name).mkdir(parents=True)
        a = tmp_path / split / "a"
        Image.fromarray(noise).save(a / "alpha.png")
        deep.save(a / "deep.png")
        Image.fromarray(noise[..., :3]).save(a / "turned.jpg", exif=turned, quality=95)
        Image.fromarray(noise[..., :3]).convert("CMYK").save(a / "print.jpg")
        (a / "._alpha.png").write_bytes(b"\0\5\26\7")
        for name in ("clear", ".ipynb_checkpoints"):
            Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / split / name / "x.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "val" / "extra" / "x.png")
    data = open_set(tmp_path, TEST, model)
    assert isinstance(data, FolderSet)
    assert (data.classes, len(data.files)) == (("a", "clear"), 5)
    assert data.about.split.endswith("Folders that are no classes of the training data were left out: extra.")
    for file, content in zip(data.files, data.held_out().content, strict=True):
        sample = modalities.get("image").read(file.read_bytes(), file.name, shape=(16, 16), preprocess=model.preprocess)
        assert torch.equal(content, sample.content), file.name
    batch = open_set(tmp_path, TRAIN, model).batch(40, FolderAugmentation(), torch.Generator().manual_seed(0))
    white = (1 - torch.tensor(model.preprocess["mean"])) / torch.tensor(model.preprocess["std"])
    torch.testing.assert_close(batch.content[batch.label == 1], white.expand(int((batch.label == 1).sum()), 256, 3))
    # Values of 16 bits that were cut off at 255 would be white nearly everywhere.
    assert (batch.content[batch.label == 0].mean((1, 2)) < white.mean() - 0.5).all()


@pytest.mark.parametrize("damage", ["cut", "garbage", "foreign", "npy"])
def test_damaged_and_foreign_data_files_are_refused(damage: str, tmp_path: Path) -> None:
    write_letters(tmp_path)
    path = tmp_path / "letters.npz"
    whole = path.read_bytes()
    if damage == "foreign":
        np.savez(path, x=np.zeros(3))
    elif damage == "npy":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else whole[:100] + b"x" * len(whole))
    with pytest.raises(DataError, match="is damaged, or another file than `perceiver data build letters` makes"):
        open_set(tmp_path, TRAIN, recipes.get("letters-fourier").model)


def test_random_crops_lie_within_the_picture_and_repeat_with_the_seed(tmp_path: Path) -> None:
    data = open_set(write_folder(tmp_path / "colours", splits=True), TRAIN, small().model)
    first = data.batch(8, FolderAugmentation(), torch.Generator().manual_seed(1))
    again = data.batch(8, FolderAugmentation(), torch.Generator().manual_seed(1))
    assert torch.equal(first.content, again.content)
    # One colour a picture: a crop that reached outside would show another.
    assert (first.content.amax(1) - first.content.amin(1) < 0.1).all()


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "train" / "broken").mkdir(parents=True)
    (tmp_path / "train" / "other").mkdir()
    (tmp_path / "train" / "other" / "y.png").write_bytes(b"no picture")
    (tmp_path / "train" / "broken" / "x.png").write_bytes(b"no picture")
    data = open_set(tmp_path, TRAIN, small().model)
    with pytest.raises(DataError, match=r"x\.png is not a picture"):
        data.held_out()
    with pytest.raises(DataError, match="has a folder train, and none of"):
        open_set(tmp_path, TEST, small().model)


def test_built_data_is_not_taken_for_a_folder_of_classes(tmp_path: Path) -> None:
    write_letters(tmp_path)
    for name in ("photographs", "cache"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name / "x.png")
    assert isinstance(open_set(tmp_path, TRAIN, recipes.get("letters-fourier").model), LetterSet)


def test_grounds_come_from_their_own_split(tmp_path: Path) -> None:
    write_data(tmp_path)
    with np.load(tmp_path / "grounds.npz") as file:
        arrays = dict(file)
    arrays["ground"] = (np.arange(6, dtype=np.uint8) * 40)[:, None, None, None] + np.zeros((6, 192, 192, 3), np.uint8)
    np.savez(tmp_path / "grounds.npz", **arrays)
    for split, levels in ((0, {0, 40}), (2, {160, 200})):
        crops = Grounds(tmp_path, split).crops(30, 16, torch.Generator().manual_seed(0))
        assert set((crops * 255).round().flatten().long().tolist()) == levels


def test_answers_on_photographs_by_hand(tmp_path: Path) -> None:
    from perceiver.training.photographs import PhotographAnswer, answer_photographs, photograph_sentence

    torch.manual_seed(0)
    model = Perceiver(small().model).eval()
    archive = tmp_path / "photographs.zip"
    assert answer_photographs(model, archive) == ()
    with zipfile.ZipFile(archive, "w") as file:
        for name, colour in (("green.jpg", (30, 200, 30)), ("a_red.png", (200, 30, 30))):
            out = io.BytesIO()
            Image.new("RGB", (30, 20), colour).save(out, "PNG" if name.endswith("png") else "JPEG")
            file.writestr(name, out.getvalue())
    answers = answer_photographs(model, archive)
    assert [one.name for one in answers] == ["a_red", "green"]
    pixels = (torch.tensor([200, 30, 30]) / 255 - 0.4) / 0.25
    expected = model(model.input_array(pixels.expand(1, 256, 3)))[0].softmax(-1).max().detach()
    assert answers[0].probability == pytest.approx(float(expected), abs=1e-5)
    made = (PhotographAnswer("red_car", "boat", 0.9), PhotographAnswer("cat", "bed", 0.3))
    assert "in 1 cases. The highest probability is 90%, for boat on the photograph “red car”." in photograph_sentence(
        made
    )
    assert photograph_sentence(()) == ""
    archive.write_bytes(b"no archive")
    with pytest.raises(DataError, match="is damaged"):
        answer_photographs(model, archive)
