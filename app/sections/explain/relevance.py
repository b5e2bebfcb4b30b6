"""The relevance of the input for a class, and the part of it that came in through each block."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import streamlit as st

from perceiver.analysis.explanation import Question
from perceiver.analysis.formatting import percent
from perceiver.analysis.relevance import Relevance
from perceiver.analysis.sentences import evidence_sentence, reading_sentence
from perceiver.plots.block_maps import BlockMap

from ...components import Tile
from ...services import explanation, inference
from ...session import state, text
from .. import strip
from ..context import ExplainContext
from ..predictions import model_input
from .question import MEANINGS, predictions, question_text, request
from .share_maps import pointing_hint, scale_text, share_maps

MEANING = "Each element’s share of the evidence for the class, as a multiple of uniform."


def strip_of_blocks(context: ExplainContext, question: Question, names: tuple[str, ...]) -> Relevance | None:
    """The strip: the input, the part of the relevance that came in through each block, and the answer. Returns the
    relevance; None where it is not computed yet."""
    signed = question.against is not None
    blocks = context.config.cross_attention_blocks
    given, maps, answer = strip.columns(len(blocks))
    with given:
        model_input(context, does=f"Pick a {context.modality.spot} to mark it on every map.")
    with answer:
        strip.heading("Prediction", "The most probable classes. Click one to explain it.")
        predictions(context, question)
    with maps:
        heading = f"Relevance for {text.plain(question_text(question, names))} by block"
        strip.heading(heading, MEANING, note=f"Share of the {_what(signed)}")
        found = _relevance(context, question)
        if found is None:
            return None
        parts = share_maps(list(found.maps), signed=signed, blocks=blocks)
        _parts(context, parts, [float(share) for share in found.shares], blocks, signed)
        if reads := reading_sentence(context.config.plan):
            st.caption(reads)
    return found


def large(context: ExplainContext, question: Question, names: tuple[str, ...], found: Relevance | None) -> None:
    """The map of one block, or of all together, and what it says."""
    if found is None:
        st.caption("Not computed yet.")
        return
    signed = question.against is not None
    blocks, part = context.config.cross_attention_blocks, context.view.part
    total = share_maps([found.total], signed=signed)[0]
    one = total
    if part in blocks:
        one = share_maps(list(found.maps), signed=signed, blocks=blocks)[blocks.index(part)]
    shown, beside = st.columns([10, 11], gap="medium")
    with shown:
        _large(context, question, names, one, together=one is total)
    with beside:
        st.subheader("What it says", anchor=False)
        noun = "relevance" if one is total else f"relevance through block {one.block + 1}"
        if told := evidence_sentence(one.values, inference.along(context.case), noun):
            st.markdown(text.plain(told))
        st.markdown(_largest_part(found.shares, blocks, signed))
        st.markdown(_colour_text(context, question, names))
        st.caption(f"{scale_text(one.range, alone=one is total)} {MEANINGS[question.relevance]}")


def _relevance(context: ExplainContext, question: Question) -> Relevance | None:
    """The relevance, which is computed at once if that is quick; else a button that starts it."""
    left = explanation.maps_left(context.case, question, ("relevance",))
    if not left:
        return explanation.class_relevance(context.case, question, context.progress)
    place = st.empty()
    with place.container():
        work = request(context, question, "relevance", "Compute class relevance", left).show()
    if work.progress is None:
        return None
    found = explanation.class_relevance(context.case, question, work.progress)
    place.empty()
    return found


def _parts(
    context: ExplainContext,
    parts: Sequence[BlockMap],
    shares: Sequence[float],
    blocks: tuple[int, ...],
    signed: bool,
) -> None:
    part = context.view.part
    tiles = [
        Tile(
            f"Block {block + 1}",
            note=percent(share),
            share=abs(share),
            alt=f"Block {block + 1}, {percent(share)} of the {_what(signed)}.",
        )
        for block, share in zip(blocks, shares, strict=True)
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
        tile=strip.TILE,
    )


def _large(
    context: ExplainContext, question: Question, names: tuple[str, ...], one: BlockMap, *, together: bool
) -> None:
    of = "all blocks together" if together else f"through block {one.block + 1}"
    with nullcontext() if together else st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"{of[:1].upper()}{of[1:]}", anchor=False)
        if not together:
            st.button(
                "Show all blocks together",
                type="tertiary",
                on_click=state.change,
                kwargs={"part": None},
                help="The sum of the relevance that came in through all blocks.",
            )
    context.modality.large(
        context.sample,
        one,
        context.paint,
        f"Relevance for {question_text(question, names)}, {of}",
        context.view.pick,
        lambda element: state.change(pick=element),
        key="relevance",
        hint=pointing_hint(context.modality.spot),
        limit=448,
    )


def _what(signed: bool) -> str:
    return "difference" if signed else "relevance"


def _colour_text(context: ExplainContext, question: Question, names: tuple[str, ...]) -> str:
    if question.against is None:
        more = "Darker" if context.view.colours == "greys" else "Brighter"
        return f"{more}: more relevant to “{text.plain(names[question.target])}”."
    one, other = (text.plain(names[i]) for i in (question.target, question.against))
    return f"Red: more relevant to “{one}” than to “{other}”; blue: the other way round."


def _largest_part(shares: np.ndarray, blocks: tuple[int, ...], signed: bool) -> str:
    """The block that most of the relevance came in through."""
    if len(blocks) == 1:
        return "One block reads the input, so all of the relevance comes in there."
    most = int(shares.argmax())
    share, block = percent(float(shares[most])), blocks[most] + 1
    return f"Block {block} brought in the largest part of the {_what(signed)}, {share}."
