"""Ablate: what happens when frequencies of the position encoding are removed."""

from __future__ import annotations

import streamlit as st

from app.sections import downloads, maps
from app.sections.ablate import answers, encoding, map_changes, permutation, sensitivity
from app.sections.ablate import downloads as ablation_downloads
from app.sections.context import AblateContext, run_page
from app.sections.header import contents
from app.services import ablation, inference
from app.services.maps import block_maps
from app.session.view import AblateView
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import AnswerChange


def page(context: AblateContext) -> None:
    """The whole page, top to bottom; what is quick comes first."""
    removed = encoding.removed(context)
    frequencies = any(axis.frequencies for axis in ablation.axes(context.case))
    sections = {
        **({"differences": "Differences of the maps"} if removed else {}),
        **({"sensitivity": "Sensitivity by frequency"} if frequencies else {}),
        "permutation": "Permutation of the input",
    }
    encoding.switches(context, removed, lambda: contents(sections))
    change = ablation.answer_change(context.case, removed, context.progress)
    target = answers.target_class(context, change.before)
    _blocks(context, removed, change, target)
    # The sweep may take its time, and whatever the visitor does next ends it.
    sweep = st.container()
    permutation.show(context, target)
    with sweep:
        if frequencies:
            sensitivity.show(context, removed, target)
    context.progress.done()


def _blocks(context: AblateContext, removed: Ablation, change: AnswerChange, target: int) -> None:
    """The maps of all blocks and the answers, before and after."""
    selection = maps.selection_of(context)
    words = maps.selection_text(selection, context.config.cross_heads)

    def choose_target() -> None:
        answers.choose_target(context, change.probabilities_before, target)

    if not removed:
        before = block_maps(context.case, selection, context.view.scale, context.progress)
        map_changes.before(context, before, target, choose_target)
        maps.toolbar(context, selection, menu=lambda: downloads.menu(context, selection, before, words))
        return
    changes = ablation.map_changes(context.case, selection, removed, context.view.scale, context.progress)
    shares = (
        inference.probabilities(context.case, context.progress),
        ablation.probabilities(context.case, removed, context.progress),
    )
    after = ablation.sample_after(context.case, removed)
    map_changes.rows(context, changes, after, shares, change, target, choose_target)
    maps.toolbar(
        context,
        selection,
        menu=lambda: ablation_downloads.menu(context, removed, change, target, changes, selection, words),
    )
    map_changes.large(context, map_changes.differences(context, changes), words, after)


run_page(AblateView, page)
