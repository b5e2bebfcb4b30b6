"""Commands on checkpoints of every position encoding: each works, or says in a sentence why it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

import perceiver
from perceiver import Perceiver
from perceiver.cli import app
from perceiver.positions import CoordinatesConfig, LearnableFourierConfig, NoPositionsConfig, PositionConfig
from tests.models import tiny

ENCODINGS: dict[str, PositionConfig] = {
    "none": NoPositionsConfig(),
    "learnable": LearnableFourierConfig(num_bands=3, max_resolution=(6.0, 9.0)),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    for name, positions in (ENCODINGS | {"plain": CoordinatesConfig()}).items():
        torch.manual_seed(0)
        config = tiny(input_shape=(6, 9), content_channels=3, positions=positions, labels=("chair", "lamp", "plant"))
        model = Perceiver(config)
        for parameter in model.positions.parameters():
            torch.nn.init.uniform_(parameter, 1.0, 4.0)
        perceiver.save(model, root / f"image-{name}")
    return root


@pytest.fixture(autouse=True)
def _here(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(store))
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("photo.png")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="perceiver")


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize(
    "command",
    [
        ("predict", "photo.png", "-c", "{}"),
        ("maps", "photo.png", "-c", "{}", "-o", "out"),
        ("encoding", "{}", "-o", "out"),
        ("encoding", "{}", "--at", "2,3", "--json"),
        ("explain", "photo.png", "-c", "{}"),
        ("compare", "photo.png", "-c", "{}", "-c", "image-plain"),
        ("tartan", "photo.png", "-c", "{}"),
        ("permute", "photo.png", "-c", "{}"),
        ("latents", "photo.png", "-c", "{}"),
    ],
    ids=lambda command: " ".join(command),
)
def test_commands_work(name: str, command: tuple[str, ...]) -> None:
    result = run(*(part.format(f"image-{name}") for part in command))
    assert result.exit_code == 0, result.output


def test_a_model_without_positions_says_so() -> None:
    listed = run("encoding", "image-none").stdout
    assert listed == (
        "image-none: no positions, 0 channels, 6 × 9 elements\n"
        "  no position channels: nothing in the input array says where an element lies\n"
    )
    written = json.loads(run("encoding", "image-none", "--json").stdout)
    assert (written["positions"], written["channels"], written["cycles"]) == ("none", 0, {})
    assert written["code"] == {"effective": 0.0, "dimensions": 0, "shares": []}
    assert "no positions" in run("checkpoints").stdout
    described = json.loads(run("checkpoints", "info", "image-none", "--json").stdout)
    assert described["config"]["positions"] == {"kind": "none"}
    result = run("ablate", "photo.png", "-c", "image-none", "--all")
    assert result.exit_code == 2
    assert result.stderr == "perceiver: that takes nothing away: image-none has no positions\n"
    result = run("sweep", "photo.png", "-c", "image-none")
    assert result.exit_code == 2
    assert result.stderr == "perceiver: image-none has no positions: there are no frequencies to sweep\n"


def test_trained_frequencies_are_listed_ablated_and_swept(store: Path) -> None:
    model = perceiver.load(store / "image-learnable")
    frequencies = model.get_parameter("positions.frequencies").sort().values.tolist()
    written = json.loads(run("encoding", "image-learnable", "--json").stdout)
    assert list(written["cycles"].values()) == [pytest.approx(along) for along in frequencies]
    swept = json.loads(run("sweep", "photo.png", "-c", "image-learnable", "--json").stdout)
    along = [point["cycles"] for point in swept["points"] if point["family"] == "single"]
    assert along == pytest.approx(frequencies[0] + frequencies[1])
    ablated = run("ablate", "photo.png", "-c", "image-learnable", "--band", "2", "--axis", "1")
    assert ablated.exit_code == 0, ablated.output
