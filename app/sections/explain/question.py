"""The choice of the class that is explained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis.explanation import Question
from perceiver.analysis.formatting import percent

from ...components import Row, ranking
from ...services import inference
from ...session import controls, state, text
from ...session.view import ExplainView
from ..context import ExplainContext
from ..on_request import Request
from ..predictions import TOP, ranked, verdict

METHODS: Mapping[str, str] = {"gradient": "Gradients", "rollout": "Rollout"}
MEANINGS: Mapping[str, str] = {
    "gradient": "Attention is followed from the head back through all towers and cross-attentions; every weight counts "
    "as much as the class gains from it (after Chefer, Gur and Wolf 2021).",
    "rollout": "Attention is followed from the head back through all towers and cross-attentions as it is; only the "
    "head’s weights over the latents depend on the class (after Abnar and Zuidema 2020).",
}

NONE = -1
"""What stands for no class in a list: an option that is None would be shown as nothing chosen."""


def choose_question(context: ExplainContext) -> Question:
    """Draws the choice of the classes and of how relevance is computed, in one row."""
    probabilities = inference.probabilities(context.case, context.progress)[-1]
    order = ranked(probabilities)
    target = order[0] if context.view.target is None else context.view.target
    against = context.view.against if context.view.against != target else None
    question = Question(target, against, context.view.method)
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        _class_choice(context, probabilities, order, question)
        controls.segments("Method", "method", METHODS, question.relevance, help=MEANINGS[question.relevance])
    return question


def request(context: ExplainContext, question: Question, slot: str, label: str, seconds: float) -> Request:
    """Work on a question that may take long."""
    classes = (question.target, question.against, question.relevance)
    return Request(slot, f"{context.case.model}|{context.case.key}|{classes}", label, seconds)


def question_text(question: Question, names: tuple[str, ...]) -> str:
    """The classes of a question: “cup”, or “cup” rather than “bowl”."""
    one = f"“{names[question.target]}”"
    return one if question.against is None else f"{one} rather than “{names[question.against]}”"


def predictions(context: ExplainContext, question: Question) -> None:
    """The most probable classes, the true one and those of the question; a click explains another."""
    probabilities = inference.probabilities(context.case, context.progress)[-1]
    order = ranked(probabilities)
    labels, truth = context.config.class_names, context.truth
    target, against = question.target, question.against
    rows = order[:TOP] + [i for i in order[TOP:] if i in (target, against) or labels[i] == truth]
    notes = {i: ["true label"] * (labels[i] == truth) + ["contrasted with"] * (i == against) for i in rows}
    ranking(
        [
            Row(
                name=text.label(labels[i]),
                share=float(probabilities[i]),
                text=percent(float(probabilities[i])),
                note=", ".join(notes[i]),
                chosen=i == target,
            )
            for i in rows
        ],
        key="answer",
        label="Classes with their probabilities; the chosen one is asked about",
        on_pick=lambda index: _set_target(rows[index], order[0]),
    )
    if truth in labels:
        true = labels.index(truth)
        rank = order.index(true) + 1
        st.caption(verdict(text.label(truth), rank, len(labels)))
        if rank > 1 and true not in (target, against):
            st.button(
                f"Contrast with “{text.plain(text.label(truth))}”",
                type="tertiary",
                icon=":material/compare_arrows:",
                on_click=state.change,
                kwargs={"against": true},
                help="Shows what speaks for the prediction and against the true label.",
            )


def _class_choice(
    context: ExplainContext, probabilities: Float[np.ndarray, "classes"], order: list[int], question: Question
) -> None:
    """The target class, and the class that it is contrasted with, from all classes."""

    def named(i: int) -> str:
        if i == NONE:
            return "no other class"
        return f"{text.label(context.config.class_names[i])} · {percent(float(probabilities[i]))}"

    st.session_state["asked"] = question.target
    st.session_state["set_against"] = NONE if question.against is None else question.against
    st.selectbox(
        "Evidence for",
        order,
        format_func=named,
        key="asked",
        on_change=lambda: _set_target(st.session_state["asked"], order[0]),
        width=220,
        help="The class that is explained: the maps show which parts of the input speak for it.",
    )
    st.selectbox(
        "rather than",
        [NONE, *(i for i in order if i != question.target)],
        format_func=named,
        key="set_against",
        on_change=_set_against,
        width=220,
        help="A class to contrast with: the maps then show what speaks for the first and against the second.",
    )


def _set_target(target: int, best: int) -> None:
    """Explains a class. The most probable one is the default, which other inputs keep."""
    against = state.view(ExplainView).against
    state.change(target=None if target == best else target, against=None if against == target else against)


def _set_against() -> None:
    other = st.session_state["set_against"]
    state.change(against=None if other == NONE else other)
