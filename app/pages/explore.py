"""Explore: one input, one model, the map of every block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from app.sections import attention_to, downloads, map_checks, maps, part_shares, predictions, split, strip
from app.sections.context import ExploreContext, run_page
from app.sections.following import strip_that_follows
from app.services.maps import block_maps
from app.session import state
from app.session.view import ExploreView
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.sentences import reading_sentence
from perceiver.plots.block_maps import BlockMap


def page(context: ExploreContext) -> None:
    """The whole page, top to bottom; what is quick comes first."""
    _blocks(context)
    beyond = st.container()
    context.progress.done()
    # The rest may be slow, and whatever the visitor does next ends it.
    state.publish()
    with beyond:
        context.modality.beyond(context.case, context.sample)


def _blocks(context: ExploreContext) -> None:
    """The maps of all blocks, one block large, what attends to the marked part of the input, and the latents."""
    view = context.view
    parts = split.choices(context)
    found, one = strip_that_follows(context, _strip)
    selection = _selection(context)
    part = parts[view.split] if view.split else ""
    words = maps.selection_text(selection, context.config.cross_heads, part)
    menu = partial(downloads.menu, context, selection, found, words)
    maps.toolbar(context, selection, show=view.show, menu=menu, parts=parts)
    large, answer, latents = st.columns([21, 15, 16], gap="medium")
    with large:
        maps.large(context, one, words, part=part, **_marking(context))
        map_checks.show(context, one.block, selection)
    with answer:
        attention_to.show(context, selection)
    with latents:
        maps.latents(context, one.block, selection)
    part_shares.show(context)
    split.shares(context, selection)
    split.reads(context, selection)


def _strip(context: ExploreContext) -> tuple[Sequence[BlockMap], BlockMap]:
    """The input, the maps of all blocks, and the prediction. Returns the maps, and the chosen one."""
    selection, view = _selection(context), context.view
    since = None if view.show == "blocks" else view.show
    found = block_maps(context.case, selection, view.scale, context.progress, since=since)
    given, blocks, answer = strip.columns(len(found))
    with given:
        predictions.model_input(context, **_marking(context))
    with answer:
        predictions.answer(context)
    with blocks:
        note = f"P({predictions.answer_name(context)}) after each block"
        strip.heading("Cross-attention by block", f"{maps.CAVEAT} {map_checks.UNDER_MAPS}", note=note)
        one = maps.row(context, found, predictions.block_shares(context), map_checks.words(context, selection))
        if reads := reading_sentence(context.config.plan):
            st.caption(f"{reads} {predictions.later_shares(context)}")
    return found, one


def _selection(context: ExploreContext) -> MapSelection:
    """The maps that the view shows, of some parts of the scores alone where these are chosen."""
    return replace(maps.selection_of(context), part=context.view.split)


def _marking(context: ExploreContext) -> dict[str, Any]:
    """What marks elements and regions, and what is marked."""
    return {
        "on_pick": attention_to.choose_element,
        "inside": attention_to.inside(context),
        "on_region": attention_to.choose_region,
    }


run_page(ExploreView, page)
