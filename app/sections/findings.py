"""One sentence under a map: where its weight lies, or what moved, and a way to see a map that is nearly even."""

from __future__ import annotations

import streamlit as st

from perceiver.analysis.sentences import change_sentence, nearly_even, weight_sentence
from perceiver.analysis.summary import WEIGHTS
from perceiver.plots.block_maps import BlockMap

from ..services import inference
from ..session import state, text
from ..session.view import View
from .context import PageContext


def map_sentence(context: PageContext[View], one: BlockMap, reference: str = "") -> str:
    """What a map says, escaped for Markdown; "" for maps whose values are no weights.

    reference  what a difference is from, where it is not from another block: "the whole encoding"
    """
    subject, what = f"block {one.block + 1}", one.range.what
    if what not in WEIGHTS:
        return ""
    axes = inference.along(context.case)
    if not one.range.signed:
        noun = "weight" if what == "probability" else "value-weighted attention"
        return text.plain(weight_sentence(one.values, axes, subject.capitalize(), noun))
    # Other maps have no sum in common, so their differences are no shares.
    if what != "probability" or context.view.reduce not in ("mean", "latent"):
        return ""
    base = reference or f"block {(one.block if one.base is None else one.base) + 1}"
    return text.plain(change_sentence(one.values, axes, subject, base))


def show(context: PageContext[View], one: BlockMap, reference: str = "") -> None:
    """Draws the sentence of a map; for a map that is nearly even also a button that draws every map on its own scale,
    which shows what the shared scale does not."""
    told = map_sentence(context, one, reference)
    if not told:
        return
    even = not one.range.signed and one.range.comparable and nearly_even(one.values)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(told, width="content")
        if even:
            st.button(
                "Show on its own scale",
                key=f"own_scale_{context.case.model}_{one.block}",
                type="tertiary",
                icon=":material/contrast:",
                on_click=state.change,
                kwargs={"scale": "per_map"},
                help="On the shared scale a map that is nearly even has one colour. Its own scale shows the small "
                "differences; colours are then not comparable between maps.",
            )
