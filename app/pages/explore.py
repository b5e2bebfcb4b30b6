"""Explore: one input, one model, the map of every block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

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
    places = _lay_out(context)
    found, one = strip_that_follows(context, partial(_fill, places=places))
    selection = _selection(context)
    part = parts[view.split] if view.split else ""
    words = maps.selection_text(selection, context.config.cross_heads, part)
    menu = partial(downloads.menu, context, selection, found, words)
    maps.toolbar(context, selection, show=view.show, menu=menu, parts=parts)
    large, beside = st.columns([21, 31], gap="medium")
    with beside:
        # The answer takes room from the latents once there is one.
        answer, latents = st.columns([15, 16], gap="medium") if attention_to.is_marked(view) else (beside, beside)
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


@dataclass(frozen=True)
class _Places:
    """What a drawing changes in the strip: the input, what stands beside the heading of the maps, the maps, and the
    answer."""

    given: DeltaGenerator
    note: DeltaGenerator
    blocks: DeltaGenerator
    answer: DeltaGenerator


def _lay_out(context: ExploreContext) -> _Places:
    """The strip with what stays while a drawing is made."""
    count = len(context.config.cross_attention_blocks)
    given, blocks, last = strip.columns(count if context.view.show == "blocks" else max(1, count - 1))
    with given:
        predictions.input_heading(context)
    with blocks:
        caveats = f"{maps.CAVEAT} {map_checks.UNDER_MAPS}"
        note = strip.heading_beside("Cross-attention by block", caveats)
    with last:
        strip.heading("Prediction", "The most probable classes.")
        answer = st.container()
        predictions.scope(context)
    return _Places(given, note, blocks, answer)


def _fill(context: ExploreContext, places: _Places) -> tuple[Sequence[BlockMap], BlockMap]:
    """The input, the maps of all blocks, and the prediction. Returns the maps, and the chosen one."""
    found, shares = _maps(context), predictions.block_shares(context)
    checks = map_checks.words(context, _selection(context))
    with places.answer:  # first, since it is the least
        predictions.answer(context)
    with places.note:
        st.caption(f"P({predictions.answer_name(context)}) after each block")
    with places.blocks:
        one = maps.row(context, found, shares, checks)
        if reads := reading_sentence(context.config.plan):
            st.caption(f"{reads} {predictions.later_shares(context)}")
    with places.given:
        predictions.input_canvas(context, **_marking(context))
    return found, one


def _maps(context: ExploreContext) -> Sequence[BlockMap]:
    """The maps of all blocks, or their changes."""
    view = context.view
    since = None if view.show == "blocks" else view.show
    return block_maps(context.case, _selection(context), view.scale, context.progress, since=since)


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
