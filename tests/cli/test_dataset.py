"""`perceiver dataset`: what it prints and keeps is what the library finds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import perceiver
from perceiver.analysis.formatting import percent
from perceiver.checkpoints.cards.results import Data
from perceiver.config import PerceiverConfig
from perceiver.dataset import FILE, analyse, collection, disagreements, held_out, load
from perceiver.training.sets import Examples
from tests import commands
from tests.app import folder

NAMES = ("image-fourier", "image-learned")


class Set:
    """Nine examples of three classes; those of a class are alike in all sizes."""

    about = Data(name="Noise", licence="CC0", split="none")

    def __init__(self, config: PerceiverConfig) -> None:
        self.config = config

    def held_out(self) -> Examples:
        noise = torch.randn(9, self.config.num_inputs, 3, generator=torch.Generator().manual_seed(0))
        return Examples(noise, torch.arange(9) % 3, torch.arange(9) // 3)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = folder.build(tmp_path / "checkpoints")
    commands.stand_in(root, tmp_path, monkeypatch)
    monkeypatch.setattr(collection, "open_set", lambda folder, split, config: Set(config))
    return root


def test_it_computes_keeps_and_compares(store: Path) -> None:
    result = commands.run("dataset", *NAMES, "--most", "6", "-o", "out")
    assert result.exit_code == 0, result.output
    found = [load(Path("out") / f"{name}.npz") for name in NAMES]
    for name, one in zip(NAMES, found, strict=True):
        lens = perceiver.open(name)
        expected = analyse(lens.model, held_out(lens.config, Path("data"), 6), name=name)
        assert one.accuracy == expected.accuracy
        assert one.about.weights_sha256 == lens.sha256
        assert one.about.command == f"perceiver dataset {name} --most 6"
        assert f"{name}: 6 of 9 held-out examples of Noise: {percent(one.accuracy[-1].value)} right" in result.stdout
        assert [key for key, counted in zip(one.examples.names, one.examples.counted, strict=True) if not counted] == [
            f"{label}-{i}" for i, label in enumerate(folder.LABELS)
        ]
    pair = disagreements(*found)
    assert f"{len(pair.differ)} of 6 predictions differ" in result.stdout
    assert not list(Path("out").glob("*part*"))
    again = commands.run("dataset", *(f"out/{name}.npz" for name in NAMES))
    assert again.stdout == result.stdout
    values = commands.values("dataset", f"out/{NAMES[0]}.npz")
    assert values["confusion"] == found[0].confusion.tolist()


def test_outdated_ones_are_built_beside_the_weights(store: Path) -> None:
    assert FILE in commands.refused("dataset", NAMES[0])
    assert commands.run("dataset", NAMES[0], "--outdated", "--most", "3").exit_code == 0
    assert (store / NAMES[0] / FILE).is_file()
    assert not (store / NAMES[1] / FILE).exists()
    built = commands.run("dataset", "--outdated", "--most", "3")
    assert NAMES[0] not in built.stdout
    assert NAMES[1] in built.stdout
    assert "Every checkpoint" in commands.run("dataset", "--outdated").stdout
    assert "3 of 9" in commands.run("dataset", NAMES[0]).stdout
    for name in NAMES:
        (store / name / "model.safetensors").write_bytes((store / NAMES[0] / "model.safetensors").read_bytes())
    assert "other weights" in commands.refused("dataset", NAMES[1])


def test_files_are_read_and_broken_ones_named() -> None:
    for place in ("lamp/a.png", "b.png"):
        Path("photos", place).parent.mkdir(parents=True, exist_ok=True)
        Path("photos", place).write_bytes(folder.picture(3))
    Path("photos/lamp/broken.png").write_bytes(b"no picture")
    result = commands.run("dataset", NAMES[0], "--files", "photos")
    assert result.exit_code == 0, result.output
    assert "2 of 3 files of photos" in result.stdout
    assert "lamp/broken.png" in result.stderr
    assert "holds no picture" in commands.refused("dataset", NAMES[0], "--files", "checkpoints/image-fourier")
