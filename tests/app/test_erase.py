"""Erased elements on the Ablate page: what a link erases, what the page says of it, and what cannot be erased."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.session.view import parse, unparse
from perceiver import Perceiver, load, modalities
from perceiver.analysis.erasure import ElementMask
from perceiver.sample import Sample
from tests.app import folder
from tests.app.frames import labelled
from tests.app.pages import change, control, opened, said

GONE = np.zeros((16, 16), bool)
GONE[2:10, 4:14] = GONE[:4, :4] = True


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> Perceiver:
    return load(checkpoints / "image-fourier")


@pytest.fixture(scope="module")
def sample() -> Sample:
    return modalities.get("image").read(folder.picture(0), "a.png", shape=folder.ONE_HEAD.input_shape, preprocess={})


def check_answer(app: AppTest, model: Perceiver, sample: Sample, kept: np.ndarray) -> None:
    """The most probable class on the page is that of the model on the elements that are kept."""
    with torch.no_grad():
        expected = model(model.inputs(sample)[:, torch.from_numpy(kept.ravel())])[0].softmax(-1)
    rows = labelled(app, "ranking", "Predictions after").meta["rows"]
    assert rows[0]["share"] == pytest.approx(float(expected.max()), abs=1e-5)
    after = labelled(app, "map", "Block 1 after").arrays["values"]
    assert not after.reshape(16, 16)[~kept].any()
    assert after.sum() == pytest.approx(1, abs=1e-4)


def test_a_link_erases_elements_and_all_can_be_undone(app: AppTest, model: Perceiver, sample: Sample) -> None:
    opened(app, "ablate", removes="elements", erase="3-10,5-14;1-4,1-4")
    assert not app.exception
    check_answer(app, model, sample, ~GONE)
    assert "Erased: 96 of 256 elements." in said(app)
    assert "Position encoding" not in [one.value for one in app.header]
    control(app, "only").set_value("outside")
    app.run()
    check_answer(app, model, sample, GONE)
    app.button(key="erase_clear").click()
    app.run()
    assert "Mark elements on the input" in said(app)
    assert "erase" not in app.query_params
    app.button(key="erase_undo").click()
    app.run()
    check_answer(app, model, sample, GONE)
    change(app, removes="encoding", only="inside", erase=ElementMask.of(GONE).text())
    check_answer(app, model, sample, ~GONE)
    assert "Removed as well: 96 of 256 elements." in said(app)


def test_what_cannot_be_erased_is_said(app: AppTest) -> None:
    opened(app, "ablate", removes="elements", erase="1-16,1-16")
    assert not app.exception
    assert "All elements are erased; at least one has to stay." in said(app)
    for regions in ("1-17,1", "mask:rAIFtwU"):
        opened(app, "ablate", removes="elements", erase=regions)
        assert "The link erases elements that this input does not have" in said(app)


def test_regions_in_an_address() -> None:
    values, notes = parse({"erase": ["1,1; 2-3,4"], "only": ["outside"], "erasing": ["mean"], "removes": ["elements"]})
    assert not notes
    told = unparse(values)
    assert {name: told[name] for name in ("erase", "only", "erasing", "removes")} == {
        "erase": "1,1;2-3,4", "only": "outside", "erasing": "mean", "removes": "elements"
    }  # fmt: skip
    for text in ("1,1;keep", "1,1;mean", "mask:?", "everything"):
        values, notes = parse({"erase": [text]})
        assert values["erase"] == ""
        assert notes == ["The link gives no valid value for “erase”, so it is left at its default."]
