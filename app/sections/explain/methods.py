"""The maps of several methods side by side, and one of them large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from perceiver.analysis.explanation import Explanation, Question
from perceiver.analysis.formatting import number, percent
from perceiver.analysis.methods import METHODS
from perceiver.analysis.sentences import evidence_sentence
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.explanations import compared_text

from ...components import Tile
from ...services import explanation, inference
from ...services.ablation import QUICK
from ...session import state, text
from ..context import ExplainContext
from ..on_request import Work
from .question import question_text, request
from .share_maps import pointing_hint, scale_text, share_maps

TILE = 112
"""Least width of a map in CSS pixels: six stand side by side."""


def available_maps(context: ExplainContext, question: Question) -> dict[str, Explanation]:
    """The maps that are known, and those of quick methods if all of them take little time, by method."""
    case, keys = context.case, explanation.methods(context.case)
    found = {one.method: one for one in explanation.known(case, question).maps}
    quick = [key for key in keys if not METHODS[key].slow and key not in found]
    if explanation.maps_left(case, question, quick) <= QUICK:
        found |= {key: explanation.explain(case, question, key, context.progress) for key in quick}
    return {key: found[key] for key in keys if key in found}


def known_maps(context: ExplainContext, question: Question) -> dict[str, BlockMap]:
    """The maps that are known, as they are drawn side by side, by method."""
    found = {one.method: one for one in explanation.known(context.case, question).maps}
    shown: dict[str, BlockMap] = {}
    for side in _sides(explanation.methods(context.case), found):
        shown |= {key: one for key, one in zip(side, _maps(context, side, found), strict=True) if key in found}
    return shown


def show(context: ExplainContext, question: Question, names: tuple[str, ...]) -> Work | None:
    """The maps in a row, unsigned ones apart from signed ones, and one of them large. Returns the work on those that
    are missing; None if there are none."""
    found = available_maps(context, question)
    keys = explanation.methods(context.case)
    chosen = context.view.by if context.view.by in keys else "attention"
    st.caption(
        "Every map in the same unit: an element's share of all that the map holds, as a multiple of uniform. "
        "Attention, saliency and relevance have no sign; the others say what speaks for the class (red) and "
        "against it (blue)."
        if question.against is None
        else "Every map in the same unit: an element's share of all that the map holds, as a multiple of "
        f"uniform. Signed ones say what speaks for {question_text(question, names)} (red) and what against (blue)."
    )
    scores, asked = explanation.known(context.case, question).scores, question_text(question, names)
    missing = [key for key in keys if key not in found]
    work = None
    if missing:
        label = METHODS[missing[0]].lower_label if len(missing) == 1 else f"the {len(missing)} other maps"
        left = explanation.maps_left(context.case, question)
        work = request(context, question, "maps", f"Compute {label}", left).show()
    sides = _sides(keys, found)
    shown: dict[str, BlockMap] = {}
    for column, side, name in zip(
        st.columns([len(side) for side in sides], gap="small"), sides, ("sequential", "signed"), strict=True
    ):
        maps = _maps(context, side, found)
        shown |= {key: one for key, one in zip(side, maps, strict=True) if key in found}
        with column:
            context.modality.row(
                context.sample,
                maps,
                [_tile(key, found, scores) for key in side],
                context.paint,
                side.index(chosen) if chosen in side else None,
                context.view.pick,
                lambda index, side=side: state.change(by=side[index]),  # type: ignore[misc]
                key=name,
                name=f"{'Signed maps' if name == 'signed' else 'Maps without a sign'} of {asked}",
                tile=TILE,
            )
    _large(context, question, names, chosen, found, shown, scores)
    return work


def _sides(keys: Sequence[str], found: Mapping[str, Explanation]) -> tuple[list[str], list[str]]:
    """The methods whose maps have no sign, and those whose maps have one. A map that is not computed yet has its place
    already, a slow one among the signed ones."""
    signed = {key: found[key].signed if key in found else METHODS[key].signed for key in keys}
    return [key for key in keys if not signed[key]], [key for key in keys if signed[key]]


def _maps(context: ExplainContext, keys: Sequence[str], found: Mapping[str, Explanation]) -> tuple[BlockMap, ...]:
    """The maps of one side on one colour scale; an empty one where a map is still to come."""
    signed = any(found[key].signed for key in keys if key in found)
    empty = np.zeros(context.sample.shape)
    return share_maps([found[key].shares if key in found else empty for key in keys], signed=signed)


def _tile(key: str, found: Mapping[str, Explanation], scores: Mapping[str, Any]) -> Tile:
    facts = []
    for direction in ("deletion", "insertion"):
        area, chance = ((getattr(scores[one], direction).area if one in scores else None) for one in (key, "random"))
        told = "–" if area is None else f"{area:.2f}"
        facts.append((direction, told if chance is None else f"{told}, random {chance:.2f}"))
    note = "" if key in found else "not computed"
    about = METHODS[key]
    return Tile(about.label, note=note, facts=tuple(facts), alt=f"{about.label}. {about.description}")


def _large(
    context: ExplainContext,
    question: Question,
    names: tuple[str, ...],
    key: str,
    found: Mapping[str, Explanation],
    shown: Mapping[str, BlockMap],
    scores: Mapping[str, Any],
) -> None:
    """One map large, and what it means."""
    large, beside = st.columns([10, 11], gap="medium")
    with large:
        st.subheader(METHODS[key].label, anchor=False)
        if key in shown:
            context.modality.large(
                context.sample,
                shown[key],
                context.paint,
                f"{METHODS[key].label} for {question_text(question, names)}",
                context.view.pick,
                lambda element: state.change(pick=element),
                key="closely",
                hint=pointing_hint(context.modality.spot),
                limit=448,
            )
        else:
            st.caption("Not computed yet.")
    with beside:
        st.subheader("What it says", anchor=False)
        st.markdown(METHODS[key].description)
        if key in found:
            noun = "positive part" if found[key].signed else "map"
            if told := evidence_sentence(found[key].shares, inference.along(context.case), noun):
                st.markdown(text.plain(told))
        if key in found and (complete := completeness(found[key])):
            st.markdown(complete)
        if {key, "random"} <= scores.keys():
            st.markdown(compared_text(scores, key))
        if key in shown:
            st.caption(scale_text(shown[key].range))


def completeness(one: Explanation) -> str:
    """How far a map's values add up to what they should; "" where the method promises nothing."""
    if one.completeness is None or one.change is None:
        return ""
    change = f"Its values should add up to what the input adds to the baseline's logit, {number(one.change)}"
    error = f"they miss it by {number(one.completeness)}"
    relative = f" ({percent(one.completeness / abs(one.change))})" if one.change else ""
    return f"{change}; {error}{relative}."
