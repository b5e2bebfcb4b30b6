"""The choice of a model, its accuracy in a line, and its card."""

from __future__ import annotations

import re
from collections.abc import Mapping

import streamlit as st

from perceiver.analysis.formatting import percent
from perceiver.errors import CheckpointError

from .. import views
from ..services import checkpoints, models
from ..services.checkpoints import Checkpoint
from ..session import controls, state, text
from ..session.view import View
from .checkpoint import words


def choose_model(view: View, available: Mapping[str, str]) -> None:
    """Draws the choice of a modality and of a checkpoint.

    available  the modalities of all checkpoints by key
    """
    kind = available[view.model]
    kinds = list(dict.fromkeys(available.values()))
    if len(kinds) > 1:
        st.session_state["modality"] = kind
        st.segmented_control(
            "Input type",
            kinds,
            format_func=lambda one: views.get(one).title,
            required=True,
            key="modality",
            on_change=_change_modality,
            args=(available,),
            width="stretch",
            help="What the checkpoints below read.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {key: models.display_name(key) for key, its in available.items() if its == kind}
        controls.select("Checkpoint", "model", names, view.model, help="The trained Perceiver that is shown.")
        _card_button(view.model)
    with st.container(gap="xxsmall"):
        st.caption(accuracy(view.model))
        opens = "From the Hugging Face hub, from a folder, or from files."
        if st.button("Open a checkpoint", type="tertiary", icon=":material/add:", help=opens):
            st.switch_page("app/pages/open.py")


def accuracy(key: str) -> str:
    """The accuracy of a checkpoint, in a line."""
    try:
        results = models.results(key)
    except CheckpointError:
        results = None
    if results is None:
        return "No held-out results come with this checkpoint."
    held_out = results.held_out
    low, high = held_out.interval
    return (
        f"{percent(held_out.accuracy)} of held-out inputs right "
        f"(95 % interval {100 * low:.0f} to {100 * high:.0f} %; chance {percent(held_out.chance)})"
    )


def scope(key: str) -> str:
    """What a checkpoint knows and what lies outside of it, in a sentence of its card; "" where none says so."""
    try:
        results = models.results(key)
    except CheckpointError:
        results = None
    return next(iter((*results.caveats, *results.notes)), "") if results else ""


def without_pictures(markdown: str) -> str:
    """Markdown with the alternative texts of its pictures in place of them."""
    inline = re.sub(r"!\[([^\]]*)\]\s*(\([^)]*\)|\[[^\]]*\])?", r"\1", markdown)
    return re.sub(r"<\s*(img|picture|source|video|audio|iframe)\b[^>]*>", "", inline, flags=re.IGNORECASE)


def _change_modality(available: Mapping[str, str]) -> None:
    chosen = st.session_state["modality"]
    state.change(model=next(key for key, kind in available.items() if kind == chosen), sample="", block=0, others=())
    st.session_state["source"] = "samples"


def _card_button(key: str) -> None:
    try:
        markdown = models.card(key).markdown
    except CheckpointError:
        markdown = ""
    opened = checkpoints.known(key)
    if (markdown or opened) and st.button("Card", help="What it is, what it was trained on, and how good it is"):
        _show_card(markdown, opened)


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
    st.markdown(without_pictures(markdown) if opened else markdown)
