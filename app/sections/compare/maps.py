"""The maps of all blocks of all models on one colour scale, and their differences from the first model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from perceiver.analysis.compare import same_elements
from perceiver.analysis.maps import MapSelection
from perceiver.lens import comparable_scales
from perceiver.plots.block_maps import BlockMap, scaled_maps
from perceiver.plots.scale import Mode

from ...components import Tile, echo
from ...services import comparison, inference
from ...session import state, text
from .. import findings, strip
from ..context import CompareContext
from ..maps import (
    selection_of,
    selection_text,
    tile,
    toolbar,
)
from ..predictions import predictions
from . import downloads, models
from .models import mark, model_about, name

LIMITS = {1: 640, 2: 520, 3: 400, 4: 300}
"""Greatest width of a large map in CSS pixels, by how many stand side by side."""

DIVERGENCE = (
    "Jensen-Shannon divergence of the maps of each block from those of the first model: 0 bits where both put their "
    "weight on the same elements, 1 bit where on none in common."
)
CONCENTRATED = "Of every model its own most concentrated latent, until a number is chosen: then the same of all."

UNRELATED = (
    "Latents of different models do not correspond to each other: the difference of two of the same number compares "
    "unrelated queries."
)


@dataclass(frozen=True)
class Found:
    """The maps of all blocks of every model, which of their latents they are of, and their common scale."""

    rows: Sequence[tuple[BlockMap, ...]]
    selections: Sequence[MapSelection]
    mode: Mode


def strips(contexts: Sequence[CompareContext]) -> Found:
    """The strips of all models, and the controls of what they show."""
    first, selections = contexts[0], [selection_of(context) for context in contexts]
    sizes = [context.config.num_inputs for context in contexts]
    scales = comparable_scales(selections[0].quantity, sizes)
    mode: Mode = first.view.scale if first.view.scale in scales else scales[0]
    rows = comparison.block_maps([context.case for context in contexts], selections, mode, first.progress)
    probabilities = [inference.probabilities(context.case, first.progress) for context in contexts]
    if len(contexts) > 1:
        found = [
            text.label(c.config.class_names[int(p[-1].argmax())]) for c, p in zip(contexts, probabilities, strict=True)
        ]
        with st.container(key="agreement"):
            st.markdown(models.agreement(found))
    blocks = sorted({one.block for row in rows for one in row})
    apart = comparison.divergences([context.case for context in contexts], selections, first.progress)
    for context, row, shares, distances in zip(contexts, rows, probabilities, apart, strict=True):
        _strip(context, row, blocks, shares, distances, last=context is contexts[-1])
    echo()
    words = selection_text(selections[0], first.config.cross_heads)
    toolbar(
        first,
        selections[0],
        menu=lambda: downloads.menu(contexts, rows, selections, words),
        scales=scales,
        latent_help=CONCENTRATED,
    )
    if selections[0].latent is not None and len(contexts) > 1:
        st.caption(UNRELATED)
    if len(set(sizes)) > 1:
        st.caption(_sizes_text(sizes, mode))
    return Found(rows, selections, mode)


def _sizes_text(sizes: Sequence[int], mode: Mode) -> str:
    listed = text.listed([f"{size:,}" for size in dict.fromkeys(sizes)])
    told = f"The models read {listed} elements of this input"
    if mode == "uniform":
        return f"{told}, so their weights are set side by side as multiples of uniform."
    return f"{told}."


def _strip(
    context: CompareContext,
    row: Sequence[BlockMap],
    blocks: Sequence[int],
    shares: np.ndarray,
    distances: Mapping[int, float],
    *,
    last: bool,
) -> None:
    """The strip of one model, with gaps for blocks that have no map.

    distances  divergence in bits of its maps from those of the first model, by block
    """
    key, best = context.case.model, int(shares[-1].argmax())
    there = {one.block: tile(context, one, float(shares[one.block][best])) for one in row}
    given, maps, answer = strip.columns(len(blocks), key=f"flow_{key}", widest=strip.SMALL)
    with given:
        model_about(context)
        if distances:
            listed = ", ".join(f"{value:.2f}" for value in distances.values())
            st.caption(f"Divergence from the first: {listed} bits", help=DIVERGENCE)
    with maps:
        st.caption(f"P({text.plain(text.label(context.config.class_names[best]))}) after each block")
        context.modality.row(
            context.sample,
            row,
            [there.get(block, Tile("", empty=True)) for block in blocks],
            context.paint,
            blocks.index(context.view.block) if context.view.block in there else None,
            context.view.pick,
            lambda index: _choose_block(context, blocks[index]),
            key=f"row_{key}",
            name=f"Maps of the blocks of {context.case.model_name}",
            bar=last,
            tile=strip.TILE,
        )
    with answer:
        predictions(shares[-1], context.config.class_names, context.truth, key=f"predictions_{key}")


def one_block(contexts: Sequence[CompareContext], maps: Found) -> None:
    """One block of all models, large, and the differences from the first model where there are any."""
    first, block, selections = contexts[0], contexts[0].view.block, maps.selections
    found = [next((one for one in row if one.block == block), None) for row in maps.rows]
    base = found[0]
    same = [i for i in range(1, len(contexts)) if same_elements(first.sample, contexts[i].sample)]
    both = [i for i in same if base and found[i]]
    st.header(f"Block {block + 1} in all models", anchor=False)
    together = len(contexts) == 2 and len(both) == 1
    columns = st.columns(3 if together else len(contexts), gap="medium")
    limit = LIMITS[len(columns)]
    for column, context, one, its in zip(columns, contexts, found, selections, strict=False):
        with column:
            _heading(context, selection_text(its, context.config.cross_heads))
            if one is None:
                st.caption(f"Block {block + 1} has no cross-attention here, so it read nothing.")
            else:
                # Sentences differ in length: below the maps, these stand in line.
                _large(context, first, one, f"{context.case.model_name}, block {block + 1}", "large", limit)
                findings.show(context, one)
    if base is not None and both:
        if not together:
            columns = st.columns(len(contexts), gap="medium")
            with columns[0]:
                st.caption(f"The maps of the others minus that of {name(first)}, on a scale of their own.")
        less = [(block, block, one.values - base.values) for i in both if (one := found[i])]
        changes = scaled_maps(less, selections[0].quantity, maps.mode, signed=True)
        for i, change in zip(both, changes, strict=True):
            with columns[2 if together else i]:
                _heading(contexts[i], f"minus {first.case.model_name}")
                label = f"{contexts[i].case.model_name} minus {first.case.model_name}, block {block + 1}"
                _large(contexts[i], first, change, label, "less", limit)
                findings.show(contexts[i], change, first.case.model_name)
    if apart := [name(contexts[i]) for i in range(1, len(contexts)) if i not in same]:
        st.caption(
            f"No difference is shown for {text.listed(apart)}: other input elements than those of {name(first)} "
            "cannot be subtracted from them one by one. A place that is picked is marked on all."
        )


def _choose_block(context: CompareContext, block: int) -> None:
    """Shows a block: large, where the section that is shown is not about a block."""
    view = context.view
    about_block = view.shown_section in ("block", "tartan")
    state.change(block=block, section=view.section if about_block else view.with_section("block"))


def _heading(context: CompareContext, words: str) -> None:
    st.markdown(f"**{name(context)}** :small[{text.plain(words)}]")


def _large(context: CompareContext, first: CompareContext, one: BlockMap, label: str, key: str, limit: int) -> None:
    context.modality.large(
        context.sample,
        one,
        context.paint,
        label,
        context.view.pick,
        partial(mark, context, first),
        key=f"{key}_{context.case.model}",
        hint=f"Pick a {context.modality.spot} to mark it on all maps.",
        limit=limit,
    )
