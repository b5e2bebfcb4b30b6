"""Other ways to ask the same: maps of different methods side by side, and one of them closely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from perceiver.analysis.explanation import Explanation, Question
from perceiver.analysis.methods import METHODS
from perceiver.plots.explanations import NAMES, compared_text

from ...components import Tile
from ...services import explaining
from ...services.compute import BlockMap
from ...session import state
from ..scene import Scene
from . import words
from .shown import scaled, sentence

TILE = 140
"""Least width of a map in CSS pixels: six stand side by side."""


def quick(scene: Scene, question: Question) -> dict[str, Explanation]:
    """All maps that take no time, and slow ones that are there already, by method."""
    out = {}
    for key in explaining.keys(scene.case):
        found = explaining.known(scene.case, question, key)
        if found is None and not METHODS[key].slow:
            found = explaining.explained(scene.case, question, key, scene.progress)
        if found is not None:
            out[key] = found
    return out


def others(scene: Scene, question: Question, names: tuple[str, ...]) -> dict[str, BlockMap]:
    """The maps in a row, those from 0 apart from the signed ones; one of them large. Returns them by method."""
    found = quick(scene, question)
    keys = explaining.keys(scene.case)
    chosen = scene.view.by if scene.view.by in keys else "attention"
    st.caption(
        "Every map in the same unit: an element's share of all that the map holds, as a multiple of an even share. "
        "Attention, saliency and relevance have no sign; the others say what speaks for the class (red) and "
        "against it (blue)."
        if question.against is None
        else "Every map in the same unit: an element's share of all that the map holds, as a multiple of an even "
        f"share. Signed ones say what speaks for {words.asks(question, names)} (red) and what against (blue)."
    )
    scores = explaining.scores(scene.case, question)
    # A slow map that is not there yet has its place already, among the signed ones.
    signed = {key: found[key].signed if key in found else True for key in keys}
    sides = [[key for key in keys if signed[key] is side] for side in (False, True)]
    shown: dict[str, BlockMap] = {}
    for column, side in zip(st.columns([len(side) for side in sides], gap="small"), sides, strict=True):
        maps = _maps(scene, side, found)
        shown |= {key: one for key, one in zip(side, maps, strict=True) if key in found}
        with column:
            scene.shown.row(
                scene.sample,
                maps,
                [_tile(key, found, scores) for key in side],
                scene.paint,
                side.index(chosen) if chosen in side else None,
                scene.view.pick,
                lambda index, side=side: state.change(by=side[index]),  # type: ignore[misc]
                key="signed" if signed[side[0]] else "sequential",
                name=f"{'Signed maps' if signed[side[0]] else 'Maps without a sign'} of {words.asks(question, names)}",
                tile=TILE,
            )
    _closely(scene, question, names, chosen, found, shown, scores)
    return shown


def _maps(scene: Scene, keys: Sequence[str], found: Mapping[str, Explanation]) -> tuple[BlockMap, ...]:
    """The maps of one side on one scale; nothing yet where one is still to come."""
    signed = any(found[key].signed for key in keys if key in found)
    empty = np.zeros(scene.sample.shape)
    return scaled([found[key].shares if key in found else empty for key in keys], signed=signed)


def _tile(key: str, found: Mapping[str, Explanation], scores: Mapping[str, Any]) -> Tile:
    facts = []
    for direction in ("deletion", "insertion"):
        area, chance = ((getattr(scores[one], direction).area if one in scores else None) for one in (key, "random"))
        told = "…" if area is None else f"{area:.2f}"
        facts.append((direction, told if chance is None else f"{told}, random {chance:.2f}"))
    note = "" if key in found else "to come"
    return Tile(NAMES[key], note=note, facts=tuple(facts), alt=f"{NAMES[key]}. {METHODS[key].description}")


def _closely(
    scene: Scene,
    question: Question,
    names: tuple[str, ...],
    key: str,
    found: Mapping[str, Explanation],
    shown: Mapping[str, BlockMap],
    scores: Mapping[str, Any],
) -> None:
    """One map large, and what it is."""
    large, told = st.columns([10, 11], gap="medium")
    with large:
        st.subheader(NAMES[key], anchor=False)
        if key in shown:
            scene.shown.large(
                scene.sample,
                shown[key],
                scene.paint,
                f"{NAMES[key]} for {words.asks(question, names)}",
                scene.view.pick,
                lambda element: state.change(pick=element),
                key="closely",
                hint=words.spot(scene.shown.spot),
                limit=448,
            )
        else:
            st.skeleton(height=448)
    with told:
        st.subheader("What it says", anchor=False)
        st.markdown(METHODS[key].description)
        if key in found and (complete := words.completeness(found[key])):
            st.markdown(complete)
        if {key, "random"} <= scores.keys():
            st.markdown(compared_text(scores, key))
        if key in shown:
            st.caption(sentence(shown[key].range))
