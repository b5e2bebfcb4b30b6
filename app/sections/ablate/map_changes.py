"""The maps of all blocks before and after an ablation, their differences, and one block large."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import streamlit as st

from perceiver.analysis.formatting import number
from perceiver.plots.block_maps import BlockMap

from ...components import Tile
from ...services.ablation import BlockChange
from ...session import state
from ..context import AblateContext
from ..maps import scale_text, tile

HINT = "Take a part of the code out above, or click a point of the curve below, to see what becomes of these maps."


def before(context: AblateContext, maps: Sequence[BlockMap]) -> None:
    """The maps while nothing is removed."""
    chosen = _chosen(context, [m.block for m in maps])
    context.modality.row(
        context.sample,
        maps,
        _tiles(context, maps, ""),
        context.paint,
        chosen,
        context.view.pick,
        _choose(maps),
        key="before",
    )
    st.caption(f"{scale_text(maps[0].range)} {HINT}")


def rows(context: AblateContext, changes: Sequence[BlockChange]) -> BlockChange:
    """Three rows: before, after, and after less before; returns the chosen block."""
    blocks = [c.change.block for c in changes]
    chosen = _chosen(context, blocks)
    before, after, differences = ([getattr(c, part) for c in changes] for part in ("before", "after", "difference"))
    view, modality, paint = context.view, context.modality, context.paint
    for maps, key, heading in ((before, "before", "Before"), (after, "after", "After")):
        st.markdown(f"**{heading}**")
        modality.row(
            context.sample,
            maps,
            _tiles(context, maps, heading),
            paint,
            chosen,
            view.pick,
            _choose(maps),
            key=key,
            name=f"Maps {heading.lower()}",
            bar=key == "after",
        )
    st.caption(scale_text(before[0].range))
    st.markdown("**Difference:** after less before")
    modality.row(
        context.sample,
        differences,
        [_difference(context, c) for c in changes],
        paint,
        chosen,
        view.pick,
        _choose(differences),
        key="difference",
        name="Differences of the maps, after less before",
    )
    st.caption(
        f"{scale_text(differences[0].range)} Red: read more than before; blue: less. "
        "Divergence: Jensen-Shannon, 0 bits where nothing moved, 1 bit where nothing is read in both; "
        "of latents: of each latent’s own map, their mean."
    )
    return changes[chosen]


def large(context: AblateContext, one: BlockChange, words: str) -> None:
    """The three maps of the chosen block, large."""
    block = f"Block {one.change.block + 1}"
    st.subheader(f"{block}: {words}", anchor=False)
    for column, shown, name in zip(
        st.columns(3, gap="medium"),
        (one.before, one.after, one.difference),
        ("before", "after", "difference"),
        strict=True,
    ):
        with column:
            st.markdown(f"**{name.capitalize()}**")
            context.modality.large(
                context.sample,
                shown,
                context.paint,
                f"{block} {name}, {words}",
                context.view.pick,
                _pick,
                key=f"large_{name}",
                hint="Point at it to read its value.",
                limit=420,
            )


def _tiles(context: AblateContext, maps: Sequence[BlockMap], which: str) -> list[Tile]:
    tiles = [tile(context, m) for m in maps]
    return [dataclasses.replace(t, alt=f"{which} {t.alt}".strip()) for t in tiles]


def _difference(context: AblateContext, one: BlockChange) -> Tile:
    """The tile of a difference, with the divergences of the map and of the latents' own maps."""
    base = tile(context, one.difference)
    facts = [("latents", f"{number(one.change.latents)} bits")]
    if one.change.divergence is not None:
        facts.insert(0, ("divergence", f"{number(one.change.divergence)} bits"))
    title = f"Block {one.change.block + 1}"
    said = ", ".join(f"{name} {value}" for name, value in facts)
    return dataclasses.replace(
        base, title=title, facts=(*base.facts, *facts), alt=f"{title}, difference. {said}. {base.alt}"
    )


def _chosen(context: AblateContext, blocks: Sequence[int]) -> int:
    return blocks.index(context.view.block) if context.view.block in blocks else 0


def _choose(maps: Sequence[BlockMap]) -> Callable[[int], None]:
    return lambda index: state.change(block=maps[index].block)


def _pick(element: int | None) -> None:
    state.change(pick=element)
