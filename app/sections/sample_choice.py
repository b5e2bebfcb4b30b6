"""The choice of an input: a bundled sample, an upload, a recording or a drawing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from perceiver.errors import AmbiguousInputError, InputError
from perceiver.sample import Sample

from .. import views
from ..components import Tile, wall
from ..services import inference, models, public
from ..services.inference import Case
from ..services.samples import GallerySample, digest
from ..session import state, text
from ..session.rules import UPLOADED
from ..session.view import View
from ..views.base import ModalityView, take_file
from . import drawing_pad


def choose_sample(
    view: View, modality: ModalityView, gallery: Mapping[str, GallerySample], extensions: tuple[str, ...]
) -> Case | None:
    """Draws the choice. Returns the chosen input, or None where there is none."""
    recorder = modality.recorder
    sources = {"samples": "Samples", "upload": "Upload"} | ({"record": recorder.name} if recorder else {})
    sources |= {"draw": "Draw"} if modality.drawable else {}
    uploaded = view.sample.startswith(UPLOADED)
    held = st.session_state.get("source")
    first = "draw" if drawing_pad.is_drawing(view.sample) else "upload" if uploaded or not gallery else "samples"
    # Set on every run: on another page it is another widget, which otherwise begins empty.
    st.session_state["source"] = held if held in sources else first
    st.segmented_control(
        "Source",
        list(sources),
        format_func=sources.__getitem__,
        required=True,
        key="source",
        width="stretch",
        on_change=_change_source,
        args=(view.model,),
        help="Samples that no checkpoint was trained on, or an input of your own.",
    )
    source: str = st.session_state["source"]
    if source == "samples":
        _gallery(view, modality, gallery)
    elif source == "upload":
        # Any file can be chosen: its contents decide what it is, not the ending of its name.
        st.file_uploader(
            f"A {modality.noun} of yours",
            key="upload",
            help=f"The contents of a file decide what it is. Files that can be read end with {', '.join(extensions)}.",
            on_change=take_file,
            args=("upload", _keep),
            max_upload_size=public.limits().input_megabytes,
        )
    elif source == "draw":
        drawing_pad.show(view)
    elif recorder:
        recorder.widget(recorder.label, key="record", on_take=_keep_recording)
        _save_recording(view)
    if source == "draw" and not drawing_pad.is_drawing(view.sample):
        return None
    if source != "samples":
        _upload_caption(source, view.sample)
    if not uploaded:
        chosen = gallery.get(view.sample)
        return Case(view.model, chosen.digest, chosen.about.file, chosen.data, view.read) if chosen else None
    kept = state.upload(view.sample)
    if kept is None:
        return None
    return Case(view.model, view.sample.removeprefix(UPLOADED), *kept, view.read)


def read(case: Case) -> Sample | None:
    """The input as the model reads it; None, with a message, when it cannot be read, with the possible answers when it
    can be read in several ways, and with the input type that it is for when that is another."""
    try:
        return inference.read(case)
    except InputError as error:
        st.error(text.plain(str(error)), icon=":material/error:")
        if case.model == state.view(View).model:  # and not one that it is compared with
            st.session_state["unreadable"] = case.digest
        if isinstance(error, AmbiguousInputError):
            for value, words in error.answers.items():
                st.button(words, key=f"answer_{value}", on_click=state.choose, args=(error.option, value))
        elif case.options:
            # The controls of these choices are drawn once the input is read.
            st.button("Read it as by default", icon=":material/undo:", on_click=state.change, kwargs={"read": ()})
        elif case.model == state.view(View).model:
            _offer_other_type(case)
        return None


def _offer_other_type(case: Case) -> None:
    """A button that opens a file in the first checkpoint that reads files of its kind, where this one reads others."""
    kinds = models.available(views.names())
    for kind in inference.other_modalities(case):
        model = next((key for key, its in kinds.items() if its == kind), None)
        if model is not None:
            name = views.get(kind).title
            st.button(f"Open it under {name}", icon=":material/arrow_forward:", on_click=_open_in, args=(model,))
            return


def _open_in(model: str) -> None:
    """Callback: shows the same input in a model of another modality."""
    state.change(model=model, block=0, others=())
    st.session_state["source"] = "upload"


def current_input(
    case: Case, sample: Sample, modality: ModalityView, bundled: GallerySample | None, read: Mapping[str, str]
) -> None:
    """The input that all pages show: its name, the original with the part that the model reads, and reading options.

    bundled  the sample, where it is one that comes with the project
    read     reading options that are not at their default
    """
    st.markdown(f"**{text.plain(bundled.about.title if bundled else case.name)}**")
    if not drawing_pad.holds(UPLOADED + case.digest):  # a drawing is seen on the pad
        modality.original(case, sample)
    if sample.notes:
        st.caption("  \n".join(map(text.sentence, sample.notes)))
    modality.options(case, sample, read)
    if bundled:
        parts = (bundled.about.credit, bundled.about.note)
        st.caption(text.plain(" ".join(f"{part.rstrip('.')}." for part in parts if part)))


def _gallery(view: View, modality: ModalityView, gallery: Mapping[str, GallerySample]) -> None:
    if not gallery:
        st.caption("No samples come with this checkpoint; upload one of your own.")
        return
    names = list(gallery)
    wall(
        np.stack([_thumbnail(view.model, sample.digest, modality, sample) for sample in gallery.values()]),
        [
            Tile(title=text.label(s.about.label), alt=f"{s.about.title} ({text.label(s.about.label)})")
            for s in gallery.values()
        ],
        key="gallery",
        label="Samples",
        tile=72 if modality.names_samples else 44,
        dense=True,
        named=modality.names_samples,
        tall=420,
        chosen=names.index(view.sample) if view.sample in names else None,
        on_pick=lambda index: state.change(sample=names[index]),
    )


@st.cache_data(show_spinner=False, max_entries=256)
def _thumbnail(model: str, sha256: str, _modality: ModalityView, _sample: GallerySample) -> np.ndarray:
    return _modality.thumbnail(inference.preview(Case(model, sha256, _sample.about.file, _sample.data)))


def _change_source(model: str) -> None:
    """Whoever turns to the samples from an upload that cannot be read sees the first of them; whoever turns to the pad
    sees what is on it."""
    sample = state.view(View).sample
    if st.session_state["source"] == "draw":
        drawing_pad.redraw(model)
    unreadable = st.session_state.get("unreadable")
    if st.session_state["source"] == "samples" and unreadable and sample == UPLOADED + unreadable:
        state.change(sample="")


def _upload_caption(source: str, sample: str) -> None:
    """Which upload is shown where its widget is empty, as after a reload, and whether a reload loses it."""
    shown = state.upload(sample) if sample.startswith(UPLOADED) else None
    parts = []
    made = drawing_pad.holds(sample) or sample == st.session_state.get("recording")
    empty = not made if source in ("draw", "record") else st.session_state.get(source) is None
    if shown and empty:
        parts.append(f"Shown: {text.plain(shown[0])}.")
    kept = state.survives_reload(sample) if shown else state.can_keep()
    if not kept and not state.is_passing():  # a drawing is kept once its stroke has ended
        parts.append("A reload of the page loses the file.")
    if parts:
        st.caption(" ".join(parts))


def _keep(name: str, data: bytes) -> None:
    """Callback: shows an upload as the input."""
    state.keep(digest(data), name, data)


def _keep_recording(name: str, data: bytes) -> None:
    """Callback: shows a recording as the input."""
    st.session_state["recording"] = UPLOADED + digest(data)
    _keep(name, data)


def _save_recording(view: View) -> None:
    kept = state.upload(view.sample) if view.sample == st.session_state.get("recording") else None
    if kept:
        st.download_button(
            "Save the recording",
            kept[1],
            kept[0],
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            help="The file that the model reads, for the command line and notebooks.",
        )
