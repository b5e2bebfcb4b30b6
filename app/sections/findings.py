"""One sentence under a map: where its weight lies, or what moved, and a way to see a map that is nearly even."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from perceiver.analysis.sentences import change_sentence, nearly_even, parts_sentence, weight_sentence
from perceiver.analysis.summary import WEIGHTS
from perceiver.plots.block_maps import BlockMap
from perceiver.sample import Sample, filled

from ..services import inference
from ..services.samples import describe
from ..session import state, text
from ..session.view import View
from .context import PageContext


def map_sentence(context: PageContext[View], one: BlockMap, reference: str = "", part: str = "") -> str:
    """What a map says, escaped for Markdown; "" for maps whose values are no weights.

    reference  what a difference is from, where it is not from another block: "the whole encoding"
    part       the parts whose scores the map is of, in words; "" for all
    """
    alone = f", by {part} alone," if part else ""
    subject, what = f"block {one.block + 1}{alone}", one.range.what
    if what not in WEIGHTS:
        return ""
    axes = inference.along(context.case)
    words = describe(context.sample.modality).parts
    if not one.range.signed and what == "probability" and len(words) > 1 and not nearly_even(one.values):
        return text.plain(_of_parts(context.sample, one, subject.capitalize(), words))
    if not one.range.signed:
        noun = "weight" if what == "probability" else "value-weighted attention"
        return text.plain(weight_sentence(one.values, axes, subject.capitalize(), noun))
    # Other maps have no sum in common, so their differences are no shares.
    if what != "probability" or context.view.reduce not in ("mean", "latent"):
        return ""
    base = reference or f"block {(one.block if one.base is None else one.base) + 1}"
    return text.plain(change_sentence(one.values, axes, subject, base))


def _of_parts(sample: Sample, one: BlockMap, subject: str, words: Mapping[str, str]) -> str:
    """How a map is shared among the parts of the input; "" for one that has a single part."""
    parts = [part for part in sample.parts if part.name in words]
    total = float(one.values.sum(dtype=np.float64))
    if len(parts) < 2 or not total > 0:
        return ""
    split = sample.split(one.values)
    shares = [float(split[part.name].sum(dtype=np.float64)) / total for part in parts]
    even = [part.count / one.values.size for part in parts]
    padding = [words[part.name] for part in parts if filled(sample, part.name)]
    return parts_sentence(subject, [words[part.name] for part in parts], shares, even, padding)


def show(context: PageContext[View], one: BlockMap, reference: str = "", part: str = "") -> None:
    """Draws the sentence of a map; for a map that is nearly even also a button that draws every map on its own scale,
    which shows what the shared scale does not."""
    told = map_sentence(context, one, reference, part)
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
