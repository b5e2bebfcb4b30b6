"""The input as the model read it, and the predicted classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis.formatting import percent

from ..components import Row, ranking
from ..services import inference
from ..session import state
from ..session.text import label, plain, sentence
from ..session.view import View
from .context import PageContext

TOP = 5
"""Classes that are listed, beside those that matter for another reason."""


def input_and_predictions(context: PageContext[View]) -> None:
    """Input and predictions side by side."""
    probabilities = inference.probabilities(context.case, context.progress)
    pictures, answer = st.columns([2, 1], gap="small")
    with pictures, st.container(key="given"):
        given, read = st.columns(2, gap="small")
        with given:
            st.subheader(f"The {context.modality.noun}", anchor=False)
            context.modality.original(context.case, context.sample)
        with read:
            st.subheader("As the model read it", anchor=False)
            context.modality.seen(context.sample, context.view.pick, lambda element: state.change(pick=element))
            input_caption(context)
    with answer:
        st.subheader("Prediction", anchor=False)
        predictions(probabilities[-1], context.config.labels, context.truth)
        _after_each_block(probabilities, context.config.labels)


def input_caption(context: PageContext[View]) -> None:
    """The size of what the model read, and notes on what was changed."""
    size = context.modality.size(context.sample)
    st.caption("  \n".join([f"{size}.", *map(sentence, context.sample.notes)]))


def predictions(
    probabilities: Float[np.ndarray, "classes"], labels: Sequence[str], truth: str, *, key: str = "predictions"
) -> None:
    """The most probable classes, the true one, and whether the model is right."""
    order = ranked(probabilities)
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


def ranked(values: Float[np.ndarray, "classes"]) -> list[int]:
    """The classes by their logits or probabilities, the highest first."""
    return [int(i) for i in np.argsort(-values, kind="stable")]


def verdict(truth: str, rank: int, classes: int) -> str:
    """Whether the model is right, in words."""
    if rank == 1:
        return f"Right: it is labelled {plain(truth)}."
    return f"Wrong: it is labelled {plain(truth)}, which the model ranks {rank} of {classes}."


def _after_each_block(probabilities: Float[np.ndarray, "blocks classes"], labels: Sequence[str]) -> None:
    """The probability of the answer if the model had stopped after each block."""
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
