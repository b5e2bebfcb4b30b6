"""Which models are compared, each with the input as it reads it, and what each of them answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import streamlit as st

from perceiver.analysis.compare import corresponding_element

from ... import views
from ...services import comparison, models
from ...session import state, text
from ...session.fields import fit
from ...session.rules import Limits
from ...session.view import MOST_OTHERS
from ..context import CompareContext
from ..model_choice import accuracy
from ..sample_choice import read

COUNTS = {2: "Both", 3: "All three", 4: "All four"}


def choose_models(context: CompareContext) -> tuple[CompareContext, ...]:
    """Draws the choice of models. Returns the context of each, that of the page first."""
    available = models.available(views.names())
    others = [key for key, kind in available.items() if kind == context.config.modality and key != context.view.model]
    # Those of the same classes come first.
    others.sort(key=lambda key: models.stored_config(key).labels != context.config.labels)
    if not others:
        st.caption(f"No other model here reads a {context.modality.noun}, so there is nothing to set beside this one.")
        return (context,)
    chosen = context.view.others or comparison.suggested_models(context.view.model, others)
    _others_control(others, chosen)
    contexts = (_in_model(context, key) for key in chosen)
    return (context, *(one for one in contexts if one))


def model_about(context: CompareContext) -> None:
    """The name of a model, its position encoding, its accuracy and its size."""
    key = context.case.model
    st.markdown(f"**{name(context)}**")
    st.caption(f"{models.encoding_label(context.config)}; {models.parameters(key):,} parameters", help=accuracy(key))


def name(context: CompareContext) -> str:
    """The name of a model, escaped for Markdown."""
    return text.plain(context.case.model_name)


def mark(context: CompareContext, first: CompareContext, element: int | None) -> None:
    """Marks an element of one model: the view holds the first model's element at the same position. For callbacks."""
    state.change(pick=None if element is None else corresponding_element(element, context.sample, first.sample))


def agreement(found: Sequence[str]) -> str:
    """Whether the models agree, as Markdown."""
    if len(set(found)) == 1:
        return f"{COUNTS[len(found)]} answer **{text.plain(found[0])}**."
    return f"The predictions differ: {text.listed([text.plain(one) for one in dict.fromkeys(found)])}."


def _others_control(others: Sequence[str], chosen: Sequence[str]) -> None:
    st.session_state["beside"] = list(chosen)
    st.multiselect(
        f"Compare with, up to {MOST_OTHERS}",
        others,
        format_func=models.display_name,
        key="beside",
        max_selections=MOST_OTHERS,
        width=640,
        on_change=lambda: state.change(others=tuple(st.session_state["beside"])),
        help="Checkpoints that read the same input. Those of the same classes come first.",
    )


def _in_model(first: CompareContext, key: str) -> CompareContext | None:
    """The same view of the same input in another model; None, with a message, when it cannot read the input."""
    case = dataclasses.replace(first.case, model=key)
    sample = read(case)
    if sample is None:
        return None
    config = models.stored_config(key)
    limits = Limits(models=(key,), latents=config.num_latents, heads=config.cross_heads)
    view, notes = fit(dataclasses.replace(first.view, model=key), limits)
    for note in notes:
        st.caption(f":material/info: {text.plain(case.model_name)}: {note}")
    if view.pick is not None:
        view = dataclasses.replace(view, pick=corresponding_element(view.pick, first.sample, sample))
    return dataclasses.replace(first, view=view, case=case, sample=sample, config=config)
