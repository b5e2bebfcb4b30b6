"""Point clouds on the Explore page in Streamlit's harness: what the components get, and what controls there are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app import views
from app.sections import downloads
from app.views.base import Paint
from perceiver import Trace, load, modalities
from perceiver.analysis.summary import summarise
from perceiver.plots import colour
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.drawing.points import DARK, LIGHT, LOOK, by_height, reach
from perceiver.plots.scale import ColourScale
from perceiver.sample import Sample
from tests.app import clouds
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.frames import labelled
from tests.app.pages import change, control


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clouds.build(tmp_path_factory.mktemp("clouds"))


@pytest.fixture
def app(folder: Path, caches: None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(folder))
    return AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE)


def read(data: bytes, name: str = "a.ply", **options: str) -> Sample:
    reader = modalities.get("points")
    config = clouds.CONFIG
    return reader.read(data, name, shape=config.input_shape, preprocess=config.preprocess, options=options)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return read(clouds.ply(clouds.points()))


@pytest.fixture(scope="module")
def trace(folder: Path, sample: Sample) -> Trace:
    model = load(folder / "points-fourier")
    return model.trace(model.inputs(sample))


def upload(app: AppTest, data: bytes, name: str = "mine.ply") -> AppTest:
    app.segmented_control(key="source").set_value("upload").run()
    return app.file_uploader(key="upload").set_value((name, data, "application/octet-stream")).run()


def test_maps_colour_the_points_that_the_model_read(app: AppTest, sample: Sample, trace: Trace) -> None:
    app.run()
    assert not app.exception
    row = labelled(app, "clouds", "Maps of the blocks")
    np.testing.assert_array_equal(row.arrays["points"].reshape(-1, 3), sample.seen)
    assert [tile["title"] for tile in row.meta["tiles"]] == ["Block 1", "Block 2", "Block 3"]
    facts = next(one.value for one in app.caption if "top 1 %" in one.value)
    assert all(name in facts for name in ("own weights", "min", "max", "entropy"))
    maps = [trace.map(block).numpy() for block in trace.blocks]
    ranges = ColourScale("shared").limits(maps, "probability")
    colours = row.arrays["colours"].reshape(3, -1, 3).astype(int)
    table = colour.table("magma").astype(int)
    for painted, values, range_ in zip(colours, maps, ranges, strict=True):
        # Where each colour stands in the table; the app's own run may round to the next step.
        steps = np.abs(painted[:, None] - table[None]).sum(axis=2).argmin(axis=1)
        assert np.abs(steps - np.clip(values / range_.upper, 0, 1) * 255).max() <= 1.5

    large = labelled(app, "cloud", "Block 1, mean over latents")
    np.testing.assert_allclose(large.arrays["values"], maps[0], rtol=1e-4)
    assert large.meta["multiple"]
    assert large.meta["bar"]["unit"] == row.meta["bar"]["unit"] == "attention weight"


def test_all_clouds_are_looked_at_alike(app: AppTest, sample: Sample) -> None:
    app.run()
    frames = [
        labelled(app, "cloud", "The whole point cloud"),
        labelled(app, "cloud", "The point cloud as the model read it"),
        labelled(app, "cloud", "Block 1"),
        labelled(app, "clouds", "Maps of the blocks"),
    ]
    for frame in frames:
        assert frame.meta["look"] == dict(LOOK)
        assert frame.meta["up"] == 1
        assert frame.meta["reach"] == pytest.approx(reach(sample.seen))
    readable = [frame.meta.get("readable") for frame in frames]
    assert readable == [True, True, True, None]


def test_a_pick_is_marked_everywhere_and_said_in_words(app: AppTest) -> None:
    app.run()
    app.number_input(key="large_point").set_value(17).run()
    assert not app.exception
    assert app.session_state["view"]["pick"] == 16
    for kind, start in (("cloud", "The point cloud as"), ("cloud", "Block 1"), ("clouds", "Maps of")):
        assert labelled(app, kind, start).meta["pick"] == 16
    assert labelled(app, "ranking", "Attention to point 17, by latent").meta["rows"]
    assert "Latents that attend to this point" in [heading.value for heading in app.subheader]
    app.number_input(key="large_point").set_value(None).run()
    assert app.session_state["view"]["pick"] is None


def test_what_means_nothing_for_clouds_is_not_offered(app: AppTest) -> None:
    app.run()
    assert "control_overlay" not in [slider.key for slider in app.slider]
    assert "control_laid" not in [control.key for control in app.segmented_control]
    assert control(app, "colours").value == "magma"
    assert "read_draw" not in [control.key for control in app.segmented_control]  # the model reads all of it


def test_differences_and_greys_lie_on_a_light_ground(app: AppTest) -> None:
    app.run()
    assert labelled(app, "clouds", "Maps").meta["ground"] == list(DARK.colour)
    control(app, "colours").set_value("greys").run()
    assert labelled(app, "clouds", "Maps").meta["ground"] == list(LIGHT.colour)
    control(app, "show").set_value("first").run()
    row = labelled(app, "clouds", "Maps")
    assert [tile["title"] for tile in row.meta["tiles"]] == ["Block 2 − block 1", "Block 3 − block 1"]
    np.testing.assert_array_equal(row.arrays["scale"], colour.table("RdBu_r").ravel())


def test_latents_are_drawn_from_a_fixed_side(app: AppTest) -> None:
    app.run()
    strip = labelled(app, "wall", "Latents")
    assert (strip.meta["width"], strip.meta["height"]) == (128, 128)
    pixels = strip.arrays["pixels"].reshape(6, 128, 128)
    ground = pixels == 255
    assert (ground == ground[0]).all()  # one cloud in many colours
    assert 0.05 < 1 - ground[0].mean() < 0.9


def test_turning_the_cloud_reads_it_anew(app: AppTest) -> None:
    app.run()
    change(app, pick=5)
    app.segmented_control(key="read_up").set_value("z").run()
    assert app.session_state["view"]["read"] == (("up", "z"),)
    assert app.session_state["view"]["pick"] is None
    turned = read(clouds.ply(clouds.points()), up="z")
    seen = labelled(app, "cloud", "The point cloud as the model read it")
    np.testing.assert_array_equal(seen.arrays["points"].reshape(-1, 3), turned.seen)
    app.segmented_control(key="read_up").set_value("y").run()
    assert app.session_state["view"]["read"] == ()


def test_of_many_points_other_ones_can_be_drawn(app: AppTest) -> None:
    data = clouds.ply(clouds.points(1000, seed=6))
    app.run()
    upload(app, data)
    assert not app.exception

    def points() -> np.ndarray:
        return labelled(app, "cloud", "The point cloud as").arrays["points"].reshape(-1, 3)

    np.testing.assert_array_equal(points(), read(data).seen)
    app.segmented_control(key="read_draw").set_value("farthest").run()
    np.testing.assert_array_equal(points(), read(data, draw="farthest").seen)
    (others,) = [button for button in app.button if button.label == "Draw others"]
    others.click().run()
    np.testing.assert_array_equal(points(), read(data, draw="farthest", seed="1").seen)
    assert dict(app.session_state["view"]["read"]) == {"draw": "farthest", "seed": "1"}


def test_the_whole_cloud_is_shown_in_its_own_colours(app: AppTest) -> None:
    places = clouds.points(700, seed=2)
    colours = np.random.default_rng(0).integers(0, 256, (700, 3), dtype=np.uint8)
    app.run()
    whole = labelled(app, "cloud", "The whole point cloud")
    points = whole.arrays["points"].reshape(-1, 3)
    np.testing.assert_array_equal(whole.arrays["colours"].reshape(-1, 3), by_height(points, "y"))
    upload(app, clouds.ply(places, colours))
    whole = labelled(app, "cloud", "The whole point cloud. 700 points.")
    assert len(whole.arrays["points"]) == 3 * 700
    np.testing.assert_array_equal(whole.arrays["colours"].reshape(-1, 3), colours)


def test_words_count_from_one(sample: Sample) -> None:
    view = views.get("points")
    assert view.element(16, sample) == "point 17"
    assert view.size(sample) == "256 points"


def test_thumbnail_and_figure_show_the_cloud(sample: Sample, trace: Trace) -> None:
    view = views.get("points")
    thumbnail = view.thumbnail(sample)
    assert thumbnail.shape == (128, 128, 3)
    assert 0.02 < (thumbnail != np.array(DARK.colour, dtype=np.uint8)).any(axis=2).mean() < 0.8
    values = trace.map(0).numpy()
    (range_,) = ColourScale("shared").limits([values], "probability")
    shown = BlockMap(0, None, values, summarise(values), range_)
    png = downloads.figure(sample, [shown], Paint("magma", 0.85), "A cloud", "png")
    assert Image.open(io.BytesIO(png)).width > 800


def test_stray_points_can_be_left_out(app: AppTest) -> None:
    data = clouds.ply(np.vstack([clouds.points(300), [[10_000, 0, 0], [-10_000, 0, 0]]]))
    app.run()
    assert "read_strays" not in [control.key for control in app.segmented_control]
    upload(app, data)
    control = app.segmented_control(key="read_strays")
    assert (control.label, control.value, list(control.options)) == ("2 stray points", "keep", ["Keep", "Leave out"])
    control.set_value("drop").run()
    assert app.session_state["view"]["read"] == (("strays", "drop"),)
    seen = labelled(app, "cloud", "The point cloud as the model read it")
    dropped = read(data, strays="drop")
    np.testing.assert_array_equal(seen.arrays["points"].reshape(-1, 3), dropped.seen)
    app.segmented_control(key="read_strays").set_value("keep").run()
    assert app.session_state["view"]["read"] == ()


def test_the_columns_of_a_table_are_asked_for_and_can_be_changed(app: AppTest) -> None:
    places = clouds.points(300)
    rows = np.column_stack([np.arange(1, 301), places])
    data = "\n".join(" ".join(f"{value:.6g}" for value in row) for row in rows.tolist()).encode()
    app.run()
    upload(app, data, "survey.xyz")
    assert not app.exception
    (error,) = app.error
    assert error.value.replace("\\", "").startswith("survey.xyz has a first column that counts 1, 2, 3 ...")
    answers = [button for button in app.button if (button.key or "").startswith("answer_")]
    assert [button.label for button in answers] == ["Columns 2 to 4", "Columns 1 to 3"]
    answers[0].click().run()
    assert not app.error
    assert app.session_state["view"]["read"] == (("columns", "2-3-4"),)

    def shown() -> np.ndarray:
        return labelled(app, "cloud", "The point cloud as the model read it").arrays["points"].reshape(-1, 3)

    np.testing.assert_array_equal(shown(), read(data, "survey.xyz", columns="2-3-4").seen)
    assert [app.selectbox(key=f"read_column_{axis}").value for axis in "xyz"] == [1, 2, 3]
    # Another axis has the column: the two change places.
    app.selectbox(key="read_column_x").set_value(3).run()
    assert app.session_state["view"]["read"] == (("columns", "4-3-2"),)
    np.testing.assert_array_equal(shown(), read(data, "survey.xyz", columns="4-3-2").seen)
    app.selectbox(key="read_column_z").set_value(0).run()
    assert app.session_state["view"]["read"] == (("columns", "4-3-1"),)
