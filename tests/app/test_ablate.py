"""The Ablate page in Streamlit's harness: what it removes, what that changes, and what it keeps apart."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.sections.ablate import axis_text
from app.services import ablation, samples
from app.services.inference import Case
from app.services.queueing import Progress
from app.session.fields import ablation_text
from app.session.view import parse
from perceiver import Perceiver, load, modalities
from perceiver.analysis import ablation as ablations
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.sweep import estimate_curves
from perceiver.lens import EncodingAxis, read_sample
from perceiver.plots.drawing.base import rearranged
from perceiver.sample import Sample
from tests.app import clouds, folder, sounds
from tests.app.conftest import PATIENCE, SCRIPT
from tests.app.frames import frames, labelled
from tests.app.pages import change, control, opened, said


def shown(app: AppTest, **query: str) -> AppTest:
    """The Ablate page, run to its end."""
    return opened(app, "ablate", **query)


def address(app: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[-1] for name, value in app.query_params.items()}


def chart(app: AppTest) -> dict[str, dict[str, object]]:
    """The curves by name: the exact one of each."""
    (found,) = app.get("plotly_chart")
    return {t["name"]: t for t in json.loads(found.proto.spec)["data"] if t.get("showlegend") and "name" in t}


def numbers(values: object) -> np.ndarray:
    """An array of a figure as plotly sends it."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])
    return np.array(values, dtype=float)


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> Perceiver:
    return load(checkpoints / "image-fourier")


@pytest.fixture(scope="module")
def sample() -> Sample:
    config = folder.ONE_HEAD
    return modalities.get("image").read(folder.picture(0), "a.png", shape=config.input_shape, preprocess={})


def without(model: Perceiver, sample: Sample, channels: list[int]) -> torch.Tensor:
    """The input array with channels of the position encoding set to 0, by hand."""
    inputs = model.inputs(sample).clone()
    inputs[..., [model.config.content_channels + channel for channel in channels]] = 0.0
    return inputs


def test_nothing_taken_out_shows_the_maps_once_and_the_whole_curve(app: AppTest) -> None:
    shown(app)
    assert not app.exception
    switches = labelled(app, "bands", "Parts of the position encoding").meta
    assert [axis["name"] for axis in switches["axes"]] == ["Height", "Width"]
    assert {sign for rows in switches["off"].values() for row in rows for sign in row} == {"0"}
    assert len(frames(app, "wall")) == 2  # the gallery, and the maps
    assert "Switch a part of the position encoding off" in said(app)
    assert set(chart(app)) == {"Height", "Width"}
    assert app.get("pills")[0].value == "all"


def test_a_link_takes_bands_out_and_says_what_that_changes(app: AppTest, model: Perceiver, sample: Sample) -> None:
    shown(app, ablate="b1:3-4,b2:3-4", target="2")
    assert not app.exception
    # 2 coordinates, then 4 sines an axis, then 4 cosines an axis
    gone = [2 + 2, 2 + 3, 2 + 6, 2 + 7, 10 + 2, 10 + 3, 10 + 6, 10 + 7]
    one, other = model.trace(model.inputs(sample)), model.trace(without(model, sample, gone))
    before, after = one.logits.softmax(-1), other.logits.softmax(-1)
    for name, expected in (("before", before), ("after", after)):
        rows = labelled(app, "ranking", f"Predictions {name}").meta["rows"]
        best = int(expected.argmax())
        assert rows[0]["name"] == folder.LABELS[best].replace("_", " / ")
        assert rows[0]["share"] == pytest.approx(float(expected[best]), abs=1e-6)
    captions = "\n".join(one.value for one in app.caption)
    told = re.search(r"KL divergence of the answers: (\S+) nats", captions)
    assert told
    digits, _, power = told[1].partition("×10")
    power = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or "0"
    kl = float((before.double() * (before.double() / after.double()).log()).sum())
    assert float(digits) * 10 ** int(power) == pytest.approx(kl, rel=0.02)
    difference = labelled(app, "map", "Block 1 difference").arrays["values"]
    np.testing.assert_allclose(difference, (other.map(0) - one.map(0)).numpy(), atol=1e-7)
    walls = [labelled(app, "wall", name).meta for name in ("Maps before", "Maps after", "Differences")]
    assert [bool(wall["bar"]) for wall in walls] == [False, True, True]  # before and after share one
    assert walls[2]["bar"]["ticks"][0]["text"].lstrip("≤ −") == walls[2]["bar"]["ticks"][-1]["text"].lstrip("≥ ")
    assert app.selectbox(key="asked").value == 1
    assert app.get("pills")[0].value == "low"
    assert app.slider(key="kept").value == (1, 2)


