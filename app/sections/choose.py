"""The model and the input: what is looked at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from perceiver.errors import CheckpointError, InputError
from perceiver.sample import Sample

from .. import views
from ..components import Tile, wall
from ..services import checkpoints, compute
from ..services.checkpoints import Checkpoint
from ..services.compute import Case, Gallery
from ..session import controls, state, text
from ..session.view import UPLOADED, View
from ..views.base import ModalityView
from .checkpoint import words

LARGEST_INPUT = 200
"""Megabytes of an uploaded input; checkpoints may be larger, so the server's own bound is."""


def choose_model(view: View, models: Mapping[str, str]) -> None:
    """Sort of input and checkpoint, the accuracy of the chosen one in a line, and its card a click away."""
    try:
        card = compute.card(view.model)
    except CheckpointError:
        card = None
    kind = models[view.model]
    kinds = list(dict.fromkeys(models.values()))
    if len(kinds) > 1:
        st.session_state["modality"] = kind
        st.segmented_control(
            "Sort of input",
            kinds,
            format_func=lambda one: views.get(one).title,
            required=True,
            key="modality",
            on_change=_other_sort,
            args=(models,),
            width="stretch",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {name: compute.called(name) for name, its in models.items() if its == kind}
        controls.select("Model", "model", names, view.model)
        opened = checkpoints.known(view.model)
        if (card or opened) and st.button("Card", help="What it is, what it was trained on, and how good it is"):
            _show_card(card.markdown if card else "", opened)
    with st.container(gap="xxsmall"):
        st.caption(text.accuracy(card.results if card else None))
        if st.button("Open a checkpoint", type="tertiary", icon=":material/add:"):
            st.switch_page("app/pages/open.py")


def _other_sort(models: Mapping[str, str]) -> None:
    chosen = st.session_state["modality"]
    state.change(model=next(name for name, kind in models.items() if kind == chosen), sample="", block=0, others=())
    st.session_state["source"] = "samples"


@st.dialog("Model card", width="large")
def _show_card(markdown: str, opened: Checkpoint | None) -> None:
    if opened:
        st.subheader(text.plain(opened.name), anchor=False)
        words.table(opened.found.rows())
        for note in opened.found.notes:
            st.caption(text.sentence(note))
    if opened and markdown:
        st.divider()
        st.caption("What its publisher says:")
    # Pictures in a card would have every visitor's browser ask other servers for them.
    st.markdown(text.without_pictures(markdown) if opened else markdown)


def choose_input(
    view: View, shown: ModalityView, samples: Mapping[str, Gallery], extensions: tuple[str, ...]
) -> Case | None:
    """The gallery, the upload or the camera; the input chosen, or None with a word on what is missing."""
    recorder = shown.recorder
    sources = {"samples": "Samples", "upload": "Upload"} | ({"record": recorder.name} if recorder else {})
    uploaded = view.sample.startswith(UPLOADED)
    held = st.session_state.get("source")
    # Set on every run: on another page it is another widget, which otherwise begins empty.
    st.session_state["source"] = held if held in sources else "upload" if uploaded or not samples else "samples"
    source = st.segmented_control(
        "Input",
        list(sources),
        format_func=sources.__getitem__,
        required=True,
        key="source",
        width="stretch",
    )
    if source == "samples":
        _gallery(view, shown, samples)
    elif source == "upload":
        st.file_uploader(
            f"A {shown.noun} of yours",
            type=list(extensions),
            key="upload",
            on_change=_given,
            args=("upload",),
            max_upload_size=LARGEST_INPUT,
        )
    elif recorder:
        recorder.widget(recorder.label, key="record", on_change=_given, args=("record",))
    if not uploaded:
        chosen = samples.get(view.sample)
        return Case(view.model, chosen.digest, chosen.about.file, chosen.data, view.read) if chosen else None
    held = state.upload(view.sample)
    if held is None:
        st.info(
            f"This link shows a {shown.noun} that was uploaded in another session and is not kept. "
            "Upload it again to see the same view.",
            icon=":material/upload_file:",
        )
        return None
    return Case(view.model, view.sample.removeprefix(UPLOADED), *held, view.read)


def read(case: Case) -> Sample | None:
    """The input as the model reads it, or None with a sentence beside the upload that says what is wrong with it."""
    try:
        return compute.read(case)
    except InputError as error:
        st.error(text.plain(str(error)), icon=":material/error:")
        return None


def _gallery(view: View, shown: ModalityView, samples: Mapping[str, Gallery]) -> None:
    if not samples:
        st.caption("No samples come with this checkpoint; upload one of your own.")
        return
    names = list(samples)
    wall(
        np.stack([_thumbnail(view.model, sample.digest, shown, sample) for sample in samples.values()]),
        [Tile(title=s.about.title, alt=f"{s.about.title} ({text.label(s.about.label)})") for s in samples.values()],
        key="gallery",
        label="Samples",
        tile=58,
        dense=True,
        chosen=names.index(view.sample) if view.sample in names else None,
        on_pick=lambda index: state.change(sample=names[index]),
    )
    chosen = samples.get(view.sample)
    if chosen:
        st.caption(text.plain(text.about(chosen.about)))


@st.cache_data(show_spinner=False, max_entries=256)
def _thumbnail(model: str, sha256: str, _shown: ModalityView, _sample: Gallery) -> np.ndarray:
    return _shown.thumbnail(compute.glance(Case(model, sha256, _sample.about.file, _sample.data)))


def _given(key: str) -> None:
    """An upload or a photograph arrived: its bytes are taken once, by value."""
    file = st.session_state[key]
    if file is not None:
        data = file.getvalue()
        state.keep(compute.digest(data), file.name, data)
