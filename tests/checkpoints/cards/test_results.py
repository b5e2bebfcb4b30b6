"""Shares, intervals and the JSON of a training run's results."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from perceiver import CheckpointError
from perceiver.checkpoints.cards.results import HeldOut, Results, read_results, wilson_interval


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        # By hand with z = 1.959964, z^2 = 3.841459: no success leaves [0, z^2 / (n + z^2)].
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        # At one half: 0.5 +- z / (2 sqrt(n + z^2)), for n = 96.158541 + 3.841459 = 100 the half-width is z / 20.
        (50, 100, 0.403832, 0.596168),
        # centre (0.8 + 0.192073) / 1.384146 = 0.716740, half-width sqrt(0.061463 + 0.036892) / 1.384146 = 0.226577.
        (8, 10, 0.490162, 0.943318),
        (1, 1, 0.206549, 1.0),
    ],
)
def test_wilson_by_hand(correct: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=2e-6)


@pytest.mark.parametrize(("correct", "total"), [(0, 0), (-1, 3), (4, 3)])
def test_no_share_has_no_interval(correct: int, total: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson_interval(correct, total)


def test_accuracies_by_hand(results: Results) -> None:
    held_out = results.held_out  # 3 of 10, 8 of 10, 18 of 20
    assert (held_out.correct, held_out.total) == (29, 40)
    assert held_out.accuracy == 0.725
    assert held_out.balanced_accuracy == pytest.approx((0.3 + 0.8 + 0.9) / 3)
    assert held_out.chance == pytest.approx(1 / 3)
    assert held_out.interval == wilson_interval(29, 40)


def test_a_class_without_examples_is_left_out_of_the_mean() -> None:
    assert HeldOut(per_class={"bed": (1, 2), "lamp": (0, 0)}).balanced_accuracy == 0.5


def test_the_interval_over_groups_goes_before_wilsons() -> None:
    assert HeldOut(per_class={"bed": (5, 10)}, groups=3, interval_over_groups=(0.1, 0.9)).interval == (0.1, 0.9)


@pytest.mark.parametrize("per_class", [{}, {"bed": (0, 0)}, {"bed": (3, 2)}, {"bed": (-1, 2)}])
def test_impossible_counts_are_refused(per_class: dict[str, tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="counts are impossible"):
        HeldOut(per_class=per_class)


def test_json_and_back(results: Results) -> None:
    assert Results.from_dict(json.loads(json.dumps(results.to_dict()))) == results


def test_json_and_back_with_groups(results: Results) -> None:
    grouped = HeldOut(per_class=results.held_out.per_class, groups=4, interval_over_groups=(0.6, 0.85))
    one = dataclasses.replace(results, held_out=grouped)
    assert Results.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_json_spells_out_what_follows_from_the_counts(results: Results) -> None:
    held_out = results.to_dict()["held_out"]
    assert held_out["accuracy"] == 0.725
    assert held_out["interval"] == list(wilson_interval(29, 40))
    assert held_out["per_class"]["vessel"] == {"correct": 18, "total": 20, "accuracy": 0.9}


def test_a_folder_without_results(tmp_path: Path) -> None:
    assert read_results(tmp_path) is None


@pytest.mark.parametrize("fault", ["no json", "list", "missing", "extra", "edited"])
def test_results_that_are_not_ours(fault: str, results: Results, tmp_path: Path) -> None:
    values = results.to_dict()
    if fault == "missing":
        del values["seed"]
    if fault == "extra":
        values["colour"] = "red"
    if fault == "edited":
        values["held_out"]["accuracy"] = 0.99
    text = {"no json": "{", "list": "[]"}.get(fault) or json.dumps(values)
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"results\.json does not hold a training run's results \("):
        read_results(tmp_path)
