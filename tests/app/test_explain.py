"""The Explain page in Streamlit's harness: what it shows, what it keeps, and what can be taken away."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.sections import on_request
from app.sections.context import PageContext
from app.sections.explain import downloads, methods
from app.sections.explain.share_maps import share_maps
from app.services import explanation, samples
from app.services.explanation import Question
from app.services.inference import Case
from app.services.queueing import Progress
from app.session.view import EXPLAINED, ExplainView
from app.views import get
from perceiver import Perceiver, Trace, load, modalities
from perceiver.analysis import batches
from perceiver.analysis import explanation as asking
from perceiver.analysis.attribution import attribute
from perceiver.analysis.faithfulness import faithfulness, random_faithfulness
from perceiver.analysis.relevance import relevance
from perceiver.sample import Sample
from tests.app import clouds, folder, sounds
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.frames import Frame, labelled
from tests.app.pages import change, control, opened, said


def shown(app: AppTest, **query: str) -> AppTest:
    """The Explain page with everything worked out."""
    return opened(app, "explain", **query)


def tile(row: Frame, title: str) -> dict[str, object]:
    return next(one for one in row.meta["tiles"] if one["title"] == title)


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> Perceiver:
    return load(checkpoints / "image-fourier")


@pytest.fixture(scope="module")
def sample() -> Sample:
    config = folder.ONE_HEAD
    reader = modalities.get("image")
    return reader.read(folder.picture(0), "bed_cot-0.png", shape=config.input_shape, preprocess=config.preprocess)


@pytest.fixture(scope="module")
def trace(model: Perceiver, sample: Sample) -> Trace:
    return model.trace(model.inputs(sample))


@pytest.fixture
def case(checkpoints: Path, caches: None, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(checkpoints))
    data = folder.picture(0)
    return Case("image-fourier", samples.digest(data), "bed_cot-0.png", data)


def test_the_page_shows_what_the_library_finds(app: AppTest, model: Perceiver, sample: Sample, trace: Trace) -> None:
    shown(app)
    assert not app.exception
    best = int(trace.logits.argmax())
    name = folder.LABELS[best].replace("_", " / ")
    assert app.selectbox(key="asked").value == best

    expected = relevance(model, sample, best)
    large = labelled(app, "map", f"Relevance for “{name}”, all blocks together")
    np.testing.assert_allclose(large.arrays["values"], expected.total.ravel(), rtol=1e-4, atol=1e-9)
    parts = labelled(app, "wall", "Relevance by block")
    assert [one["title"] for one in parts.meta["tiles"]] == ["Block 1", "Block 2", "Block 3"]

    control(app, "section").set_value("methods").run()
    plain, signed = labelled(app, "wall", "Maps without a sign"), labelled(app, "wall", "Signed maps")
    assert [one["title"] for one in plain.meta["tiles"]] == [
        "Attention",
        "Attention, last block",
        "Class relevance",
        "Saliency",
    ]
    assert [one["title"] for one in signed.meta["tiles"]] == ["Input × gradient", "Integrated gradients"]
    chance = random_faithfulness(model, sample, best, seeds=2, steps=3)
    score = faithfulness(model, sample, attribute(model, sample, "saliency", best).values, best, steps=3)
    assert tile(plain, "Saliency")["facts"] == [
        ["deletion", f"{score.deletion.area:.2f}, random {chance.deletion.area:.2f}"],
        ["insertion", f"{score.insertion.area:.2f}, random {chance.insertion.area:.2f}"],
    ]
    assert "random order" in said(app)
    assert "no explanation" in said(app)
    assert labelled(app, "wall", "Relevance by block"), "the strip stays"
    charts = [len(change(app, section=one).get("plotly_chart")) for one in EXPLAINED]
    assert charts == [0, 2, 2, 1]


def test_a_link_shows_the_section_that_it_is_about() -> None:
    about = {
        "relevance": {"part": 1, "pick": 3},
        "methods": {"by": "saliency"},
        "clusters": {"groups": 3},
        "latents": {"donor": "lamp-1"},
    }
    for section, values in about.items():
        assert ExplainView(**values).shown_section == section  # type: ignore[arg-type]
        assert ExplainView(**values, section="relevance").shown_section == "relevance"  # type: ignore[arg-type]


def test_one_map_is_shown_closely_with_what_it_should_add_up_to(app: AppTest, model: Perceiver, sample: Sample) -> None:
    shown(app, by="integrated_gradients", target="2")
    found = attribute(model, sample, "integrated_gradients", 1)
    multiples = found.values / np.abs(found.values).sum() * found.values.size
    large = labelled(app, "map", "Integrated gradients for “lamp”")
    np.testing.assert_allclose(large.arrays["values"], multiples.ravel(), rtol=1e-3, atol=1e-4)
    assert "should add up to what the input adds" in said(app)
    assert large.meta["bar"]["unit"] == "× uniform"


def test_two_classes_are_contrasted(app: AppTest, model: Perceiver, sample: Sample) -> None:
    shown(app, target="1", against="3")
    expected = relevance(model, sample, 0, 2)
    large = labelled(app, "map", "Relevance for “bed / cot” rather than “vessel”")
    np.testing.assert_allclose(large.arrays["values"], 256 * expected.total.ravel(), rtol=1e-3, atol=1e-4)
    assert "Red: more relevant to “bed / cot” than to “vessel”" in said(app)
    app.selectbox(key="asked").set_value(2).run()
    assert not app.exception
    assert app.session_state["view"]["against"] is None  # nothing is set against itself
    change(app, target=0, against=2, section="methods")
    assert tile(labelled(app, "wall", "Signed maps"), "Class relevance")


def test_classes_are_chosen_from_the_lists(app: AppTest, trace: Trace) -> None:
    shown(app)
    order = [int(i) for i in (-trace.logits).argsort()]
    app.selectbox(key="asked").set_value(order[2]).run()
    app.selectbox(key="set_against").set_value(order[1]).run()
    assert (app.session_state["view"]["target"], app.session_state["view"]["against"]) == (order[2], order[1])
    app.selectbox(key="asked").set_value(order[0]).run()
    assert app.session_state["view"]["target"] is None  # the default, which holds for other inputs too
    app.selectbox(key="set_against").set_value(-1).run()
    assert app.session_state["view"]["against"] is None
    assert not app.exception


def test_what_was_worked_out_is_kept(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    tested: list[str] = []
    test = asking.map_orders
    monkeypatch.setattr(explanation, "STEP", 600.0)  # otherwise slow machines test a map in several steps
    monkeypatch.setattr(asking, "map_orders", lambda *args: (tested.extend(args[1]), test(*args))[1])
    shown(app, section="methods")
    assert len(tested) == 6
    control(app, "method").set_value("rollout").run()
    assert len(tested) == 7  # relevance alone depends on it
    control(app, "method").set_value("gradient").run()
    change(app, part=1, by="saliency", groups=3, pick=7)
    assert len(tested) == 7
    assert not app.exception


def test_work_goes_on_step_by_step(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanation, "PATIENCE", 0.0)
    question, left = Question(0), []
    while not (known := explanation.known(case, question)).complete:
        left.append(13 - len(known.maps) - len(known.scores))
        explanation.continue_work(case, question, "maps" if len(known.maps) < 6 else "test", Progress())
    assert left == [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


class Stopped(BaseException):
    """What Streamlit raises when the visitor does something else."""


class Stopping(Progress):
    """A bar whose report number `at` ends the work."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def step(self, share: float | None, text: str) -> None:
        self.left -= 1
        if not self.left:
            raise Stopped


