"""The answer, and the input as the model read it: the first thing to be seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis.formatting import percent

from ..components import Row, ranking
from ..services import compute
from ..session import state
from ..session.text import label, plain, sentence, verdict
from .scene import Scene

TOP = 5


def overview(scene: Scene) -> None:
    """Input and predictions side by side."""
    shown, sample = scene.shown, scene.sample
    probabilities = compute.probabilities(scene.case, scene.progress)
    pictures, answer = st.columns([2, 1], gap="small")
    with pictures, st.container(key="given"):
        given, read = st.columns(2, gap="small")
        with given:
            st.subheader(f"The {shown.noun}", anchor=False)
            shown.original(scene.case, sample)
        with read:
            st.subheader("As the model read it", anchor=False)
            shown.seen(sample, scene.view.pick, lambda element: state.change(pick=element))
            st.caption("  \n".join([f"{shown.size(sample)}.", *map(sentence, sample.notes)]))
    with answer:
        st.subheader("Prediction", anchor=False)
        predictions(probabilities[-1], scene.config.labels, scene.truth)
        _formed(probabilities, scene.config.labels)


def predictions(
    probabilities: Float[np.ndarray, "classes"], labels: Sequence[str], truth: str, *, key: str = "predictions"
) -> None:
    """The most probable classes, and the true one with a word on whether the model is right."""
    order = [int(i) for i in np.argsort(-probabilities, kind="stable")]
    rows = order[:TOP] + [i for i in order[TOP:] if labels[i] == truth]
    ranking(
        [
            Row(
                name=label(labels[i]),
                share=float(probabilities[i]),
                text=percent(float(probabilities[i])),
                note="true label" if labels[i] == truth else "",
                strong=i == order[0],
            )
            for i in rows
        ],
        key=key,
        label="Predictions with their probabilities",
    )
    if truth in labels:
        st.caption(verdict(label(truth), order.index(labels.index(truth)) + 1, len(labels)))


def _formed(probabilities: Float[np.ndarray, "blocks classes"], labels: Sequence[str]) -> None:
    """How probable the answer was already, had the model stopped after each block."""
    if len(probabilities) == 1:
        return
    answer = int(probabilities[-1].argmax())
    st.caption(f"How sure of “{plain(label(labels[answer]))}” it was after each block:")
    ranking(
        [
            Row(name=f"Block {i + 1}", share=float(row[answer]), text=percent(float(row[answer])))
            for i, row in enumerate(probabilities)
        ],
        key="formed",
        label="Probability of the answer after each block",
    )
