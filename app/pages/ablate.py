"""Ablate: what happens when frequencies of the position encoding, or elements of the input, are removed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from app.sections import downloads, maps, strip
from app.sections.ablate import answers, elements, encoding, map_changes, permutation, sensitivity
from app.sections.ablate import downloads as ablation_downloads
from app.sections.context import AblateContext, run_page
from app.sections.following import strip_that_follows
from app.sections.header import contents
from app.services import ablation, inference
from app.services.maps import block_maps
from app.session import controls, text
from app.session.view import AblateView
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import AnswerChange, softmax
from perceiver.plots.block_maps import BlockMap
from perceiver.sample import Sample

REMOVES = {"encoding": "Position encoding", "elements": "Elements"}


def page(context: AblateContext) -> None:
    """The whole page, top to bottom; what is quick comes first."""
    encoded = encoding.removed(context)
    removed = dataclasses.replace(encoded, erased=elements.erased(context))
    by_hand = context.view.removes == "elements"
    frequencies = not by_hand and any(axis.frequencies for axis in ablation.axes(context.case))
    sections = {
        **({"differences": "Differences of the maps"} if removed else {}),
        **({"sensitivity": "Sensitivity by frequency"} if frequencies else {}),
        "permutation": "Permutation of the input",
    }

    def beside() -> None:
        """What stands beside the first heading."""
        controls.segments(
            "Remove",
            "removes",
            REMOVES,
            context.view.removes,
            label_visibility="collapsed",
            help="What the controls remove. What either has removed stays removed.",
        )
        contents(sections)

    if by_hand:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            strip.heading("Elements of the input")
            beside()
        elements.tools(context)
    else:
        encoding.switches(context, encoded, beside)
    if other := ablation.words(context.case, encoded if by_hand else Ablation(erased=removed.erased)):
        st.caption(text.plain(f"Removed as well: {other}."))
    target = _blocks(context, encoded, by_hand=by_hand)
    # The sweep may take its time, and whatever the visitor does next ends it.
    sweep = st.container()
    permutation.show(context, target)
    with sweep:
        if frequencies:
            sensitivity.show(context, encoded, target)
    context.progress.done()


def _blocks(context: AblateContext, encoded: Ablation, *, by_hand: bool) -> int:
    """The maps of all blocks and the answers, before and after. Returns the target class."""
    selection = maps.selection_of(context)
    words = maps.selection_text(selection, context.config.cross_heads)
    shown = _by_hand(context, encoded) if by_hand else strip_that_follows(context, partial(_strips, encoded=encoded))
    removed = shown.removed
    if not removed:
        before = block_maps(context.case, selection, context.view.scale, context.progress)
        maps.toolbar(context, selection, menu=lambda: downloads.menu(context, selection, before, words))
        return shown.target
    changes = ablation.map_changes(context.case, selection, removed, context.view.scale, context.progress)
    menu = partial(ablation_downloads.menu, context, removed, shown.change, shown.target, changes, selection, words)
    maps.toolbar(context, selection, menu=menu)
    whole = "the whole input" if removed.erased or removed.without else "the whole encoding"
    after = ablation.sample_after(context.case, removed)
    map_changes.large(context, map_changes.differences(context, changes), words, after, whole)
    return shown.target


@dataclass(frozen=True)
class _Shown:
    """What the strips show.

    maps    of all blocks, before and after; before alone where nothing is removed
    shares  the probability of every class after every block, before and after
    after   the input with the removed elements marked
    """

    removed: Ablation
    change: AnswerChange
    target: int
    maps: Sequence[Sequence[BlockMap]]
    shares: tuple[np.ndarray, np.ndarray]
    after: Sample


def _work_out(context: AblateContext, encoded: Ablation) -> _Shown:
    """Runs the model without what is removed.

    encoded  what is removed from the position encoding
    """
    case, progress, scale = context.case, context.progress, context.view.scale
    selection, removed = maps.selection_of(context), dataclasses.replace(encoded, erased=elements.erased(context))
    change = ablation.answer_change(case, removed, progress)
    shown: Sequence[Sequence[BlockMap]]
    if removed:
        shown = ablation.maps_of_both(case, selection, removed, scale, progress)
    else:
        shown = (block_maps(case, selection, scale, progress),)
    shares = inference.probabilities(case, progress), ablation.probabilities(case, removed, progress)
    target, after = answers.target_class(context, change.before), ablation.sample_after(case, removed)
    return _Shown(removed, change, target, shown, shares, after)


def _strips(context: AblateContext, encoded: Ablation) -> _Shown:
    """The strips before and after, or one where nothing is removed."""
    shown = _work_out(context, encoded)
    choose = partial(answers.choose_target, context, shown.change.probabilities_before, shown.target)
    if shown.removed:
        map_changes.rows(context, shown.maps, shown.after, shown.shares, shown.change, shown.target, choose)
    else:
        map_changes.before(context, shown.maps[0], shown.target, choose)
    return shown


def _by_hand(context: AblateContext, encoded: Ablation) -> _Shown:
    """The input, on which elements are marked, and beside it the strips before and after, which follow a stroke."""
    before = inference.trace(context.case, context.progress).logits.numpy()
    target = answers.target_class(context, before)
    given, strips = st.columns([strip.LARGE_INPUT, strip.WIDTH - strip.LARGE_INPUT], gap="medium")
    with given, st.container(key="flow_input"):
        counted = elements.canvas(context)
    with strips:
        choose = partial(answers.choose_target, context, softmax(before), target)
        places = map_changes.lay_out(context, target, choose)

    def fill(context: AblateContext) -> _Shown:
        shown = _work_out(context, encoded)
        map_changes.fill(context, places, shown.maps, shown.after, shown.shares, shown.change, target)
        with counted:
            elements.count(context)
        return shown

    return strip_that_follows(context, fill, by_hand=True)


run_page(AblateView, page)