def test_work_that_is_stopped_is_kept_and_goes_on(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanation, "STEP", 0.0)
    monkeypatch.setattr(batches, "HELD", 1)
    question = Question(0)
    for key in explanation.methods(case)[:-1]:
        explanation.explain(case, question, key, Progress())
    before = explanation.maps_left(case, question)
    with pytest.raises(Stopped):
        explanation.continue_work(case, question, "maps", Stopping(60))
    (path,) = explanation.known(case, question).begun.values()
    assert 0 < path.done < 32
    assert 0 < explanation.maps_left(case, question) != before
    gradients: list[int] = []
    steps = Perceiver.steps
    monkeypatch.setattr(Perceiver, "steps", lambda self, x, **more: (gradients.append(1), steps(self, x, **more))[1])
    explanation.continue_work(case, question, "maps", Progress())
    assert explanation.known(case, question)["integrated_gradients"].values.shape == (16, 16)
    assert len(gradients) == 32 - path.done + 2
    assert explanation.known(case, question).begun == {}
    assert explanation.maps_left(case, question) == 0


def test_slow_work_starts_on_request_with_an_estimate_and_can_be_cancelled(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_request, "QUICK", 0.0)
    monkeypatch.setattr(methods, "QUICK", 0.0)
    shown(app, section="methods")
    assert not app.exception
    assert app.button(key="start_relevance").label == "Compute class relevance"
    assert said(app).count("Takes ") == 3
    assert "random order" not in said(app)
    app.button(key="start_relevance").click().run()
    assert labelled(app, "wall", "Relevance by block")
    assert app.button(key="start_maps").label == "Compute the 5 other maps"

    started = []
    monkeypatch.setattr(explanation, "continue_work", lambda *args: started.append(args[2]))
    monkeypatch.setattr(st, "rerun", lambda: None)
    app.button(key="start_test").click().run()
    assert started == ["test"]
    app.button(key="cancel_test").click().run()
    assert started == ["test"]
    assert app.button(key="start_test")
    monkeypatch.undo()


