"""Which latents attend to the marked element, and the attention weight in the selected region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from jaxtyping import Bool

from perceiver.analysis.formatting import count, number, percent
from perceiver.analysis.latents import ElementReader
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.region import Region, RegionShares
from perceiver.errors import ConfigError

from ..components import Row, ranking
from ..services import maps
from ..session import controls, state, text
from ..session.view import ExploreView
from . import downloads, split
from .context import ExploreContext

TOP = 6
"""Latents that are listed."""


def choose_element(element: int | None) -> None:
    """Callback: marks an element in place of a region; None unmarks it."""
    state.change(pick=element, region="")


def choose_region(region: Region | None) -> None:
    """Callback: selects a region in place of an element; None clears it."""
    state.change(region="" if region is None else region.text(), pick=None)


def inside(context: ExploreContext) -> Bool[np.ndarray, "M"] | None:
    """Which elements lie in the selected region; None without one, or where this input has none there."""
    try:
        return maps.inside(context.case, context.view.region) if context.view.region else None
    except ConfigError:
        return None


def is_marked(view: ExploreView) -> bool:
    """Whether an element or a region is marked."""
    return view.pick is not None or bool(view.region)


def show(context: ExploreContext, selection: MapSelection) -> None:
    """The answer to what is marked, beside the map; how to mark something where nothing is."""
    if not is_marked(context.view):
        _how(context)
        return
    with st.container(key="attention_to"):
        if context.view.region:
            _region(context, selection)
        else:
            _element(context, selection)


def _how(context: ExploreContext) -> None:
    spot, noun = context.modality.spot, context.modality.noun
    drag = "press Select region and drag" if context.sample.coordinates is not None else "drag"
    st.subheader("Attention to a part of the input", anchor=False)
    st.caption(
        f"Pick a {spot} on the model input or on the large map to see which latents attend to it, or {drag} over a "
        f"part of the {noun} to measure the attention weight in it. Either replaces the other."
    )


def _element(context: ExploreContext, selection: MapSelection) -> None:
    """The latents that give the marked element the most weight."""
    view, modality = context.view, context.modality
    assert view.pick is not None
    _heading(f"Latents that attend to this {modality.spot}", f"Clear the {modality.spot}")
    element = modality.element(view.pick, context.sample)
    st.caption(f"{element[:1].upper()}{element[1:]}; weights as multiples of uniform.")
    _block_filter(context)
    found = maps.readers(context.case, view.pick, view.head, context.progress, view.among)
    _latents(context, selection, found, f"Attention to {element}, by latent")
    st.caption(
        f"1 × is uniform attention. The first gives this {modality.spot} {percent(found[0].weight)} of its weight."
    )
    split.why(context, selection, found[0])


def _region(context: ExploreContext, selection: MapSelection) -> None:
    """The share of each block's and latent's weight in the selected region."""
    view = context.view
    _heading("Attention weight in the region", "Clear the region")
    try:
        found = maps.region(context.case, view.region, view.head, context.progress)
    except ConfigError as error:
        st.caption(text.sentence(str(error)))
        return
    st.caption(
        f"{count(found.elements)} of {count(found.total)} elements. Line: uniform attention, {percent(found.uniform)}."
    )
    _blocks(context, found)
    st.markdown("**Latents with the most weight in it**")
    _block_filter(context)
    _latents(context, selection, found.strongest(TOP, block=view.among), "Attention weight in the region, by latent")
    st.download_button(
        "Shares of all blocks and latents (CSV)",
        lambda: maps.region_csv(context.case, view.region, view.head),
        f"{downloads.stem(context)}-region.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
    )


def _heading(words: str, clear: str) -> None:
    """The heading of the answer, and the button that unmarks what it is about."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(words, anchor=False, width="stretch")
        st.button(clear, icon=":material/close:", type="tertiary", on_click=_clear, key="clear_marked")


def _clear() -> None:
    state.change(pick=None, region="")


def _blocks(context: ExploreContext, found: RegionShares) -> None:
    """The share of every block, with the share of uniform attention marked."""
    shares = [float(share) for share in found.shares]
    most = max(*shares, found.uniform)
    ranking(
        [
            Row(
                name=f"Block {block + 1}",
                share=share / most,
                text=f"{percent(share)} · {number(share / found.uniform)} ×",
                mark=found.uniform / most,
                chosen=block == context.view.block,
            )
            for block, share in zip(found.blocks, shares, strict=True)
        ],
        key="region_blocks",
        label="Share of each block's attention weight in the region, and as a multiple of uniform",
        on_pick=lambda index: state.change(block=found.blocks[index]),
        short=True,
    )


def _latents(context: ExploreContext, selection: MapSelection, found: Sequence[ElementReader], label: str) -> None:
    """Latents as a list from which one can be chosen, with their weights as multiples of uniform."""
    most = found[0].weight or 1.0
    ranking(
        [
            Row(
                name=_latent_name(context, one),
                share=one.weight / most,
                text=f"{number(one.multiple)} ×",
                chosen=(one.block, one.latent) == (context.view.block, selection.latent),
            )
            for one in found
        ],
        key="readers",
        label=label,
        on_pick=lambda index: state.change(block=found[index].block, reduce="latent", latent=found[index].latent),
        short=context.view.among is not None,
    )


def _latent_name(context: ExploreContext, one: ElementReader) -> str:
    """The block is left out where only one is listed."""
    return f"{f'Block {one.block + 1}, l' if context.view.among is None else 'L'}atent {one.latent + 1}"


def _block_filter(context: ExploreContext) -> None:
    """The choice of the block whose latents are listed, where there are several."""
    blocks = context.config.cross_attention_blocks
    if len(blocks) > 1:
        names: dict[int | None, str] = {None: "All blocks", **{block: f"Block {block + 1}" for block in blocks}}
        help = "The block whose latents are listed."
        controls.select("Latents of", "among", names, context.view.among, help=help)
