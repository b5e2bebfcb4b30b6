"""The checks of maps on the Explore page: when they begin, what they say, and how they end."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import perceiver
from app.sections.map_checks import REST
from app.services import inference, map_checks, samples
from app.services.inference import Case
from app.services.queueing import Progress
from perceiver import MapSelection
from perceiver.analysis.formatting import about
from tests.app import folder
from tests.app.frames import labelled
from tests.app.pages import change, control, opened, said
from tests.models import tiny_results

RESULTS = tiny_results("image", {"lamp": (8, 10)})


@pytest.fixture
def seeds(app: AppTest, checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkpoints, and a second one of the recipe of the first with another seed."""
    store = tmp_path / "checkpoints"
    shutil.copytree(checkpoints, store)
    shutil.copytree(store / "image-fourier", store / "image-another")
    for name, seed in (("image-fourier", 0), ("image-another", 1)):
        results = dataclasses.replace(RESULTS, seed=seed)
        (store / name / "results.json").write_text(json.dumps(results.to_dict()))
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(store))
    return store


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The waits of the parts of the page that are rerun by themselves; they are, once "go" is among them."""
    waits: list[Any] = []

    def fragment(part: Callable[..., None], run_every: float | None = None) -> Callable[..., None]:
        def draw(*arguments: Any) -> None:
            part(*arguments)
            if "go" in waits:
                part(*arguments)

        waits.append(run_every)
        return draw

    monkeypatch.setattr(st, "fragment", fragment)
    # The harness draws a widget once in a run.
    monkeypatch.setattr(st, "button", lambda *_, **__: False)
    return waits


def remarks(app: AppTest) -> list[str]:
    return [tile["remark"] for tile in labelled(app, "wall", "Maps of the blocks").meta["tiles"]]


def test_quick_checks_begin_once_the_page_rests_and_say_how_each_map_did(
    app: AppTest, seeds: Path, ticks: list[Any], runs: list[Any]
) -> None:
    opened(app, "explore", model="image-fourier")
    assert not app.exception
    assert remarks(app) == ["checking …"] * 3
    assert ticks == [REST]
    assert len(runs) == 1  # nothing but the model itself
    ticks.append("go")
    app.run()
    assert not app.exception
    lens = perceiver.open("image-fourier")
    expected = lens.run(folder.picture(0)).checks()
    assert expected.names == ("image-another",)
    assert remarks(app) == [one.verdict for one in expected.checks]
    for tile, one in zip(labelled(app, "wall", "Maps of the blocks").meta["tiles"], expected.checks, strict=True):
        assert tile["alt"].endswith(f"Checked: {one.verdict}.")
    done = len(runs)
    change(app, block=1)
    one, told = expected.of(1), said(app)
    assert f"Checked on this input: **{one.verdict}**." in told
    assert f"first: {100 * one.deletion.area:.1f} %" in told
    assert f"image-another: {one.other_seeds['image-another']:.2f}".replace("-0", "−0") in told
    assert len(runs) == done  # they are kept
    assert ticks == [REST, "go", REST]  # and nothing is rerun any more
    assert "Checks of the maps (JSON)" in [one.label for one in app.get("download_button")]


def test_a_damaged_checkpoint_of_another_seed_is_named(app: AppTest, seeds: Path, ticks: list[Any]) -> None:
    weights = seeds / "image-another" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    ticks.append("go")
    opened(app, "explore", model="image-fourier")
    assert not app.exception
    (error,) = app.error
    assert "image-another" in error.value.replace("\\", "")
    assert remarks(app) == ["not checked"] * 3


def test_an_unexpected_error_stays_with_its_reference_until_the_next_run(
    app: AppTest, ticks: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(map_checks, "check", lambda *_: 1 // 0)
        ticks.append("go")
        opened(app, "explore", model="image-fourier")
    assert "ZeroDivisionError" in caplog.text
    for _ in range(2):
        (error,) = app.error
        assert "reference" in error.value
        assert error.value.replace("\\", "").split("reference ")[1].split(".")[0] in caplog.text
        assert remarks(app) == ["not checked"] * 3
        app.run()
    change(app, reduce="max")
    assert not app.error
    assert remarks(app) != ["not checked"] * 3


def test_maps_that_are_not_checked_say_so(app: AppTest) -> None:
    opened(app, "explore", model="image-learned", reduce="latent", latent="2")
    assert remarks(app) == [""] * 2
    assert "This map is not checked: the latents of two models do not correspond." in said(app)
    change(app, reduce="mean", latent=None, show="first")
    assert not app.exception
    assert remarks(app) == [""]
    assert "checked" not in said(app)


def test_long_checks_and_those_of_busy_servers_wait_for_a_request(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(map_checks.AUTOMATIC, "0")
    opened(app, "explore", model="image-fourier")
    assert remarks(app) == ["not checked"] * 3
    assert app.button(key="start_map_checks").label == "Check the maps"
    monkeypatch.delenv(map_checks.AUTOMATIC)
    app.run()
    assert remarks(app) == ["checking …"] * 3
    app.button(key="cancel_map_checks").click().run()
    assert remarks(app) == ["not checked"] * 3
    monkeypatch.setattr(inference, "seconds", lambda case: 3.0)
    control(app, "reduce").set_value("max").run()
    assert remarks(app) == ["not checked"] * 3
    # 11 points along 3 maps and 8 random orders, two thirds of the elements each, and 5 untrained models.
    assert f"Takes {about((11 * (3 + 8) + 5 * 2) * 3 * 2 / 3)}." in said(app)
    app.button(key="start_map_checks").click().run()
    assert remarks(app) == ["checking …"] * 3


def test_what_a_visitor_does_ends_the_checks_between_layers_and_what_is_done_is_kept(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = folder.picture(0)
    case = Case("image-fourier", samples.digest(data), "a.png", data)
    looked = 0

    class Moved(BaseException):
        """How Streamlit ends a run of the page."""

    def stop_here() -> None:
        nonlocal looked
        looked += 1
        if looked in (40, 90):
            raise Moved

    with monkeypatch.context() as patched:
        patched.setattr(inference, "stop_here", stop_here)
        left = []
        for _ in range(2):
            with pytest.raises(Moved):
                map_checks.check(case, MapSelection(), Progress())
            left.append(map_checks.seconds_left(case, MapSelection()))
            assert map_checks.known(case, MapSelection()) is None
        map_checks.check(case, MapSelection(), Progress())
    assert left[0] > left[1] > 0
    found = map_checks.known(case, MapSelection())
    assert found is not None
    assert map_checks.seconds_left(case, MapSelection()) == 0
    expected = perceiver.open("image-fourier").run(data).checks()
    assert found.untrained == expected.untrained
    assert (found.removed.found == expected.removed.found).all()
    written = json.loads(map_checks.numbers_json(case, MapSelection()))
    assert [one["verdict"] for one in written["checks"]] == [one.verdict for one in expected.checks]
