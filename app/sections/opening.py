"""How every page begins: the model and the input on the left, room for the page on the right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from perceiver.config import PerceiverConfig
from perceiver.errors import CheckpointError

from .. import views
from ..services import checkpoints, compute
from ..services.checkpoints import Hub
from ..services.progress import Progress
from ..session import state, text
from ..session.view import CompareView, Limits, View
from . import choose
from .checkpoint.offer import offer
from .scene import Scene

V = TypeVar("V", bound=View)


def opening(page: type[V]) -> tuple[Scene[V], DeltaGenerator] | None:
    """Draws the choice of model and input; what is looked at and the room beside, or None with a word on what is
    missing.

    page  the view of the page
    """
    view = state.current(page)
    models = compute.models(views.names())
    for asked in _linked(view):
        if asked.key not in models and not checkpoints.adopt(asked.key):
            offer(asked, next((name for name in models if name != asked.key), None))
            return None
        models = compute.models(views.names())
    if not models:
        _no_checkpoints()
        return None
    view = state.settle(page, Limits(models=models))
    left, right = st.columns([34, 81], gap="medium")
    with left:
        choose.choose_model(view, models)
        config = compute.config(view.model)
        shown, samples = views.get(config.modality), compute.samples(config.modality)
        view = state.settle(page, Limits(models=models, samples=tuple(samples), **_limits(view, config, models)))
        case = choose.choose_input(view, shown, samples, compute.extensions(config.modality))
        sample = choose.read(case) if case else None
        if case and sample:
            shown.options(case, sample, dict(view.read))
        for note in state.notes():
            st.caption(f":material/info: {note}")
    if case is None or sample is None:
        with right:
            _nothing_chosen(shown.noun)
        return None
    truth = samples[view.sample].about.label if view.sample in samples else ""
    with right:
        progress = Progress()
        compute.bring(view.model, progress)
        scene = Scene(view, case, sample, config, shown, truth, progress)
    return scene, right


def run(page: Callable[[], None]) -> None:
    """Runs a page: what is wrong with a checkpoint is said on it, and the view is written to the address bar."""
    try:
        page()
    except CheckpointError as error:
        st.error(text.plain(str(error)), icon=":material/error:")
    state.publish()


def _linked(view: View) -> Sequence[Hub]:
    """The models from the hub that a view names and this page shows."""
    names = [view.model, *(view.others if isinstance(view, CompareView) else ())]
    return [hub for hub in map(Hub.parse, names) if hub is not None]


def _limits(view: View, config: PerceiverConfig, models: Mapping[str, str]) -> dict[str, Any]:
    return {
        "blocks": config.cross_attention_blocks,
        "latents": config.num_latents,
        "heads": config.cross_heads,
        "shape": config.input_shape,
        "options": compute.options(config.modality),
        "classes": config.num_classes,
        "others": [name for name, kind in models.items() if kind == config.modality and name != view.model],
    }


def _no_checkpoints() -> None:
    with st.container(border=True):
        st.subheader("No checkpoints here", anchor=False)
        st.markdown(
            "There is no trained Perceiver to look at. They belong into the folder `checkpoints/` beside the app, or "
            "into the folder that `PERCEIVER_CHECKPOINTS` names: one folder each, with `model.safetensors` and "
            "`config.json`. `perceiver train` makes them."
        )


def _nothing_chosen(noun: str) -> None:
    with st.container(border=True):
        st.subheader("Nothing to look at yet", anchor=False)
        st.markdown(f"Choose a sample, or upload a {noun} of your own: its predictions and maps appear here.")
