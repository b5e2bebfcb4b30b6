"""A tiny Perceiver, a folder it was saved in, and a hub on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import perceiver
from perceiver import Perceiver, PerceiverConfig
from perceiver.checkpoints.cards.results import Budget, Data, HeldOut, Results
from tests.checkpoints.local_hub import LocalHub, serve
from tests.models import tied


@pytest.fixture(scope="session")
def config() -> PerceiverConfig:
    preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    return tied(labels=("bed", "lamp", "vessel"), preprocess=preprocess)


@pytest.fixture(scope="session")
def model(config: PerceiverConfig) -> Perceiver:
    torch.manual_seed(0)
    model = Perceiver(config)
    # Norms and biases start at ones and zeros, which would hide that they were not read.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture
def checkpoint(model: Perceiver, tmp_path: Path) -> Path:
    return perceiver.save(model, tmp_path / "checkpoint")


@pytest.fixture
def results() -> Results:
    return Results(
        name="image-fourier",
        recipe="image-fourier",
        command="perceiver train image-fourier --seed 0",
        seed=0,
        data=Data(name="Objects on grounds", licence="CC BY-SA 3.0 and others", split="no object on both sides"),
        budget=Budget(steps=2000, examples=64_000, seconds=5400.0, hardware="2 CPU cores"),
        held_out=HeldOut(per_class={"bed": (3, 10), "lamp": (8, 10), "vessel": (18, 20)}),
        seeds={1: 0.71},
        measures={"mass of block 1's mean map on the object": 0.31},
        versions={"torch": "2.13.0"},
        notes=("Vessels look alike.",),
    )


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with serve(LocalHub()) as running:
        yield running


def logits(model: Perceiver) -> torch.Tensor:
    """Logits of a fixed input."""
    content = torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(model.input_array(content))
