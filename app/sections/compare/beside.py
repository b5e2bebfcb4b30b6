"""Which models are set beside the first, each with the input as it reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import streamlit as st

from ... import views
from ...services import comparing, compute
from ...session import state, text
from ...session.fields import fit
from ...session.view import MOST_OTHERS, Limits
from .. import choose
from ..scene import CompareScene


def beside(scene: CompareScene) -> tuple[CompareScene, ...]:
    """The choice of models; the scene of each, the first one first."""
    models = compute.models(views.names())
    others = [name for name, kind in models.items() if kind == scene.config.modality and name != scene.view.model]
    if not others:
        st.caption(f"No other model here reads a {scene.shown.noun}, so there is nothing to set beside this one.")
        return (scene,)
    chosen = scene.view.others or comparing.suggested(scene.view.model, others)
    _choose(others, chosen)
    scenes = (_scene(scene, name) for name in chosen)
    return (scene, *(one for one in scenes if one))


def name(scene: CompareScene) -> str:
    """The name of a scene's model, fit for Markdown."""
    return text.plain(scene.case.called)


def pick(scene: CompareScene, first: CompareScene, element: int | None) -> None:
    """Picks an element of one model: the first's that lies at the same place. For callbacks."""
    state.change(pick=None if element is None else comparing.twin(element, scene.sample, first.sample))


def _choose(others: Sequence[str], chosen: Sequence[str]) -> None:
    st.session_state["beside"] = list(chosen)
    st.pills(
        f"Set beside, up to {MOST_OTHERS}",
        others,
        selection_mode="multi",
        format_func=lambda one: text.plain(compute.called(one)),
        key="beside",
        on_change=_chosen,
        args=(tuple(chosen),),
    )


def _chosen(before: Sequence[str]) -> None:
    """Those that stay keep their places; the latest are at the end, and too many push out the earliest."""
    now = st.session_state["beside"]
    kept = [one for one in before if one in now]
    state.change(others=tuple([*kept, *(one for one in now if one not in kept)][-MOST_OTHERS:]))


def _scene(first: CompareScene, model: str) -> CompareScene | None:
    """The same view of the same input in another model; None with a word where it cannot read it."""
    case = dataclasses.replace(first.case, model=model)
    sample = choose.read(case)
    if sample is None:
        return None
    config = compute.described(model)
    limits = Limits(models=(model,), latents=config.num_latents, heads=config.cross_heads)
    view, notes = fit(dataclasses.replace(first.view, model=model), limits)
    for note in notes:
        st.caption(f":material/info: {text.plain(case.called)}: {note}")
    if view.pick is not None:
        view = dataclasses.replace(view, pick=comparing.twin(view.pick, first.sample, sample))
    return dataclasses.replace(first, view=view, case=case, sample=sample, config=config)
