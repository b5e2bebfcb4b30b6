"""Tiny checkpoints for pictures, clouds and sounds, and lenses on them."""

from __future__ import annotations

from pathlib import Path

import pytest

import perceiver
from perceiver import Lens
from perceiver.lens import Run
from tests.app import clouds, folder, sounds


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sounds.build(clouds.build(folder.build(tmp_path_factory.mktemp("checkpoints"))))


@pytest.fixture(autouse=True)
def _store(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(store))


@pytest.fixture
def lens() -> Lens:
    """Pictures of 16 × 16, four bands on each axis, three blocks that read, one head."""
    return perceiver.open("image-fourier")


@pytest.fixture
def learned() -> Lens:
    """Pictures of 8 × 12, learned positions, two blocks that read, two heads."""
    return perceiver.open("image-learned")


@pytest.fixture
def cloud() -> Lens:
    return perceiver.open("points-fourier")


@pytest.fixture
def run(lens: Lens) -> Run:
    return lens.run(lens.read(folder.picture(0), name="photo.png"))
