"""Ablate: what happens when frequencies of the position encoding, or elements of the input, are removed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

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
from perceiver.analysis.change import AnswerChange
from perceiver.lens import BlockChange

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
    shown = strip_that_follows(context, partial(_strips, encoded=encoded), by_hand=by_hand)
    if shown.changes is None:
        before = block_maps(context.case, selection, context.view.scale, context.progress)
        maps.toolbar(context, selection, menu=lambda: downloads.menu(context, selection, before, words))
        return shown.target
    removed, changes = shown.removed, shown.changes
    menu = partial(ablation_downloads.menu, context, removed, shown.change, shown.target, changes, selection, words)
    maps.toolbar(context, selection, menu=menu)
    whole = "the whole input" if removed.erased or removed.without else "the whole encoding"
    after = ablation.sample_after(context.case, removed)
    map_changes.large(context, map_changes.differences(context, changes), words, after, whole)
    return shown.target


@dataclass(frozen=True)
class _Shown:
    """What the strips show; `changes` of the maps are None where nothing is removed."""

    removed: Ablation
    change: AnswerChange
    target: int
    changes: Sequence[BlockChange] | None = None


def _strips(context: AblateContext, encoded: Ablation) -> _Shown:
    """The strips before and after, or one where nothing is removed; beside them the input, where it is worked on.

    encoded  what is removed from the position encoding
    """
    selection, by_hand = maps.selection_of(context), context.view.removes == "elements"
    removed = dataclasses.replace(encoded, erased=elements.erased(context))
    change = ablation.answer_change(context.case, removed, context.progress)
    target = answers.target_class(context, change.before)

    def choose_target() -> None:
        answers.choose_target(context, change.probabilities_before, target)

    strips: DeltaGenerator | nullcontext[None] = nullcontext()
    if by_hand:
        given, strips = st.columns([strip.LARGE_INPUT, strip.WIDTH - strip.LARGE_INPUT], gap="medium")
        with given, st.container(key="flow_input"):
            elements.canvas(context)
    if not removed:
        before = block_maps(context.case, selection, context.view.scale, context.progress)
        with strips:
            hint = map_changes.HINTS[context.view.removes]
            map_changes.before(context, before, target, choose_target, hint=hint, large=by_hand)
        return _Shown(removed, change, target)
    changes = ablation.map_changes(context.case, selection, removed, context.view.scale, context.progress)
    shares = (
        inference.probabilities(context.case, context.progress),
        ablation.probabilities(context.case, removed, context.progress),
    )
    after = ablation.sample_after(context.case, removed)
    with strips:
        map_changes.rows(context, changes, after, shares, change, target, choose_target, large=by_hand)
    return _Shown(removed, change, target, changes)


run_page(AblateView, page)
