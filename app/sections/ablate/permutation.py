"""The answer to an input whose elements, or whose contents, are permuted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from perceiver.analysis.formatting import count, number
from perceiver.analysis.permutation import Shuffled
from perceiver.plots import drawing
from perceiver.plots.drawing import Rearrangeable
from perceiver.plots.overlay import enlarge, png
from perceiver.sample import Sample

from ...services import ablation
from ...session import controls, state
from ..context import AblateContext
from . import answers

KINDS: Mapping[str, str] = {
    "elements": "Whole elements",
    "contents": "Contents alone",
    "blocks": "In blocks",
}
WHY: Mapping[str, str] = {
    "elements": "A Perceiver reads a set: elements that keep their position encodings may come in any order, and the "
    "answer stays the same (the paper, table 2).",
    "contents": "Contents go to the position encodings of other elements: the answer changes as far as the model uses "
    "positions.",
    "blocks": "Blocks of elements change places and keep their inside: the answer changes as far as the model uses "
    "positions across more than a block.",
}
"""What each permutation does to the answer."""
SIDES = (2, 4, 8, 16, 32, 64)
CELLS = (2, 3, 4, 6, 8)
WIDE = 300
"""Greatest width of the picture, in CSS pixels."""


def show(context: AblateContext, target: int) -> None:
    """The three permutations, the input under one of them, and the answer."""
    view = context.view
    sides = _sides(context.sample)
    side = min(sides, key=lambda one: abs(one - view.side))
    st.subheader("Permutation of the input", anchor="permutation", divider="gray")
    st.caption(WHY[view.shuffle])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        help = "Elements with their position encodings, their contents without them, or whole blocks of contents."
        controls.segments("Permute", "shuffle", KINDS, view.shuffle, help=help)
        if view.shuffle == "blocks":
            what = "Cells along a side" if context.sample.coordinates is not None else "Elements along a side"
            help = "The size of the blocks that change places."
            controls.select(what, "side", {one: str(one) for one in sides}, side, width=190, help=help)
        st.button(
            "Another order",
            icon=":material/shuffle:",
            on_click=state.change,
            kwargs={"seed": view.seed + 1},
            help=f"Permutes with another random seed; this is order {view.seed + 1}.",
        )
    size = side if view.shuffle == "blocks" else None
    found = ablation.permuted(context.case, view.shuffle, size, view.seed, context.progress)
    picture, after, changed = st.columns(3, gap="medium")
    with picture:
        st.markdown("**Model input, permuted**")
        said = _said(context, found)
        st.image(_picture(context.sample, found), width=WIDE, alt=said)
        st.caption(said)
    with after:
        st.markdown("**Prediction**")
        answer = found.answer
        answers.predictions(context, answer.probabilities_after, answer.probabilities_before, target, key="shuffled")
    with changed:
        st.markdown("**What changed**")
        st.markdown(_changed(context, found, target))


def _sides(sample: Sample) -> Sequence[int]:
    """Sizes of blocks that leave at least two of them."""
    if sample.coordinates is not None:
        return CELLS
    grids = [part.shape for part in sample.parts] or [sample.shape]
    return [side for side in SIDES if max(np.prod([n // side for n in grid]) for grid in grids) >= 2] or [1]


def _said(context: AblateContext, found: Shuffled) -> str:
    """The caption of the picture."""
    free = context.sample.coordinates is not None
    if found.shuffle == "elements":
        if free:
            return "The points in another order: each still lies where it lay."
        return (
            "In the new order. Every element still carries the position encoding of the place that it was taken from."
        )
    if free:
        if found.shuffle == "contents":
            return "Points have no content but their place, so every coordinate was handed to another point."
        cells = " × ".join([str(found.size)] * 3)
        return f"The {cells} cells of the cube have changed places, with what is in them."
    if found.shuffle == "contents":
        return "Every element now carries the position encoding of another place."
    kept = f" {count(found.kept)} elements at the far ends lie in no whole block and stay." if found.kept else ""
    return f"Blocks of {found.size} elements a side have changed places; within them, nothing has.{kept}"


def _changed(context: AblateContext, found: Shuffled, target: int) -> str:
    """What changed, as Markdown: nothing where the elements keep their position encodings."""
    largest = f"Largest change of a logit: {number(found.largest)}"
    if found.shuffle == "elements":
        return f"**Nothing.** {largest}, which is no more than the rounding of sums that are added up in another order."
    return "  \n".join((*answers.what_changed(context, found.answer, target), largest))


def _picture(sample: Sample, found: Shuffled) -> bytes:
    """The shuffled input as a picture: boxes of a grid in their new order, or points in their new places."""
    draws = drawing.get(sample.modality)
    if found.coordinates is not None:
        picture = draws.given(dataclasses.replace(sample, seen=found.coordinates))
    else:
        assert isinstance(draws, Rearrangeable)
        picture = draws.rearranged(sample, found.order)
    return png(enlarge(picture, max(1, round(2 * WIDE / picture.shape[1]))))
