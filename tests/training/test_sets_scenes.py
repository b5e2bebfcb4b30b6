"""Composed pictures: what is drawn, where its mask lies, and that the same seed gives the same picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from perceiver.errors import DataError
from perceiver.training.sets.base import TEST, TRAIN
from perceiver.training.sets.scenes import HELD_OUT, Augmentation, SceneSet

from .pictures import write_data

PLAIN = Augmentation((0.5, 0.5), (1.0, 1.0), (1.0, 1.0), 0.0, 0.0, (1.0, 1.0), 0.0, 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_data(tmp_path)


def test_the_object_is_drawn_in_its_colour_exactly_where_the_mask_says(folder: Path) -> None:
    scenes = SceneSet(folder, TRAIN)
    made = scenes.compose(torch.arange(len(scenes.labels)), 32, PLAIN, torch.Generator().manual_seed(0))
    colours = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
    for image, mask, label in zip(made.image, made.mask, made.label, strict=True):
        inside, outside = mask > 0.999, mask == 0
        torch.testing.assert_close(image[inside], colours[label].expand(int(inside.sum()), 3), atol=1e-5, rtol=0)
        torch.testing.assert_close(image[outside], torch.full((int(outside.sum()), 3), 100 / 255), atol=1e-5, rtol=0)


def test_the_object_takes_the_asked_share_of_the_picture_wherever_it_lies_on_its_sprite(folder: Path) -> None:
    scenes = SceneSet(folder, TRAIN)
    made = scenes.compose(torch.arange(len(scenes.labels)), 32, PLAIN, torch.Generator().manual_seed(1))
    for mask in made.mask:
        rows, columns = torch.nonzero(mask.amax(1) > 0.5), torch.nonzero(mask.amax(0) > 0.5)
        sides = (int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1)
        assert max(sides) == pytest.approx(16, abs=1)  # half of 32 pixels: its longer side
        assert min(sides) == pytest.approx(8, abs=1)  # the sprite's object is twice as wide as high


def test_the_same_seed_composes_the_same_and_another_seed_does_not(folder: Path) -> None:
    scenes = SceneSet(folder, TRAIN)

    def composed(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return scenes.compose(scenes.balanced(4, generator), 16, Augmentation(), generator).image

    assert torch.equal(composed(5), composed(5))
    assert not torch.equal(composed(5), composed(6))


def test_classes_come_equally_often_however_uneven_the_data(folder: Path) -> None:
    scenes = SceneSet(folder, TRAIN)
    assert torch.bincount(scenes.labels).tolist() == [2, 6]
    drawn = scenes.labels[scenes.balanced(2000, torch.Generator().manual_seed(0))]
    assert drawn.float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_pictures_stay_in_range_whatever_the_augmentation(folder: Path) -> None:
    scenes, generator = SceneSet(folder, TRAIN), torch.Generator().manual_seed(2)
    wild = Augmentation(scale=(0.2, 1.4), light=(0.1, 3.0), colour=(0.0, 3.0), tilt=90.0, erase=1.0, noise=0.3)
    made = scenes.compose(scenes.balanced(16, generator), 24, wild, generator)
    assert made.image.shape == (16, 24, 24, 3)
    assert made.mask.shape == (16, 24, 24)
    assert made.image.min() >= 0
    assert made.image.max() <= 1
    assert made.mask.min() >= 0
    assert made.mask.max() <= 1 + 1e-6


def test_splits_hold_their_own_objects_and_held_out_pictures_keep_their_colours(folder: Path) -> None:
    train, test = SceneSet(folder, TRAIN), SceneSet(folder, TEST)
    assert not set(train.objects.tolist()) & set(test.objects.tolist())
    assert (HELD_OUT.colour, HELD_OUT.dye, HELD_OUT.tilt, HELD_OUT.erase, HELD_OUT.noise) == ((1, 1), 0, 0, 0, 0)


def test_missing_data_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"objects\.npz is not there; `perceiver data build image` makes it"):
        SceneSet(tmp_path, TRAIN)


def test_archives_that_would_run_code_are_not_opened(folder: Path) -> None:
    with np.load(folder / "objects.npz") as file:
        arrays = dict(file)
    np.savez(folder / "objects.npz", **(arrays | {"name": np.array([{"a": 1}], dtype=object)}))
    with pytest.raises(DataError, match="is damaged, or another file"):
        SceneSet(folder, TRAIN)
