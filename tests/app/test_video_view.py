"""Videos on every page in Streamlit's harness, over a checkpoint of perceiver-pytorch with three axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import perceiver
from perceiver import Trace, modalities
from perceiver.plots import colour
from perceiver.plots.scale import ColourScale
from perceiver.sample import Sample
from tests.app import pages
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.frames import frames, labelled
from tests.modalities.audiovisual.clips import clip, numbered, tone
from tests.modalities.video import lucidrains

pytest.importorskip("perceiver_pytorch")

CLIP = clip(numbered(), count=30, sound=tone(1.2), audio_codec="aac")
FRAMES, ROWS, COLUMNS = lucidrains.SHAPE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two checkpoints, converted; the second reads another number of frames, of a window of fixed length."""
    root = tmp_path_factory.mktemp("store")
    for name, shape, preprocess in (("video", lucidrains.SHAPE, {}), ("window", (3, 6, 8), {"seconds": 0.4})):
        file = lucidrains.write(tmp_path_factory.mktemp("theirs") / name, shape, **preprocess)
        perceiver.save(perceiver.load(file), root / name)
    return root


@pytest.fixture
def app(folder: Path, caches: None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(folder))
    app = AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE)
    app.run()
    app.segmented_control(key="source").set_value("upload").run()
    return app.file_uploader(key="upload").set_value(("mine.mp4", CLIP, "video/mp4")).run()


@pytest.fixture(scope="module")
def sample() -> Sample:
    return modalities.get("video").read(CLIP, "mine.mp4", shape=lucidrains.SHAPE, preprocess={})


@pytest.fixture(scope="module")
def trace(folder: Path, sample: Sample) -> Trace:
    model = perceiver.load(folder / "video")
    return model.trace(model.inputs(sample))


def test_one_frame_of_every_map_is_shown_and_a_slider_chooses_it(app: AppTest, sample: Sample, trace: Trace) -> None:
    assert not app.exception
    assert not app.error
    assert app.slider(key="frame").value == 3
    maps = [trace.map(block).numpy().reshape(lucidrains.SHAPE) for block in trace.blocks]
    for frame in (2, 0):
        app.slider(key="frame").set_value(frame + 1).run()
        large = labelled(app, "map", "Block 1,")
        assert f"Frame {frame + 1} of 4" in large.meta["label"]
        np.testing.assert_allclose(large.arrays["values"].reshape(ROWS, COLUMNS), maps[0][frame], rtol=1e-4)
        seen = labelled(app, "map", "The video as the model read it")
        assert np.array_equal(seen.arrays["rgb"].reshape(ROWS, COLUMNS, 3), sample.seen[frame])
        row = labelled(app, "wall", "Maps of the blocks")
        assert row.arrays["pixels"].size == 2 * ROWS * COLUMNS * 3
    every = labelled(app, "wall", "Block 1")
    assert [tile["title"] for tile in every.meta["tiles"]] == [f"Frame {i + 1}" for i in range(FRAMES)]
    assert every.meta["chosen"] == 0


def test_a_pick_names_its_frame_and_is_marked_on_it_alone(app: AppTest) -> None:
    element = 3 * ROWS * COLUMNS + 2 * COLUMNS + 5
    pages.change(app, pick=element)
    assert app.slider(key="frame").value == 4
    assert labelled(app, "map", "Block 1,").meta["pick"] == 2 * COLUMNS + 5
    assert "Frame 4 (1.04 s), row 3, column 6" in pages.said(app)
    app.slider(key="frame").set_value(1).run()
    assert labelled(app, "map", "Block 1,").meta["pick"] is None
    assert "Frame 4 (1.04 s), row 3, column 6" in pages.said(app)


def test_latents_show_all_frames(app: AppTest, trace: Trace) -> None:
    strip = labelled(app, "wall", "Latents, the most concentrated first")
    pictures = strip.arrays["pixels"].reshape(4, strip.meta["height"], strip.meta["width"])
    order = np.argsort(trace.concentration(0).numpy(), kind="stable")
    maps = trace.latent_maps(0, slice(0, 4)).numpy().reshape(4, *lucidrains.SHAPE)[order]
    ranges = ColourScale("shared").limits(list(maps), "probability")
    for picture, values, range_ in zip(pictures, maps, ranges, strict=True):
        expected = colour.index(range_.apply(values))
        assert abs(picture[:ROWS, :COLUMNS].astype(int) - expected[0]).max() <= 1
        assert abs(picture[-ROWS:, -COLUMNS:].astype(int) - expected[3]).max() <= 1


def test_the_video_is_played_and_what_was_read_is_said(app: AppTest) -> None:
    assert "0.00 s to 1.20 s of 1.20 s, without the sound" in pages.said(app)
    assert len(app.get("video")) == 1


def test_ablated_maps_are_shown_frame_by_frame(app: AppTest) -> None:
    pages.opened(app, "ablate", ablate="b1:2-3")
    assert not app.exception
    large = [frame.meta["label"] for frame in frames(app, "map")]
    assert len(large) == 4  # the input, and the map of a block before, after, and the difference
    assert all("Frame 3 of 4" in label for label in large)


@pytest.mark.parametrize("page", ["explore", "explain", "ablate", "compare"])
def test_every_page_works(app: AppTest, page: str) -> None:
    sample = app.query_params["sample"]
    pages.opened(app, page, model="video", sample=sample[0] if isinstance(sample, list) else sample)
    assert not app.exception
    assert not app.error
    if page in ("explore", "explain"):
        assert any("Frame 3 of 4" in frame.meta["label"] for frame in frames(app, "map"))
    pages.change(app, pick=77)
    assert not app.exception
    assert not app.error


def test_position_codes_are_named_by_their_axes(app: AppTest) -> None:
    pages.opened(app, "ablate")
    axes = [axis["name"] for axis in frames(app, "bands")[0].meta["axes"]]
    assert axes == ["Time", "Height", "Width"]
    for shuffle in ("contents", "blocks", "elements"):
        pages.change(app, shuffle=shuffle)
        assert not app.exception


def test_models_of_other_frames_are_compared(app: AppTest) -> None:
    pages.opened(app, "compare", others="window")
    pages.change(app, pick=3 * ROWS * COLUMNS)
    assert not app.exception
    assert not app.error
    first, second = (frame for frame in frames(app, "map") if "block 1" in frame.meta["label"])
    assert "Frame 4 of 4" in first.meta["label"]
    assert "Frame 3 of 3" in second.meta["label"]


def test_windows_of_fixed_length_can_be_moved_and_scanned(app: AppTest) -> None:
    pages.change(app, model="window")
    assert not app.exception
    assert app.number_input(key="start").value == pytest.approx(0.4)
    app.number_input(key="start").set_value(0.0).run()
    assert "0.00 s to 0.40 s of 1.20 s" in pages.said(app)
    next(button for button in app.button if button.label == "Scan the whole clip").click().run()
    assert not app.exception
    assert len(app.get("plotly_chart")) >= 1
