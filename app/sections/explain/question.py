"""The input, the answer, and the choice of the class that is explained."""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis.explanation import Question
from perceiver.analysis.formatting import percent

from ...components import Row, ranking
from ...services import inference
from ...session import state, text
from ...session.view import ExplainView
from ..context import ExplainContext
from ..predictions import TOP, input_caption, ranked, verdict

NONE = -1
"""What stands for no class in a list: an option that is None would be shown as nothing chosen."""


def choose_question(context: ExplainContext) -> Question:
    """Draws input and answer side by side, and the choice of the classes."""
    probabilities = inference.probabilities(context.case, context.progress)[-1]
    order = ranked(probabilities)
    target = order[0] if context.view.target is None else context.view.target
    against = context.view.against if context.view.against != target else None
    read, answer = st.columns(2, gap="medium")
    with read:
        st.subheader("As the model read it", anchor=False)
        hint = f"Click a {context.modality.spot} to mark it on every map."
        context.modality.seen(context.sample, context.view.pick, lambda element: state.change(pick=element), hint=hint)
        input_caption(context)
    question = Question(target, against, context.view.method)
    with answer:
        st.subheader("The answer", anchor=False)
        _predictions(context, probabilities, order, question)
        _class_choice(context, probabilities, order, question)
    return question


def question_text(question: Question, names: tuple[str, ...]) -> str:
    """The classes of a question: “cup”, or “cup” rather than “bowl”."""
    one = f"“{names[question.target]}”"
    return one if question.against is None else f"{one} rather than “{names[question.against]}”"


def _predictions(
    context: ExplainContext, probabilities: Float[np.ndarray, "classes"], order: list[int], question: Question
) -> None:
    """The most probable classes, the true one and those of the question; a click explains another."""
    labels, truth = context.config.labels, context.truth
    target, against = question.target, question.against
    rows = order[:TOP] + [i for i in order[TOP:] if i in (target, against) or labels[i] == truth]
    notes = {i: ["true label"] * (labels[i] == truth) + ["set against"] * (i == against) for i in rows}
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
                f"Set it against “{text.plain(text.label(truth))}”",
                type="tertiary",
                icon=":material/compare_arrows:",
                on_click=state.change,
                kwargs={"against": true},
            )


def _class_choice(
    context: ExplainContext, probabilities: Float[np.ndarray, "classes"], order: list[int], question: Question
) -> None:
    """The target class, and the class that it is contrasted with, from all classes."""

    def named(i: int) -> str:
        if i == NONE:
            return "no other class"
        return f"{text.label(context.config.labels[i])} · {percent(float(probabilities[i]))}"

    st.session_state["asked"] = question.target
    st.session_state["set_against"] = NONE if question.against is None else question.against
    with st.container(horizontal=True):
        st.selectbox(
            "What speaks for",
            order,
            format_func=named,
            key="asked",
            on_change=lambda: _set_target(st.session_state["asked"], order[0]),
        )
        st.selectbox(
            "rather than",
            [NONE, *(i for i in order if i != question.target)],
            format_func=named,
            key="set_against",
            on_change=_set_against,
        )


def _set_target(target: int, best: int) -> None:
    """Explains a class. The most probable one is the default, which other inputs keep."""
    against = state.view(ExplainView).against
    state.change(target=None if target == best else target, against=None if against == target else against)


def _set_against() -> None:
    other = st.session_state["set_against"]
    state.change(against=None if other == NONE else other)
