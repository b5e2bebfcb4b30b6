"""Pictures on the Explore page in Streamlit's harness: the choice of a frame."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.app import folder
from tests.app.frames import labelled
from tests.modalities import files

COLOURS = (files.RED, files.GREEN, files.BLUE)


def animation() -> bytes:
    first, *rest = (Image.new("RGB", (16, 16), colour) for colour in COLOURS)
    return files.save(first, "GIF", save_all=True, append_images=rest)


def upload(app: AppTest, data: bytes, name: str = "mine.gif") -> AppTest:
    app.segmented_control(key="source").set_value("upload").run()
    return app.file_uploader(key="upload").set_value((name, data, "image/gif")).run()


def colour(app: AppTest) -> list[int]:
    pixels = labelled(app, "map", "The picture as the model read it").arrays["rgb"].reshape(-1, 3)
    assert (pixels == pixels[0]).all()
    return pixels[0].astype(int).tolist()


def words(app: AppTest) -> str:
    return "\n".join(one.value for kind in (app.markdown, app.caption, app.error, app.info) for one in kind).replace(
        "\\", ""
    )


def test_a_frame_is_chosen_said_and_stays_in_the_link(app: AppTest) -> None:
    upload(app.run(), animation())
    assert not app.exception
    assert colour(app) == list(files.RED)
    assert "Used frame 1 of 3" in words(app)
    chosen = app.number_input(key="read_frame")
    assert (chosen.value, chosen.min, chosen.max) == (1, 1, 3)
    assert "read" not in app.query_params

    chosen.set_value(3).run()
    assert not app.exception
    assert colour(app) == list(files.BLUE)
    assert "Used frame 3 of 3" in words(app)
    assert app.query_params["read"] in ("frame:3", ["frame:3"])

    # Another upload begins with its first frame, and a single picture has no choice.
    upload(app, folder.picture(5), "other.png")
    assert not [one for one in app.number_input if one.key == "read_frame"]
    assert "read" not in app.query_params


@pytest.mark.parametrize("chosen", ["frame:9", "frame:0", "frame:1.5"])
def test_a_link_to_a_frame_that_is_not_there(app: AppTest, chosen: str) -> None:
    upload(app.run(), animation())
    app.query_params["read"] = chosen
    app.run()
    assert not app.exception
    assert "mine.gif has" in words(app)
    (button,) = [one for one in app.button if one.label == "Read it as by default"]
    button.click().run()
    assert colour(app) == list(files.RED)
    assert "read" not in app.query_params


def test_a_link_to_a_way_of_reading_that_there_is_not(app: AppTest) -> None:
    app.query_params["read"] = "frame:last,start:2"
    app.run()
    assert not app.exception
    assert "The link chooses a way of reading that is not possible here" in words(app)
    assert np.ptp(labelled(app, "map", "The picture as the model read it").arrays["rgb"]) > 0
