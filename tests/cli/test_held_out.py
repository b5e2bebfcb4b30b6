"""`perceiver tartan --held-out`: what it writes is what the study finds."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from perceiver import load
from perceiver.analysis.spectrum import reference_bands
from perceiver.cli import app
from perceiver.config import PerceiverConfig
from perceiver.studies import base
from perceiver.studies.tartan import tartan
from perceiver.training.sets import Examples
from tests.app import folder

FOURIER, LEARNED = "image-fourier", "image-learned"


def examples(config: PerceiverConfig) -> Examples:
    count = config.num_inputs
    content = torch.randn(5, count, config.content_channels, generator=torch.Generator().manual_seed(count))
    return Examples(content, torch.zeros(5, dtype=torch.long), torch.tensor([0, 0, 1, 2, 2]))


class Set:
    def __init__(self, config: PerceiverConfig) -> None:
        self.config = config

    def held_out(self) -> Examples:
        return examples(self.config)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder.build(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(autouse=True)
def _here(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(store))
    monkeypatch.setattr(base, "open_set", lambda folder, split, config: Set(config))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["tartan", *arguments, "-c", FOURIER, "-c", LEARNED], prog_name="perceiver")


def test_numbers_are_the_studys() -> None:
    result = run("--held-out", "--json")
    assert result.exit_code == 0, result.output
    out = json.loads(result.stdout)
    assert out["kind"] == "score"
    for found, name in zip(out["models"], (FOURIER, LEARNED), strict=True):
        model = load(name)
        # They read other grids, so the one without bands borrows none.
        bands = model.encoding.bands() or reference_bands(model.config)
        assert (found["model"], found["examples"], found["groups"]) == (name, 5, 3)
        assert found["bands_of"] == (name if model.encoding.bands() else None)
        expected = tartan(model, examples(model.config), bands)
        assert [row["block"] for row in found["blocks"]] == [one.block for one in expected]
        for row, one in zip(found["blocks"], expected, strict=True):
            for key in ("ratio", "at_bands", "baseline", "regularity"):
                mean = getattr(one, key)
                assert row[key] == pytest.approx({"value": mean.value, "low": mean.low, "high": mean.high}, rel=1e-4)


def test_csv_holds_the_same_numbers() -> None:
    out = json.loads(run("--held-out", "--most", "3", "--json").stdout)
    rows = list(csv.DictReader(io.StringIO(run("--held-out", "--most", "3", "--csv").stdout)))
    blocks = [(model, block) for model in out["models"] for block in model["blocks"]]
    assert len(rows) == len(blocks)
    for row, (model, block) in zip(rows, blocks, strict=True):
        assert (row["model"], row["examples"], row["block"]) == (model["model"], "3", str(block["block"] + 1))
        assert float(row["ratio_low"]) == pytest.approx(block["ratio"]["low"], rel=1e-4)
        assert float(row["regularity"]) == pytest.approx(block["regularity"]["value"], abs=1e-6)


def test_for_people() -> None:
    result = run("--held-out", "--most", "2")
    assert result.exit_code == 0, result.output
    assert f"{FOURIER}: 2 held-out examples of 2 groups" in result.stdout
    assert "multiples of the baseline, with its 95 % interval" in result.stdout


@pytest.mark.parametrize("arguments", [(), ("--held-out", "photo.png")])
def test_files_or_held_out_examples(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "files to read, or --held-out" in result.stderr
