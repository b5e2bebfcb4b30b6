"""Regions on the Explore page in Streamlit's harness, and what becomes of marks on other pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.session.fields import fit
from app.session.rules import Limits
from app.session.view import FIELDS, ExploreView, parse
from perceiver import Trace, load, modalities
from tests.app import clouds, folder
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.frames import labelled
from tests.app.pages import change, opened, said


@pytest.fixture
def trace(checkpoints: Path) -> Trace:
    config, model = folder.ONE_HEAD, load(checkpoints / "image-fourier")
    sample = modalities.get("image").read(folder.picture(0), "x.png", shape=config.input_shape, preprocess={})
    return model.trace(model.inputs(sample))


def test_a_link_shows_the_shares_of_its_region(app: AppTest, trace: Trace) -> None:
    opened(app, "explore", region="2-5,3-8")
    assert not app.exception
    rows = labelled(app, "ranking", "Share of each block").meta["rows"]
    shares = [float(trace.map(block).reshape(16, 16)[1:5, 2:8].sum()) for block in trace.blocks]
    uniform, most = 24 / 256, max(*shares, 24 / 256)
    assert [row["share"] for row in rows] == pytest.approx([share / most for share in shares], rel=1e-4)
    assert [row["mark"] for row in rows] == pytest.approx([uniform / most] * 3, rel=1e-4)
    for name in ("Block 1", "The picture as the model read it"):
        assert labelled(app, "map", name).meta["region"] == [1, 2, 4, 7]
    every = {
        (block, n): float(trace.map(block, latent=n).reshape(16, 16)[1:5, 2:8].sum())
        for block in range(3)
        for n in range(6)
    }
    first = max((one for one in every if one[0] == 2), key=lambda one: every[one])
    change(app, among=2)
    assert (
        labelled(app, "ranking", "Attention weight in the region").meta["rows"][0]["name"] == f"Latent {first[1] + 1}"
    )
    app.button(key="clear_marked").click().run()
    assert app.session_state["view"]["region"] == ""
    assert labelled(app, "map", "Block 1").meta["region"] is None


def test_latents_of_one_block_attend_to_an_element(app: AppTest, trace: Trace) -> None:
    opened(app, "explore", pick="101", among="2")
    rows = labelled(app, "ranking", "Attention to row 7, column 5").meta["rows"]
    weights = [float(trace.map(1, latent=n)[100]) for n in range(6)]
    assert [row["name"] for row in rows] == [f"Latent {n + 1}" for n in np.argsort(-np.array(weights))]


@pytest.mark.parametrize(
    ("region", "kept"),
    [("2-5,3-8", "2-5,3-8"), ("02-5, 3", "2-5,3"), ("rows=1:2", "rows=1:2"), ("2-17,1", ""), ("4", ""), ("x", None)],
)
def test_regions_in_links(region: str, kept: str | None) -> None:
    values, notes = parse({"region": [region]})
    if kept is None:
        assert (values["region"], len(notes)) == ("", 1)
        return
    limits = Limits(models=("a",), samples=("x",), blocks=(0,), latents=8, heads=1, shape=(16, 16))
    fitted, said = fit(ExploreView(region=values["region"]), limits)
    assert fitted.region == kept
    assert bool(said) == (kept == "")
    assert not kept or FIELDS["region"].codec.write(fitted.region) == kept


def test_a_region_of_another_sort_of_input_is_named(app: AppTest) -> None:
    opened(app, "explore", region="time=0:1")
    assert not app.exception
    assert "This input has no axis" in said(app)


def test_another_sample_forgets_the_region(app: AppTest) -> None:
    opened(app, "explore", region="2-5,3-8")
    app.segmented_control(key="source").set_value("upload").run()
    app.file_uploader(key="upload").set_value(("mine.png", folder.picture(5), "image/png")).run()
    assert app.session_state["view"]["sample"].startswith("sha256-")
    assert app.session_state["view"]["region"] == ""


def test_a_latent_does_not_travel_to_other_models(app: AppTest) -> None:
    opened(app, "explore", reduce="latent", latent="3")
    app.query_params.clear()
    app.switch_page("app/pages/compare.py").run()
    assert not app.exception
    assert app.session_state["view"]["reduce"] == "mean"
    assert "showing the mean over latents" in said(app)


def test_a_link_to_a_comparison_of_latents_stays_and_is_explained(app: AppTest) -> None:
    opened(app, "compare", reduce="latent", latent="3")
    assert app.session_state["view"]["latent"] == 2
    assert "do not correspond" in said(app)


@pytest.fixture
def cloud(tmp_path_factory: pytest.TempPathFactory, caches: None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(clouds.build(tmp_path_factory.mktemp("clouds"))))
    return AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE)


def test_the_points_of_a_rectangle_keep_their_colours(cloud: AppTest) -> None:
    cloud.run()
    before = labelled(cloud, "cloud", "Block 1")
    points = before.arrays["points"].reshape(-1, 3)
    up = before.meta["up"]
    upward = points[:, up]
    region = f"view=0:0:{'xyz'[up]},right=-9:9,upward={np.median(upward):.4f}:9"
    change(cloud, region=region)
    inside = upward >= round(float(np.median(upward)), 4)
    after = labelled(cloud, "cloud", "Block 1").arrays["colours"].reshape(-1, 3)
    same = (after == before.arrays["colours"].reshape(-1, 3)).all(1)
    assert same[inside].all()
    assert not same[~inside].all()
    rows = labelled(cloud, "ranking", "Share of each block").meta["rows"]
    assert len(rows) == 3
    assert f"{inside.sum()} of {len(points)} elements" in said(cloud)
