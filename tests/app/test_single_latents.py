"""Single latents on the Explain page: numbers of the library, work on request, and links."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

import perceiver
from app.sections import on_request
from app.sections.explain.single_latents import SINGLE
from app.services import single_latents
from perceiver import Perceiver
from perceiver.analysis.formatting import class_name
from perceiver.analysis.patching import latent_attention
from perceiver.lens import Run
from perceiver.plots.latents import effects_text, patching_text
from tests.app import folder
from tests.app.frames import labelled
from tests.app.pages import change, control, opened, said


def run_of(checkpoints: Path, sample: int) -> Run:
    return perceiver.open(checkpoints / "image-fourier").run(folder.picture(sample))


def test_effects_and_exchanged_states_are_the_librarys(app: AppTest, checkpoints: Path) -> None:
    opened(app, "explain", donor="lamp-1", after="1")
    assert not app.exception
    run, other = run_of(checkpoints, 0), run_of(checkpoints, 1)
    found = run.latent_effects(after=0)
    told = effects_text(found.effects, found.answers, int(run.logits.argmax()), class_name(run.labels[found.target]))
    assert told in said(app)
    wall = labelled(app, "wall", "Latents, the one with the largest effect first")
    assert [int(tile["title"].split(":")[0]) - 1 for tile in wall.meta["tiles"]] == found.order.tolist()
    patched = run.patch(other)
    told = patching_text(patched.states, patched.recovered, patched.recovered_whole)
    assert told in said(app)

    latent = int(found.order[0])
    change(app, latent=latent)
    row = labelled(app, "wall", f"Maps of latent {latent + 1}")
    near = latent_attention(run.model, run.trace, 0)[latent].copy()
    near[latent] = 0
    assert row.meta["tiles"][0]["facts"][0][1].startswith(f"{int(near.argmax()) + 1} (")
    control(app, "after").set_value("").run()
    assert app.session_state["view"]["after"] is None
    assert control(app, "donor").value == "lamp-1"


def test_work_waits_for_a_request_and_is_done_in_steps(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_request, "QUICK", 0.0)
    monkeypatch.setattr(single_latents, "STEP", 0.0)
    opened(app, "explain", donor="lamp-1")
    assert "The logit of" not in said(app)
    app.button(key="start_effects").click().run()
    assert "loses most without" in said(app)
    app.button(key="start_patching").click().run()
    assert "of single latents, latent" in said(app)
    assert not app.exception


def test_a_link_with_another_sample_or_block_falls_back(app: AppTest) -> None:
    opened(app, "explain", donor="nothing", after="44")
    assert not app.exception
    view = app.session_state["view"]
    assert (view["donor"], view["after"]) == (None, None)
    assert "There is no block 44 here" in said(app)
    assert "names a sample to take states from" in said(app)
    first = view["sample"]
    change(app, donor=first)
    assert app.session_state["view"]["donor"] is None
    assert not app.exception


def test_a_model_with_one_latent_has_no_single_ones(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    folder.build(tmp_path)
    perceiver.save(Perceiver(dataclasses.replace(folder.ONE_HEAD, num_latents=1)).eval(), tmp_path / "image-one")
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(tmp_path))
    opened(app, "explain", model="image-one", section="latents", donor="lamp-1")
    assert not app.exception
    assert not app.error
    assert SINGLE in said(app)
