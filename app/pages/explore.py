"""Explore: one input, one model, the map of every block."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import compute, state, text, views
from app.panels import choose, export, overview, reading
from app.panels.scene import Scene
from app.progress import Progress
from perceiver.config import PerceiverConfig
from perceiver.errors import CheckpointError

CAVEAT = "Attention shows where a block read, not why the answer came out: on its own it is no explanation."


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    models = compute.models(views.names())
    if not models:
        _no_checkpoints()
        return
    state.current()
    view = state.settle(state.Limits(models=models))
    left, right = st.columns([34, 81], gap="medium")
    with left:
        choose.choose_model(view, models)
        config = compute.config(view.model)
        shown, samples = views.get(config.modality), compute.samples(config.modality)
        view = state.settle(state.Limits(models=models, samples=tuple(samples), **_limits(config)))
        case = choose.choose_input(view, shown, samples, compute.extensions(config.modality))
        sample = choose.read(case) if case else None
        if case and sample:
            shown.options(case, sample, dict(view.read))
        for note in state.notes():
            st.caption(f":material/info: {note}")
    with right:
        if case is None or sample is None:
            _nothing_chosen(shown.noun)
            return
        truth = samples[view.sample].about.label if view.sample in samples else ""
        scene = Scene(view, case, sample, config, shown, truth, Progress())
        overview.overview(scene)
        beyond = st.container()
    st.divider()
    _blocks(scene)
    scene.progress.done()
    # What is left may be slow, and whatever the visitor does next cuts it short.
    state.publish()
    with beyond:
        shown.beyond(case, sample)


def _blocks(scene: Scene) -> None:
    """Below the answer: what every block read, one block closely, and who reads a spot."""
    view = scene.view
    asked = reading.asked(scene)
    maps = compute.block_maps(scene.case, asked, view.show, view.scale, scene.progress)
    words = text.reduction(asked, scene.config.cross_heads)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What each block read", anchor=False, width="stretch")
        export.menu(scene, asked, maps, words)
    st.caption(f"{text.meaning(asked, view.show, view.colours)} {CAVEAT}")
    reading.choices(scene, asked)
    one = reading.row(scene, maps)
    large, latents, readers = st.columns([21, 17, 14], gap="medium")
    with large:
        reading.large(scene, one, words)
    with latents:
        reading.latents(scene, one.block, asked)
    with readers:
        reading.who_reads(scene, asked)


def _limits(config: PerceiverConfig) -> dict[str, Any]:
    return {
        "blocks": config.cross_attention_blocks,
        "latents": config.num_latents,
        "heads": config.cross_heads,
        "shape": config.input_shape,
        "options": compute.options(config.modality),
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


try:
    page()
except CheckpointError as error:
    st.error(text.plain(str(error)), icon=":material/error:")
if "view" in st.session_state:
    state.publish()
