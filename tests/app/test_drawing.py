"""The drawing pad in Streamlit's harness: a drawing is an input like an upload, in the look of its model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import perceiver
from app.sections.drawing_pad import _Drawing
from app.services import drawing, samples
from perceiver import Perceiver
from tests.app import folder
from tests.app.frames import labelled
from tests.app.pages import change, control, opened, said

LINES = ((0.2, 0.1, 0.1, 0.9, 0.6), (0.1, 0.5, 0.5))
DARK = dataclasses.replace(folder.ONE_HEAD, content_channels=1, preprocess={"channels": 1, "mean": [0.1], "std": [0.3]})


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny ones, and one for grey pictures with a black ground."""
    root = folder.build(tmp_path_factory.mktemp("checkpoints"))
    torch.manual_seed(5)
    perceiver.save(Perceiver(DARK).eval(), root / "image-grey")
    return root


def check_answer(app: AppTest, checkpoints: Path, model: str, page: drawing.Page) -> None:
    """The page shows what the library answers to the file of the drawing."""
    data = drawing.picture(LINES, page)
    assert app.session_state["upload_kept"] == (samples.digest(data), "drawing.png", data)
    lens = perceiver.open(checkpoints / model)
    expected = lens.run(lens.read(data)).trace.block_probabilities[-1]
    shown = labelled(app, "ranking", "Predictions").meta["rows"]
    assert shown[0]["share"] == pytest.approx(float(expected.max()), abs=1e-6)


def test_an_empty_pad_says_what_to_do(app: AppTest) -> None:
    app.run()
    app.segmented_control(key="source").set_value("draw").run()
    assert not app.exception
    assert "Draw on the pad in the sidebar" in said(app)
    pad = labelled(app, "pad", "Drawing pad")
    assert "upload a picture" in pad.meta["label"]
    assert pad.meta["strokes"] == []
    app.segmented_control(key="source").set_value("samples").run()
    assert "Draw on the pad" not in said(app)
    labelled(app, "ranking", "Predictions")


def test_a_drawing_is_an_input_in_the_look_of_each_model(app: AppTest, checkpoints: Path) -> None:
    app.run()
    app.session_state["drawing"] = _Drawing(LINES)
    app.segmented_control(key="source").set_value("draw").run()
    assert not app.exception
    check_answer(app, checkpoints, "image-fourier", drawing.Page(16, 16))
    assert "drawing.png" in said(app)
    assert labelled(app, "pad", "Drawing pad").meta["ground"] == "#ffffff"
    control(app, "model").set_value("image-grey").run()
    check_answer(app, checkpoints, "image-grey", drawing.Page(16, 16, ink=(255, 255, 255), ground=(0, 0, 0)))
    app.color_picker(key="pad_ink").set_value("#808080").run()
    check_answer(app, checkpoints, "image-grey", drawing.Page(16, 16, ink=(128, 128, 128), ground=(0, 0, 0)))
    opened(app, "ablate")
    assert not app.exception
    assert labelled(app, "pad", "Drawing pad").meta["strokes"] == [list(line) for line in LINES]
    # An upload with the name of a drawing is not drawn again.
    app.session_state["upload_kept"] = ("0" * 64, "drawing.png", folder.picture(1))
    change(app, sample="sha256-" + "0" * 64, model="image-fourier")
    assert app.session_state["upload_kept"][0] == "0" * 64


def test_an_older_message_of_a_stroke_changes_nothing() -> None:
    def script() -> None:
        import streamlit as st

        from app.components.following import on_stroke

        heard: list[int] = []
        for serial in (5, 3, 6):
            st.session_state["pad"] = {"drawn": {"serial": serial}}
            on_stroke("pad", "drawn", lambda message: heard.append(message["serial"]))()
        st.write(str(heard))

    assert AppTest.from_function(script).run().markdown[0].value == "[5, 6]"
