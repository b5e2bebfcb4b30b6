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


def moment(app: AppTest) -> float:
    """That of the model input; every part of the page shows the same."""
    found = {frame.meta["moment"] for frame in frames(app, "player")}
    found |= {frame.meta["moving"]["moment"] for frame in frames(app, "wall") if frame.meta["moving"]}
    assert len(found) == 1
    return float(found.pop())


def test_all_frames_of_every_map_are_sent_and_a_moment_is_shown(app: AppTest, sample: Sample, trace: Trace) -> None:
    assert not app.exception
    assert not app.error
    assert moment(app) == pytest.approx(0.75)  # the middle of the third frame's time
    maps = [trace.map(block).numpy().reshape(lucidrains.SHAPE) for block in trace.blocks]
    for at, frame in ((None, 2), (0.1, 0)):
        pages.change(app, moment=at)
        large = labelled(app, "player", "Block 1,")
        assert large.meta["names"][frame].startswith(f"Frame {frame + 1} of 4")
        np.testing.assert_allclose(large.arrays["values"].reshape(lucidrains.SHAPE), maps[0], rtol=1e-4)
        assert large.meta["picture"]["whole"]["elements"] == maps[0].size
        assert large.meta["picture"]["whole"]["sum"] == pytest.approx(1, abs=1e-4)
        seen = labelled(app, "player", "The video as the model read it")
        assert np.array_equal(seen.arrays["rgb"].reshape(sample.seen.shape), sample.seen)
        assert seen.meta["sound"] is None
        row = labelled(app, "wall", "Maps of the blocks")
        assert row.meta["moving"]["frames"] == FRAMES
        assert row.arrays["pixels"].size == 2 * FRAMES * row.meta["height"] * row.meta["width"] * 3
        every = labelled(app, "wall", "Block 1")
        assert [tile["title"] for tile in every.meta["tiles"]] == [f"Frame {i + 1}" for i in range(FRAMES)]
        assert every.meta["chosen"] == frame
    assert app.query_params["moment"] in ("0.100", ["0.100"])


def test_a_pick_names_its_frame_and_is_marked_on_it_alone(app: AppTest) -> None:
    element = 3 * ROWS * COLUMNS + 2 * COLUMNS + 5
    pages.change(app, pick=element)
    assert moment(app) == pytest.approx(1.05)  # of the fourth frame
    assert labelled(app, "player", "Block 1,").meta["picture"]["pick"] == element
    assert "Frame 4 (1.04 s), row 3, column 6" in pages.said(app)
    pages.change(app, moment=0.1)
    assert moment(app) == pytest.approx(0.1)
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
    # The input, and the map of a block before, after, and the difference.
    assert len(frames(app, "player")) == 4
    assert moment(app) == pytest.approx(0.75)


@pytest.mark.parametrize("page", ["explore", "explain", "ablate", "compare"])
def test_every_page_works(app: AppTest, page: str) -> None:
    sample = app.query_params["sample"]
    pages.opened(app, page, model="video", sample=sample[0] if isinstance(sample, list) else sample)
    assert not app.exception
    assert not app.error
    if page in ("explore", "explain"):
        assert moment(app) == pytest.approx(0.75)
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
    first, second = (frame.meta for frame in frames(app, "player") if "block 1" in frame.meta["label"])
    assert (first["moment"], first["frames"]) == (pytest.approx(1.05), 4)
    # The other model reads 0.4 to 0.8 s: it shows the last of that.
    assert (second["moment"], second["frames"]) == (pytest.approx(0.8), 3)


def test_windows_of_fixed_length_can_be_moved_and_scanned(app: AppTest) -> None:
    pages.change(app, model="window")
    assert not app.exception
    assert app.number_input(key="start").value == pytest.approx(0.4)
    app.number_input(key="start").set_value(0.0).run()
    assert "0.00 s to 0.40 s of 1.20 s" in pages.said(app)
    next(button for button in app.button if button.label == "Scan the whole clip").click().run()
    assert not app.exception
    assert len(app.get("plotly_chart")) >= 1
