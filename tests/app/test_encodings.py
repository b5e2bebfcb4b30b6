"""Pages with checkpoints of every position encoding: each shows what there is, or says that there is nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import perceiver
from app.session.view import COMPARED
from perceiver import Perceiver
from perceiver.positions import LearnableFourierConfig, NoPositionsConfig, PositionConfig
from tests.app import folder
from tests.app.frames import frames, labelled
from tests.app.pages import change, opened, said

ENCODINGS: dict[str, PositionConfig] = {
    "none": NoPositionsConfig(),
    "learnable": LearnableFourierConfig(num_bands=4, max_resolution=(16.0, 16.0)),
}


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = folder.build(tmp_path_factory.mktemp("encodings"))
    for name, positions in ENCODINGS.items():
        torch.manual_seed(7)
        config = dataclasses.replace(folder.ONE_HEAD, positions=positions)
        perceiver.save(Perceiver(config).eval(), root / f"image-{name}")
    return root


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("page", ["explore", "compare", "ablate", "explain"])
def test_pages_show_every_encoding(app: AppTest, page: str, name: str) -> None:
    opened(app, page, model=f"image-{name}")
    assert not app.exception
    assert not app.error
    assert frames(app, "wall")
    if page == "compare":
        for section in COMPARED:
            assert not change(app, section=section).exception


def test_the_pages_say_that_there_are_no_positions(app: AppTest) -> None:
    opened(app, "ablate", model="image-none")
    assert "This model has no position channels, so there is nothing to remove" in said(app)
    assert not app.get("pills")
    assert "Permutation of the input" in said(app)
    opened(app, "compare", model="image-none")
    assert "no position channels: nothing tells places apart" in said(change(app, section="channels"))
    assert "image-none 0 of 0" in said(change(app, section="encodings"))
    opened(app, "ablate", model="image-none", ablate="all")
    assert not app.exception
    assert "removes frequencies that this model’s position encoding does not have" in said(app)


def test_trained_frequencies_are_switches(app: AppTest) -> None:
    opened(app, "ablate", model="image-learnable", ablate="b1:2-3")
    assert not app.exception
    switches = labelled(app, "bands", "Parts of the position encoding").meta
    assert [axis["name"] for axis in switches["axes"]] == ["Height", "Width"]
    assert switches["off"]["sines"] == ["0110", "0000"]
