"""The question: the input, the answer, and the class that is asked about."""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis.explanation import Question
from perceiver.analysis.formatting import percent

from ...components import Row, ranking
from ...services import compute
from ...session import state, text
from ..scene import Scene

TOP = 5
NONE = -1
"""What a list holds in the place of no class: an option that is None would be shown as nothing chosen."""


def question(scene: Scene) -> Question:
    """Input and answer side by side, and the choice of what is asked about them."""
    probabilities = compute.probabilities(scene.case, scene.progress)[-1]
    order = [int(i) for i in np.argsort(-probabilities, kind="stable")]
    target = order[0] if scene.view.target is None else scene.view.target
    against = scene.view.against if scene.view.against != target else None
    read, answer = st.columns(2, gap="medium")
    with read:
        st.subheader("As the model read it", anchor=False)
        hint = f"Click a {scene.shown.spot} to mark it on every map."
        scene.shown.seen(scene.sample, scene.view.pick, lambda element: state.change(pick=element), hint=hint)
        st.caption("  \n".join([f"{scene.shown.size(scene.sample)}.", *map(text.sentence, scene.sample.notes)]))
    with answer:
        st.subheader("The answer", anchor=False)
        _answer(scene, probabilities, order, target, against)
        _choices(scene, probabilities, order, target, against)
    return Question(target, against, scene.view.method)


def _answer(
    scene: Scene, probabilities: Float[np.ndarray, "classes"], order: list[int], target: int, against: int | None
) -> None:
    """The most probable classes, the true one and those asked about; a click asks about another."""
    labels, truth = scene.config.labels, scene.truth
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
        on_pick=lambda index: _ask(rows[index], order[0]),
    )
    if truth in labels:
        rank = order.index(labels.index(truth)) + 1
        st.caption(text.verdict(text.label(truth), rank, len(labels)))
        true = labels.index(truth)
        if rank > 1 and against != true and target != true:
            st.button(
                f"Set it against “{text.plain(text.label(truth))}”",
                type="tertiary",
                icon=":material/compare_arrows:",
                on_click=state.change,
                kwargs={"against": true},
            )


def _choices(
    scene: Scene, probabilities: Float[np.ndarray, "classes"], order: list[int], target: int, against: int | None
) -> None:
    """The class asked about, and the one it is set against, from all classes."""

    def named(i: int) -> str:
        if i == NONE:
            return "no other class"
        return f"{text.label(scene.config.labels[i])} · {percent(float(probabilities[i]))}"

    st.session_state["asked"], st.session_state["set_against"] = target, NONE if against is None else against
    with st.container(horizontal=True):
        st.selectbox(
            "What speaks for",
            order,
            format_func=named,
            key="asked",
            on_change=lambda: _ask(st.session_state["asked"], order[0]),
        )
        st.selectbox(
            "rather than",
            [NONE, *(i for i in order if i != target)],
            format_func=named,
            key="set_against",
            on_change=_set_against,
        )


def _ask(target: int, best: int) -> None:
    """Asks about a class; the most probable one is asked about by default, on other inputs too."""
    against = st.session_state["view"].against
    state.change(target=None if target == best else target, against=None if against == target else against)


def _set_against() -> None:
    other = st.session_state["set_against"]
    state.change(against=None if other == NONE else other)
