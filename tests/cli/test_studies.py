"""`--held-out` of the commands that sweep frequencies and test maps."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import perceiver
from perceiver import Perceiver, load
from perceiver.analysis.ablation import low_pass
from perceiver.cli import app
from perceiver.studies import base
from perceiver.studies.faithfulness import scores
from perceiver.studies.frequencies import frequencies
from perceiver.training.sets import Examples
from tests.models import tiny

EXAMPLES = Examples(
    3 * torch.randn(5, 15, 2, generator=torch.Generator().manual_seed(1)),
    torch.tensor([0, 1, 2, 0, 1]),
    torch.tensor([0, 0, 1, 2, 2]),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint, whose held-out data are made up."""

    class Set:
        def held_out(self) -> Examples:
            return EXAMPLES

    monkeypatch.setattr(base, "open_set", lambda folder, split, config: Set())
    torch.manual_seed(2)
    perceiver.save(Perceiver(tiny(labels=("a", "b", "c"))).eval(), tmp_path / "it")
    return tmp_path / "it"


def test_accuracy_against_the_cut_off_is_the_studys(folder: Path) -> None:
    result = CliRunner().invoke(app, ["sweep", "--held-out", "-c", str(folder), "--csv"])
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["family"] for row in rows].count("low_pass") == 4
    model = load(folder)
    (reached,) = frequencies(model, EXAMPLES, [low_pass(model.encoding, 2)])
    row = next(row for row in rows if row["ablation"] == reached.ablation.text())
    assert float(row["accuracy"]) == pytest.approx(reached.accuracy.value)
    assert float(row["agrees_low"]) == pytest.approx(reached.agrees.low)


def test_scores_of_maps_are_the_studys(folder: Path) -> None:
    order = ["faithfulness", "--held-out", "-c", str(folder), "--steps", "3", "--seeds", "2", "--most", "2", "--json"]
    result = CliRunner().invoke(app, order)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    expected = scores(load(folder), EXAMPLES.at(torch.tensor([0, 4])), steps=3, seeds=2)
    assert [row["method"] for row in found["rows"]] == [one.method for one in expected]
    for row, one in zip(found["rows"], expected, strict=True):
        assert row["deletion"] == pytest.approx(one.deletion.value, abs=1e-5)
        assert row["inserted_high"] == pytest.approx(one.inserted.high, abs=1e-5)


@pytest.mark.parametrize("command", ["sweep", "faithfulness"])
@pytest.mark.parametrize("more", [[], ["--held-out"], ["x.png", "--held-out", "-c", "it"]])
def test_what_is_neither_a_file_nor_held_out_data_of_a_checkpoint_is_refused(command: str, more: list[str]) -> None:
    assert CliRunner().invoke(app, [command, *more]).exit_code == 2