def test_presets_and_the_cut_off_write_the_link_and_keep_what_takes_the_place(app: AppTest) -> None:
    shown(app)
    app.segmented_control(key="fill").set_value("mean").run()
    assert address(app)["ablate"] == "mean"  # kept though nothing is out
    app.get("pills")[0].set_value("high").run()
    assert address(app)["ablate"] == "b1:1-2,b2:1-2,mean"
    app.slider(key="kept").set_value((2, 3)).run()
    assert address(app)["ablate"] == "b1:1.4,b2:1.4,mean"
    app.get("pills")[0].set_value("none").run()
    assert address(app)["ablate"] == "all,mean"
    app.segmented_control(key="fill").set_value("shuffle").run()
    next(button for button in app.button if button.label == "Another order").click().run()
    assert address(app)["ablate"] == "all,shuffle:1"
    app.get("pills")[0].set_value("axis 1").run()
    assert address(app)["ablate"] == "b2:1-4,x2,shuffle:1"
    assert not app.exception


def test_a_link_to_bands_that_are_not_there_falls_back_with_a_note(app: AppTest) -> None:
    shown(app, ablate="b1:40")
    assert not app.exception
    assert "does not have" in said(app)
    assert "ablate" not in address(app)
    assert len(frames(app, "wall")) == 2


def test_the_curve_is_what_each_ablation_does_and_knows_where_it_leads(
    app: AppTest, model: Perceiver, sample: Sample
) -> None:
    shown(app, ablate="b1:1")
    curve = chart(app)["Height"]
    logits = model(model.inputs(sample))[0]
    best = int(logits.argmax())
    expected = [
        float((model(without(model, sample, [2 + band, 10 + band]))[0] - logits)[best].detach()) for band in range(4)
    ]
    np.testing.assert_allclose(numbers(curve["y"]), expected, atol=1e-5)
    assert list(curve["customdata"]) == ["b1:1", "b1:2", "b1:3", "b1:4"]
    assert "ρ" in said(app)
    control(app, "curve").set_value("cumulative").run()
    assert set(chart(app)) == {"Low-pass", "High-pass"}
    control(app, "measure").set_value("probability").run()
    assert not app.exception
    assert address(app)["curve"] == "cumulative"


def test_slow_sweeps_are_asked_for_can_be_stopped_and_go_on(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "QUICK", -1.0)
    shown(app)
    label = "Compute the exact values"
    assert np.isfinite(numbers(chart(app)["Height"]["y"])).sum() == 1  # it tells how long the others take
    assert "as estimated" in said(app)
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    assert np.isfinite(numbers(chart(app)["Height"]["y"])).all()
    assert label not in {button.label for button in app.button}


def test_a_stopped_sweep_keeps_what_it_has(caches: None, checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(checkpoints))
    data = folder.picture(0)
    case = Case("image-fourier", samples.digest(data), "a.png", data)
    assert ablation.sweep_of(case, "zero", 0, 1, Progress()).known == 0
    sweep = ablation.advance(case, "zero", 0, 1, Progress())
    assert 0 < sweep.known < sweep.total == 16
    known = np.isfinite(sweep.logits())
    assert known.sum() == sweep.known
    held = ablation.sweep_of(case, "zero", 0, 1, Progress())
    np.testing.assert_array_equal(held.after, sweep.after)
    assert ablation.sweep_of(case, "shuffle", 3, 1, Progress()).known == 0
    rows = list(csv.DictReader(io.StringIO(ablation.sweep_csv(case, sweep).decode())))
    assert len(rows) == 16
    assert [bool(row["logit_change"]) for row in rows] == known.tolist()
    assert rows[0]["axis"] == "rows"


def test_exact_answers_of_a_sweep_serve_every_class(
    caches: None, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(checkpoints))
    data = folder.picture(0)
    case = Case("image-fourier", samples.digest(data), "a.png", data)
    first = ablation.advance(case, "zero", 0, 1, Progress())
    other = ablation.sweep_of(case, "zero", 0, 2, Progress())
    assert (other.target, other.known, other.each) == (2, first.known, first.each)
    while not other.done:
        other = ablation.advance(case, "zero", 0, 2, Progress())
    mine = ablation.sweep_of(case, "zero", 0, 1, Progress())
    assert mine.done
    model = load(checkpoints / "image-fourier")
    sample = read_sample(model.config, data, name="a.png")
    np.testing.assert_allclose(mine.estimates, estimate_curves(model, sample, mine.curves, 1).changes, rtol=1e-4)
    codes, removed = model.codes(sample), [one for curve in mine.curves for one in curve.ablations]
    for i in (0, 5, 15):
        after = model(model.inputs(sample, removed[i].apply(codes, model.encoding)))[0]
        np.testing.assert_allclose(mine.after[i], after.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_visitors_share_results_but_never_an_ablation(app: AppTest, runs: list[Perceiver]) -> None:
    shown(app, ablate="x1")
    other = AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE).run()
    assert len(runs) == 2
    shown(other, ablate="x2")
    assert len(runs) == 3
    mine, theirs = (labelled(one, "map", "Block 1 after") for one in (app, other))
    assert not np.array_equal(mine.arrays["values"], theirs.arrays["values"])
    shown(other, ablate="x1")
    assert len(runs) == 3
    np.testing.assert_array_equal(labelled(other, "map", "Block 1 after").arrays["values"], mine.arrays["values"])


