"""Sentences about maps: hand-made maps whose weight lies in a known place."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from perceiver.analysis.sentences import (
    Along,
    blocks_text,
    change_sentence,
    evidence_sentence,
    nearly_even,
    parts,
    parts_sentence,
    reading_sentence,
    share_text,
    strongest_part,
    weight_sentence,
)
from perceiver.modalities.description import AxisWords

ROWS, COLS = AxisWords("Height", "", "", sides=("upper", "lower")), AxisWords("Width", "", "", sides=("left", "right"))
TIME = AxisWords("Time", "", "", sides=("before", "after"), unit="s")
PITCH = AxisWords("Pitch", "", "", sides=("below", "above"), unit="Hz")
CLOUD = [AxisWords(axis, "", f"along {axis}", sides=(f"smaller {axis}", f"larger {axis}")) for axis in "xyz"]


def grid(*axes: tuple[AxisWords, np.ndarray]) -> list[Along]:
    places = np.meshgrid(*(centres for _, centres in axes), indexing="ij")
    return [Along(words, place.ravel()) for (words, _), place in zip(axes, places, strict=True)]


PICTURE = grid((ROWS, np.arange(8) + 0.5), (COLS, np.arange(8) + 0.5))
SOUND = grid((TIME, (np.arange(20) + 0.5) * 0.05))


def test_a_sound_whose_weight_comes_late() -> None:
    values = np.full(20, 0.03 / 3)
    values[3:] = 0.97 / 17
    assert (
        weight_sentence(values, SOUND, "Block 4") == "Block 4 puts 97 % of its weight after 0.15 s (85 % if uniform)."
    )


def test_a_spectrogram_whose_weight_is_low() -> None:
    frequencies = np.array([3000.0, 1000.0, 300.0, 100.0])  # the highest first, as samples have them
    values = np.ones((4, 10))
    values[2:] = 9
    axes = grid((PITCH, frequencies), (TIME, np.arange(10) + 0.5))
    assert weight_sentence(values, axes, "Block 1") == "Block 1 puts 90 % of its weight below 650 Hz (50 % if uniform)."


@pytest.mark.parametrize(
    ("where", "index", "even"),
    [
        ("in the upper left quarter", np.s_[:4, :4], 25),
        ("in the lower right quarter", np.s_[4:, 4:], 25),
        ("in the lower half", np.s_[4:, :], 50),
        ("in the right half", np.s_[:, 4:], 50),
        ("in the middle quarter", np.s_[2:6, 2:6], 25),
    ],
)
def test_a_picture_whose_weight_lies_in_a_part(where: str, index: tuple[slice, slice], even: int) -> None:
    inside = np.zeros((8, 8), dtype=bool)
    inside[index] = True
    values = np.where(inside, 0.8 / inside.sum(), 0.2 / (~inside).sum())
    assert weight_sentence(values, PICTURE, "Block 2") == (
        f"Block 2 puts 80 % of its weight {where} ({even} % if uniform)."
    )
    found = strongest_part(values, PICTURE)
    assert found is not None
    p, q = 0.8, even / 100
    assert found.divergence == pytest.approx(p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)))


def test_a_cloud_is_halved_where_it_lies_and_not_where_its_points_are() -> None:
    coordinates = np.array([0.0, 1, 2, 9, 10, 10])
    axes = [
        Along(words, place, free=True)
        for words, place in zip(CLOUD, (coordinates, np.zeros(6), np.arange(6.0)), strict=True)
    ]
    found = {one.where: one for one in parts(np.array([0.1, 0.1, 0.1, 0.1, 0.3, 0.3]), axes)}
    assert found["in the half with larger x"].share == pytest.approx(0.7)
    assert found["in the half with larger x"].even == pytest.approx(0.5)
    assert found["in the half with larger y"].share == pytest.approx(0.5)  # all points lie at its middle
    assert not any("middle quarter" in where for where in found)
    assert weight_sentence(np.array([1.0, 0, 0, 5, 5, 5]), axes, "Block 1") == (
        "Block 1 puts 94 % of its weight in the half with larger x (50 % if uniform)."
    )


def test_a_cloud_whose_weight_lies_in_its_middle() -> None:
    """60 % of the weight on the middle half along x, where 50 % of the points lie, and as much on either side of it."""
    x = np.array([-1.0, -0.9, -0.3, -0.1, 0.1, 0.3, 0.9, 1.0])
    axes = [Along(words, place, free=True) for words, place in zip(CLOUD, (x, np.tile([0.0, 1.0], 4)), strict=False)]
    values = np.where(np.abs(x) < 0.5, 0.15, 0.1)
    assert weight_sentence(values, axes, "Block 1") == (
        "Block 1 puts 60 % of its weight in the middle half along x (50 % if uniform)."
    )
    assert weight_sentence(0.25 - values, axes, "Block 1") == (
        "Block 1 puts 60 % of its weight in the two quarters at the ends along x (50 % if uniform)."
    )
    up = [dataclasses.replace(one, words=dataclasses.replace(one.words, sides=("lower", "upper"))) for one in axes]
    assert weight_sentence(np.tile([0.0, 1.0], 4), up, "Block 1") == (
        "Block 1 puts 100 % of its weight in the upper half (50 % if uniform)."
    )


def test_an_odd_row_in_the_middle_counts_half_to_either_side() -> None:
    axes = grid((ROWS, np.arange(3) + 0.5), (COLS, np.arange(2) + 0.5))
    found = {one.where: one for one in parts(np.array([[1.0, 1], [2, 2], [0, 0]]), axes)}
    assert found["in the upper half"].share == pytest.approx(4)
    assert found["in the upper half"].even == pytest.approx(0.5)


def test_maps_that_are_nearly_even() -> None:
    values = np.linspace(0.97, 1.03, 64).reshape(8, 8)
    assert nearly_even(values)
    assert weight_sentence(values / values.sum(), PICTURE, "Block 1") == (
        "Block 1 is nearly uniform: 0.97 to 1.03 × uniform."
    )
    assert not nearly_even(np.linspace(0.8, 1.2, 64))
    assert nearly_even(np.ones(64))
    assert not nearly_even(np.zeros(64))


def test_a_map_without_a_side_says_so() -> None:
    checkered = np.indices((8, 8)).sum(0) % 2 + 0.1
    told = weight_sentence(checkered, PICTURE, "Block 3")
    assert told == "Block 3 favours no part of the input."
    checkered[0] *= 2
    told = weight_sentence(checkered, PICTURE, "Block 3")
    assert told == "Block 3 favours no part much: the most is 56 % of its weight in the upper half (50 % if uniform)."
    assert evidence_sentence(checkered, PICTURE, "relevance") == (
        "No part of the input has much more of the relevance than the others: the most is 56 % in the upper half (50 % "
        "if uniform)."
    )
    checkered[0] = checkered[1]
    checkered[0, 0] += 0.05
    assert weight_sentence(checkered, PICTURE, "Block 3") == "Block 3 favours no part of the input."


@pytest.mark.parametrize("values", [np.zeros((8, 8)), np.full((8, 8), np.nan)])
def test_maps_without_a_sum_say_nothing(values: np.ndarray) -> None:
    assert weight_sentence(values, PICTURE, "Block 3") == ""
    assert evidence_sentence(values, PICTURE, "relevance") == ""


def test_evidence_leaves_out_what_speaks_against() -> None:
    values = np.zeros((8, 8))
    values[:4, :4] = 1
    values[4:, 4:] = -5
    assert evidence_sentence(values, PICTURE, "relevance") == (
        "100 % of the relevance lies in the upper left quarter (25 % if uniform)."
    )


def test_a_change_says_what_moves_and_where_it_gains() -> None:
    change = np.zeros((8, 8))
    change[:4] = 0.3 / 32
    change[4:] = -0.3 / 32
    assert change_sentence(change, PICTURE, "block 4", "block 3") == (
        "Compared with block 3, block 4 moves 30 % of its weight; it gains most in the upper half: 30 percentage "
        "points."
    )
    swapped = np.where(np.indices((8, 8)).sum(0) % 2, 1, -1) / 128
    assert change_sentence(swapped, PICTURE, "block 4", "block 3") == (
        "Compared with block 3, block 4 moves 25 % of its weight; no part gains more than 2 percentage points."
    )


def test_blocks_that_do_not_read() -> None:
    assert reading_sentence([(0, 0), (1, 0)]) == ""
    assert reading_sentence([(0, 0)] + [(None, 0)] * 7).startswith("Blocks 2 to 8 do not read the input")
    assert reading_sentence([(0, 0), (None, 0)]).startswith("Block 2 does not read the input")
    assert blocks_text([0, 2, 3, 4, 6, 7]) == "blocks 1, 3 to 5, 7 and 8"


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.001, "under 1 %"), (0.966, "97 %"), (0.997, "over 99 %"), (1, "100 %")]
)
def test_shares_round_to_all_or_nothing_only_when_they_are(share: float, text: str) -> None:
    assert share_text(share) == text


def test_a_part_that_is_padding_alone_is_called_so() -> None:
    shares = (["sound", "picture"], [0.31, 0.69], [0.16, 0.84])
    told = "Block 1 puts 31 % of its weight on the sound and 69 % on the picture (16 % and 84 % if uniform)."
    assert parts_sentence("Block 1", *shares) == told
    assert parts_sentence("Block 1", *shares, ["sound"]) == (
        f"{told} All of the sound is padding: the file has none there."
    )
