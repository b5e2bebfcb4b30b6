"""The two ends of the strip: the input as the model read it, and the predicted classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis.formatting import percent

from ..components import Row, ranking
from ..services import inference
from ..session import state, text
from ..session.rules import UPLOADED
from ..session.text import label, plain
from ..session.view import View
from ..views.base import Inside, OnPick, OnRegion
from . import drawing_pad, model_choice, strip
from .context import PageContext

TOP = 4
"""Classes that are listed, beside those that matter for another reason."""


def model_input(
    context: PageContext[View],
    *,
    does: str = "",
    on_pick: OnPick | None = None,
    inside: Inside | None = None,
    on_region: OnRegion | None = None,
) -> None:
    """The first column of the strip: the input as the model read it, under its heading.

    does       what picking an element does
    on_pick    called with the element that is picked; by default it is marked
    inside     the elements of the selected region
    on_region  called with the region that is selected; None where none can be
    """
    input_heading(context, does)
    input_canvas(context, on_pick=on_pick, inside=inside, on_region=on_region)


def input_heading(context: PageContext[View], does: str = "") -> None:
    """The heading of the input. `does` says what picking an element does."""
    does = does or f"Pick a {context.modality.spot} to see which latents attend to it."
    strip.heading("Model input", f"The input array, as the model read it. {does}")


def input_canvas(
    context: PageContext[View],
    *,
    on_pick: OnPick | None = None,
    inside: Inside | None = None,
    on_region: OnRegion | None = None,
) -> None:
    """The input as the model read it, as `model_input` draws it."""
    modality, sample = context.modality, context.sample
    picked = on_pick or (lambda element: state.change(pick=element))
    modality.seen(sample, context.view.pick, picked, hint=modality.size(sample), inside=inside, on_region=on_region)


def answer(context: PageContext[View]) -> None:
    """The most probable classes."""
    predictions(inference.probabilities(context.case, context.progress)[-1], context.config.class_names, context.truth)


def scope(context: PageContext[View]) -> None:
    """What the checkpoint was trained to know, which an input of the visitor's may lie outside of, and its classes."""
    labels, said, sample = context.config.class_names, model_choice.scope(context.case.model), context.view.sample
    foreign = sample.startswith(UPLOADED) and not drawing_pad.is_drawing(sample)
    if said and foreign:
        st.caption(text.plain(said))
    with st.popover(
        f"Knows {len(labels):,} classes", type="tertiary", width="content", help="All classes the model can answer."
    ):
        if said and not foreign:
            st.caption(text.plain(said))
        st.markdown(", ".join(text.plain(text.label(name)) for name in labels))
    suggestion = context.modality.suggestion
    if suggestion and foreign and said:  # a model that comes with the project: these know a few classes
        st.button(
            suggestion.label,
            icon=":material/download:",
            type="tertiary",
            on_click=state.change,
            kwargs={"model": suggestion.model},
            help=suggestion.help,
        )


def block_shares(context: PageContext[View]) -> dict[int, float]:
    """The probability of the answer from the latents after each block, by block."""
    probabilities = inference.probabilities(context.case, context.progress)
    return {block: float(row[probabilities[-1].argmax()]) for block, row in enumerate(probabilities)}


def later_shares(context: PageContext[View]) -> str:
    """The probability of the answer after the blocks that have no map to stand under, in a sentence."""
    blocks = context.config.cross_attention_blocks
    told = [
        f"{percent(share)} (block {block + 1})" for block, share in block_shares(context).items() if block not in blocks
    ]
    return f"P({answer_name(context)}) after them: {', '.join(told)}."


def answer_name(context: PageContext[View]) -> str:
    """The name of the most probable class, escaped for Markdown."""
    best = int(inference.probabilities(context.case, context.progress)[-1].argmax())
    return text.plain(text.label(context.config.class_names[best]))


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
        return f"Correct: labelled {plain(truth)}."
    return f"Wrong: labelled {plain(truth)}, ranked {rank} of {classes}."
