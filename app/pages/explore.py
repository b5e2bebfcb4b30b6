"""Explore: one input, one model, the map of every block."""

from __future__ import annotations

import streamlit as st

from app import compute, state, text, views
from app.compute import Case
from app.panels import choose, export, overview, reading
from app.progress import Progress
from app.views.base import Paint
from perceiver.config import PerceiverConfig
from perceiver.errors import CheckpointError
from perceiver.sample import Sample

CAVEAT = "Attention shows where a block read, not why the answer came out: on its own it is no explanation."


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    names = compute.models()
    if not names:
        _no_checkpoints()
        return
    state.current()
    view = state.settle(state.Limits(models=names))
    left, right = st.columns([34, 81], gap="medium")
    with left:
        choose.choose_model(view, names)
        config = compute.config(view.model)
        shown, samples = views.get(config.modality), compute.samples(config.modality)
        view = state.settle(_limits(config, names, tuple(samples)))
        case = choose.choose_input(view, shown, samples, compute.extensions(config.modality))
        sample = choose.read(case) if case else None
        for note in state.notes():
            st.caption(f":material/info: {note}")
    with right:
        progress = Progress()
        if case is None or sample is None:
            _nothing_chosen(shown.noun)
            return
        truth = samples[view.sample].about.label if view.sample in samples else ""
        overview.overview(view, shown, case, sample, compute.probabilities(case, progress), config.labels, truth)
    _blocks(case, sample, view, config, truth, progress)
    progress.done()


def _blocks(
    case: Case, sample: Sample, view: state.View, config: PerceiverConfig, truth: str, progress: Progress
) -> None:
    """Below the answer: what every block read, one block closely, and who reads a spot."""
    shown = views.get(config.modality)
    asked = reading.chosen_reading(view, case, progress)
    paint = Paint(view.colours, None if view.laid == "alone" else view.overlay / 100)
    maps = compute.block_maps(case, asked, view.show, view.scale, progress)
    words = text.reduction(asked, config.cross_heads)
    titles = [reading.title(m) for m in maps]
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What each block read", anchor=False, width="stretch")
        heading = f"{sample.name}, {case.model}: {words}"
        export.menu(case, sample, asked, maps, titles, shown, paint, heading, truth or None, progress)
    st.caption(f"{text.meaning(asked, view.show, view.colours)} {CAVEAT}")
    reading.controls_row(view, asked, config)
    one = reading.row(view, shown, sample, maps, config, paint)
    large, latents, readers = st.columns([21, 17, 14], gap="medium")
    with large:
        st.subheader(f"{reading.title(one)}: {words}", anchor=False)
        label = f"{reading.title(one)}, {words}"
        shown.large(sample, one, paint, label, view.pick, lambda element: state.change(pick=element))
    with latents:
        st.subheader(f"Latents of block {one.block + 1}", anchor=False)
        reading.latents(view, shown, case, one.block, asked, paint, progress)
    with readers:
        st.subheader("Who reads this spot", anchor=False)
        reading.who_reads(view, shown, case, asked, sample.shape, progress)


def _limits(config: PerceiverConfig, models: tuple[str, ...], samples: tuple[str, ...]) -> state.Limits:
    return state.Limits(
        models=models,
        samples=samples,
        blocks=config.cross_attention_blocks,
        latents=config.num_latents,
        heads=config.cross_heads,
        shape=config.input_shape,
    )


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
