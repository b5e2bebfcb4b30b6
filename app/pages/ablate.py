"""Ablate: what happens when frequencies of the position encoding are removed."""

from __future__ import annotations

import streamlit as st

from app.sections import downloads, maps
from app.sections.ablate import answers, encoding, map_changes, permutation, sensitivity
from app.sections.ablate import downloads as ablation_downloads
from app.sections.context import AblateContext, open_page, run_page
from app.services import ablation
from app.services.maps import block_maps
from app.session.view import AblateView
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import AnswerChange


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    opened = open_page(AblateView)
    if opened is None:
        return
    context, right = opened
    removed = encoding.removed(context)
    with right:
        encoding.switches(context, removed)
        change = ablation.answer_change(context.case, removed, context.progress)
        target = answers.target_class(context, change.before)
        answers.before_and_after(context, change, target, changed=bool(removed))
    st.divider()
    _blocks(context, removed, change, target)
    # The sweep may take its time, and whatever the visitor does next ends it.
    sweep = st.container()
    st.divider()
    permutation.show(context, target)
    with sweep:
        if any(axis.frequencies for axis in ablation.axes(context.case)):
            st.divider()
            sensitivity.show(context, removed, target)
    context.progress.done()


def _blocks(context: AblateContext, removed: Ablation, change: AnswerChange, target: int) -> None:
    """The maps of all blocks, before and after."""
    selection = maps.selection_of(context)
    words = maps.selection_text(selection, context.config.cross_heads)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What each block read", anchor=False, width="stretch")
        menu = st.container(horizontal=True, width="content")
    st.caption(f"{maps.colour_text(selection, 'blocks', context.view.colours)} {maps.CAVEAT}")
    maps.options(context, selection)
    if not removed:
        before = block_maps(context.case, selection, context.view.scale, context.progress)
        with menu:
            downloads.menu(context, selection, before, words)
        map_changes.before(context, before)
        return
    changes = ablation.map_changes(context.case, selection, removed, context.view.scale, context.progress)
    with menu:
        ablation_downloads.menu(context, removed, change, target, changes, selection, words)
    map_changes.large(context, map_changes.rows(context, changes), words)


run_page(page)