def test_learned_positions_can_only_go_as_a_whole(app: AppTest) -> None:
    shown(app, model="image-learned")
    assert not app.exception
    assert "one learned vector for every place" in said(app)
    assert not frames(app, "bands")
    assert not app.get("plotly_chart")
    app.get("pills")[0].set_value("none").run()
    assert address(app)["ablate"] == "all"
    next(button for button in app.button if button.label == "Open image-fourier").click().run()
    assert address(app)["model"] == "image-fourier"
    assert "ablate" not in address(app)


def test_elements_that_keep_their_codes_change_nothing(app: AppTest) -> None:
    shown(app, shuffle="elements")
    assert "**Nothing.**" in said(app)
    control(app, "shuffle").set_value("blocks").run()
    assert "Blocks of 8 elements a side" in said(app)
    control(app, "side").set_value(4).run()
    assert not app.exception
    assert (address(app)["side"], address(app)["shuffle"]) == ("4", "blocks")


@pytest.mark.parametrize("kind", ["points", "sounds"])
def test_other_modalities(kind: str, caches: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clouds if kind == "points" else sounds).build(tmp_path)
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(tmp_path))
    app = shown(AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE), ablate="b1:2,x1", shuffle="blocks")
    assert not app.exception
    axes = [axis["name"] for axis in labelled(app, "bands", "Parts of the position encoding").meta["axes"]]
    assert axes == (["x", "y", "z"] if kind == "points" else axes)
    assert len(frames(app, "cloud" if kind == "points" else "map")) >= 3
    for shuffled in ("contents", "elements"):
        control(app, "shuffle").set_value(shuffled).run()
        assert not app.exception


def test_boxes_of_a_picture_go_where_the_order_says() -> None:
    picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    order = np.array([3, 2, 1, 0, 5, 4])  # boxes of 2 x 2 on a grid of 2 x 3
    moved = rearranged(picture, (2, 3), order)
    for new, old in enumerate(order):
        (r, c), (i, j) = divmod(new, 3), divmod(int(old), 3)
        box = np.s_[2 * r : 2 * r + 2, 2 * c : 2 * c + 2]
        np.testing.assert_array_equal(moved[box], picture[2 * i : 2 * i + 2, 2 * j : 2 * j + 2])
    columns = rearranged(picture, (3,), np.array([2, 0, 1]))
    np.testing.assert_array_equal(columns[:, :2], picture[:, 4:])


def test_bands_in_words() -> None:
    height = EncodingAxis("rows", (1.0, 4.0), True, 65, None)
    assert axis_text.band(height, 1) == "Height, band 2: 4 cycles across the height, one every 16 pixels"
    time = EncodingAxis("time", (1.0, 25.0), True, 50, 0.5)
    assert axis_text.band(time, 1) == "Time, band 2: 25 cycles across the window (50 Hz), one every 0.020 s"
    free = EncodingAxis("x", (1.0, 8.0), True, None, None)
    assert axis_text.band(free, 0) == "x, band 1: 1 cycle across the cloud along x, one every 1 of the cube’s side"
    assert axis_text.spacing([time]) == (
        "2 bands in equal steps, a sine and a cosine each: 1 to 25 cycles across the window (2 to 50 Hz)."
    )


def test_what_is_taken_away_can_be_taken_along(
    caches: None, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(checkpoints))
    data = folder.picture(0)
    case, reading = Case("image-fourier", samples.digest(data), "a.png", data), MapSelection()
    off = ablations.parse("b1:1-2")
    changes = ablation.map_changes(case, reading, off, "shared", Progress())
    moved = [one.change for one in changes]
    answer = ablation.answer_change(case, off, Progress())
    told = json.loads(ablation.answers_json(case, off, answer, 1, moved))
    assert told["ablation"] == "b1:1-2"
    assert [block["block"] for block in told["blocks"]] == [0, 1, 2]
    with np.load(io.BytesIO(ablation.maps_npz(case, off, moved, reading)), allow_pickle=False) as file:
        np.testing.assert_array_equal(file["after"][1], changes[1].after.values)


def test_what_takes_the_place_is_kept_while_nothing_is_out() -> None:
    for text in ("", "mean", "shuffle:7", "b1:1,mean"):
        values, notes = parse({"ablate": [text]} if text else {})
        assert (values["ablate"], notes) == (text, [])
    assert ablation_text(Ablation(fill="shuffle", seed=3)) == "shuffle:3"
    assert ablation_text(Ablation()) == ""


def test_a_part_of_the_scores_that_is_chosen_on_explore_is_said_not_to_be_shown(app: AppTest) -> None:
    opened(app, "ablate", model="image-fourier", split="content")
    assert "these are maps of the whole scores" in said(app)
    change(app, split="")
    assert "whole scores" not in said(app)
