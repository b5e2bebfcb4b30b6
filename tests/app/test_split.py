"""Scores split into content and position on the Explore page in Streamlit's harness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import perceiver
from app.session.view import parse
from perceiver.analysis.formatting import signed
from perceiver.lens import Run
from tests.app import clouds, folder
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.frames import labelled
from tests.app.pages import control, opened, said


@pytest.fixture
def run(checkpoints: Path) -> Run:
    lens = perceiver.open(checkpoints / "image-fourier")
    return lens.run(lens.read(folder.picture(0), name="x.png"))


def test_the_parts_of_a_score_and_their_maps(app: AppTest, run: Run) -> None:
    opened(app, "explore", pick="101")
    assert not app.exception
    split = run.split.score(100)
    name = f"Parts of the score of latent {split.latent + 1} of block {split.block + 1}"
    rows = labelled(app, "ranking", name).meta["rows"]
    terms = split.terms(5, ("height", "width"))
    assert [row["name"] for row in rows] == [one.name for one in terms]
    assert [row["text"] for row in rows] == [signed(one.excess) for one in terms]
    assert f"Why latent {split.latent + 1} of block {split.block + 1} attends to it" in said(app)
    shares = labelled(app, "ranking", "Share of the variance of the scores of block 1").meta["rows"]
    found = run.split.shares()
    assert [row["share"] for row in shares] == pytest.approx(
        [abs(float(found.of(text)[0])) for text, _ in run.split.bundles], rel=1e-5
    )
    assert str(run.split) in said(app).replace("\N{NO-BREAK SPACE}", " ")

    control(app, "split").set_value("content").run()
    assert app.session_state["view"]["split"] == "content"
    values = labelled(app, "map", "Block 1, mean over latents, content alone").arrays["values"]
    np.testing.assert_allclose(values.ravel(), run.map(0, part="content").ravel(), rtol=1e-5)
    assert "Block 1: mean over latents, content alone" in said(app)
    thumbs = labelled(app, "wall", "Latents, the most concentrated first").meta
    order = np.argsort(
        [-np.log(np.maximum(one, 1e-30)).ravel() @ one.ravel() for one in run.latent_maps(0, part="content")]
    )
    assert [tile["title"] for tile in thumbs["tiles"]] == [str(n + 1) for n in order]


def test_a_link_to_a_part(app: AppTest, run: Run) -> None:
    opened(app, "explore", split="b2:3", reduce="latent", latent="3", pick="101", block="2")
    assert not app.exception
    values = labelled(app, "map", "Block 2, latent 3, width band 3 alone").arrays["values"]
    np.testing.assert_allclose(values.ravel(), run.map(1, latent=2, part="b2:3").ravel(), rtol=1e-5)
    split = run.split.score(100, block=1, latent=2)
    rows = labelled(app, "ranking", "Parts of the score of latent 3 of block 2").meta["rows"]
    assert [row["text"] for row in rows] == [signed(one.excess) for one in split.terms(5)]
    assert app.query_params["split"] == "b2:3"
    read = run.split.reading(1, 2)
    where = labelled(app, "map", "From where latent 3 of block 2 reads").arrays["values"]
    np.testing.assert_allclose(where.ravel(), read.similarity.ravel(), atol=1e-5)
    colours = run.split.colour(1, 2)
    assert colours is not None
    codes = ["#" + "".join(f"{round(float(value)):02x}" for value in colour) for colour in colours]
    (swatches,) = [one.proto.body for one in app.get("html") if "Mean colour" in one.proto.body]
    assert [code in swatches for code in codes] == [True, True]


@pytest.mark.parametrize(("part", "kept"), [("content", "content"), ("b2:3 ,x1", "b2:3,x1"), ("nothing", "")])
def test_parts_in_links(part: str, kept: str) -> None:
    values, notes = parse({"split": [part]})
    assert (values["split"], len(notes)) == (kept, not kept)


def test_a_part_that_a_model_does_not_have_is_left(app: AppTest) -> None:
    opened(app, "explore", split="component:2")
    assert not app.exception
    assert app.session_state["view"]["split"] == ""
    assert "a part of the scores that this model does not have" in said(app)


def test_a_cloud_without_content_is_split_by_its_axes(
    tmp_path_factory: pytest.TempPathFactory, caches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(clouds.build(tmp_path_factory.mktemp("clouds"))))
    app = AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE).run()
    assert not app.exception
    assert list(control(app, "split").options) == ["All", "X", "Y", "Z"]
    assert "The input array holds the position encoding alone" in said(app)