def test_latents_that_read_alike(app: AppTest, trace: Trace) -> None:
    shown(app, groups="2", block="2")
    row = labelled(app, "wall", "Latent clusters of block 2")
    sizes = [int(one["note"].split()[0]) for one in row.meta["tiles"]]
    assert len(sizes) == 2
    assert sum(sizes) == folder.ONE_HEAD.num_latents
    assert sizes[0] >= sizes[1]
    strip = labelled(app, "wall", "Latents, the most concentrated first")
    members = [int(one["title"].split()[1]) - 1 for one in strip.meta["tiles"]]
    assert len(members) == sizes[0]
    mean = labelled(app, "map", "Block 2, cluster 1")
    expected = np.mean([trace.map(1, latent=latent).numpy() for latent in members], axis=0)
    np.testing.assert_allclose(mean.arrays["values"], expected, rtol=1e-4)
    change(app, latent=members[1])
    large = labelled(app, "map", f"Block 2, latent {members[1] + 1}")
    np.testing.assert_allclose(large.arrays["values"], trace.map(1, latent=members[1]).numpy(), rtol=1e-4)


def test_a_bad_link_falls_back_with_a_note(app: AppTest) -> None:
    shown(app, method="guess", part="9", group="5", groups="99", by="nothing", target="44")
    assert not app.exception
    view = app.session_state["view"]
    assert tuple(view[name] for name in ("method", "part", "group", "groups", "by", "target")) == (
        "gradient",
        None,
        None,
        4,
        "attention",
        None,
    )
    assert said(app).count("The link gives no valid value") == 3
    assert "There is no class 44 here" in said(app)


@pytest.mark.parametrize(("build", "name"), [(sounds, "audio-mel"), (sounds, "audio-raw"), (clouds, "points-fourier")])
def test_every_modality_is_explained(
    build: object, name: str, tmp_path: Path, caches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(build.build(tmp_path)))  # type: ignore[attr-defined]
    app = shown(AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE), model=name, against="1", pick="5")
    assert not app.exception
    walls = "clouds" if name.startswith("points") else "wall"
    assert labelled(app, walls, "Relevance by block")
    assert labelled(change(app, section="clusters"), walls, "Latent clusters of block 1")
    assert "random order" in said(change(app, section="methods"))
    assert not change(app, section="latents").exception


def test_what_can_be_taken_away(case: Case, model: Perceiver, sample: Sample, trace: Trace) -> None:
    question, progress = Question(1, 2), Progress()
    for part in ("maps", "test"):
        for _ in range(7):
            explanation.continue_work(case, question, part, progress)
    assert explanation.known(case, question).complete
    with np.load(io.BytesIO(explanation.maps_npz(case, question)), allow_pickle=False) as file:
        np.testing.assert_allclose(file["relevance"], relevance(model, sample, 1, 2).total, atol=1e-6)
        assert json.loads(str(file["metadata"]))["against"] == 2
        assert file["attention"].shape == sample.shape
    numbers = json.loads(explanation.numbers_json(case, question))
    assert numbers["target"]["label"] == "lamp"
    assert numbers["methods"]["saliency"]["score"]["deletion"] == pytest.approx(
        explanation.known(case, question).scores["saliency"].deletion.area
    )
    lines = explanation.faithfulness_csv(case, question).decode().splitlines()
    assert lines[0] == "method,course,share,probability"
    assert {line.split(",")[0] for line in lines[1:]} == {*explanation.methods(case), "random"}

    view = ExplainView(model=case.model, target=1, against=2)
    context = PageContext(view, case, sample, model.config, get("image"), "", progress)
    found = {key: explanation.explain(case, question, key, progress) for key in explanation.methods(case)}
    maps = {key: share_maps([one.shares], signed=one.signed)[0] for key, one in found.items()}
    with Image.open(io.BytesIO(downloads.figure(context, question, folder.LABELS, maps))) as picture:
        assert picture.width > 1500
        assert picture.height > 1200  # those without a sign, and the signed ones below
