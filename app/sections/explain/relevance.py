"""The relevance of the input for a class, and the part of it that came in through each block."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from perceiver.analysis.explanation import Question
from perceiver.analysis.formatting import percent

from ...components import Tile
from ...services import explanation
from ...session import controls, state, text
from ..context import ExplainContext
from .question import question_text
from .share_maps import pointing_hint, scale_text, share_maps

METHODS: Mapping[str, str] = {"gradient": "Gradients", "rollout": "Rollout"}
MEANINGS: Mapping[str, str] = {
    "gradient": "Attention is followed from the head back through all towers and cross-attentions, every weight "
    "counted by how much the class gains from it (after Chefer, Gur and Wolf 2021).",
    "rollout": "Attention is followed from the head back through all towers and cross-attentions as it is: only the "
    "start, the head's weights over the latents, knows the class (after Abnar and Zuidema 2020).",
}

FEW = 4
"""Blocks whose maps are shown as large as on the Explore page; more of them are smaller."""


def show(context: ExplainContext, question: Question, names: tuple[str, ...]) -> None:
    """One large map, and a map for each block."""
    found = explanation.class_relevance(context.case, question, context.progress)
    signed = question.against is not None
    blocks, part = found.blocks, context.view.part
    total = share_maps([found.total], signed=signed)[0]
    parts = share_maps(list(found.maps), signed=signed, blocks=blocks)
    st.caption(_colour_text(context, question, names))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        controls.segments("Worked out by", "method", METHODS, question.relevance)
        if len(blocks) > 1:
            # The same as a click on a block's map.
            names_of: dict[int | None, str] = {block: f"Block {block + 1}" for block in blocks}
            controls.select("Shown large", "part", {None: "All blocks"} | names_of, part, width=150)
    large, split = st.columns([10, 11], gap="medium")
    one = total if part is None or part not in blocks else parts[blocks.index(part)]
    of = "all blocks together" if one is total else f"through block {one.block + 1}"
    with large:
        context.modality.large(
            context.sample,
            one,
            context.paint,
            f"Relevance for {question_text(question, names)}, {of}",
            context.view.pick,
            lambda element: state.change(pick=element),
            key="relevance",
            hint=pointing_hint(context.modality.spot),
            limit=576,
        )
        st.caption(f"{of[:1].upper()}{of[1:]}. {scale_text(one.range, alone=one is total)}")
    with split:
        tiles = [
            Tile(
                f"Block {block + 1}",
                note=percent(float(share)),
                alt=f"Block {block + 1}, {percent(float(share))} of the {'difference' if signed else 'relevance'}.",
            )
            for block, share in zip(blocks, found.shares, strict=True)
        ]
        context.modality.row(
            context.sample,
            parts,
            tiles,
            context.paint,
            None if part is None else blocks.index(part),
            context.view.pick,
            lambda index: state.change(part=None if blocks[index] == part else blocks[index]),
            key="parts",
            name="Relevance by block",
            tile=220 if len(blocks) <= FEW else 130,
        )
        st.caption(
            f"{_largest_part(found.shares, blocks, signed)} {scale_text(parts[0].range)} {MEANINGS[question.relevance]}"
        )


def _colour_text(context: ExplainContext, question: Question, names: tuple[str, ...]) -> str:
    if question.against is None:
        more = "Darker" if context.view.colours == "greys" else "Brighter"
        return f"{more}: more of “{text.plain(names[question.target])}” rests on it."
    one, other = (text.plain(names[i]) for i in (question.target, question.against))
    return f"Red: “{one}” rests on it more than “{other}” does; blue: the other way round."


def _largest_part(shares: np.ndarray, blocks: tuple[int, ...], signed: bool) -> str:
    """The block that most of the relevance came in through."""
    if len(blocks) == 1:
        return "One block reads the input, so all of it came in there."
    most = int(shares.argmax())
    what = "difference" if signed else "relevance"
    return f"The largest part of the {what}, {percent(float(shares[most]))}, came in through block {blocks[most] + 1}."
