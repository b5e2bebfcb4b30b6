"""The maps before and after, their differences, and one block of them closely."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import streamlit as st

from perceiver.analysis.formatting import number
from perceiver.plots.scale import NOT_COMPARABLE

from ...components import Tile
from ...services.ablating import BlockChange
from ...services.compute import BlockMap
from ...session import state
from .. import reading
from ..scene import Scene

HINT = "Take a part of the code out above, or click a point of the curve below, to see what becomes of these maps."


def alone(scene: Scene, maps: Sequence[BlockMap]) -> None:
    """The maps while nothing is taken out."""
    chosen = _chosen(scene, [m.block for m in maps])
    scene.shown.row(
        scene.sample, maps, _tiles(scene, maps, ""), scene.paint, chosen, scene.view.pick, _choose(maps), key="before"
    )
    st.caption(f"{maps[0].range.sentence() if maps[0].range.comparable else NOT_COMPARABLE} {HINT}")


def rows(scene: Scene, changes: Sequence[BlockChange]) -> BlockChange:
    """Three rows: before, after, and after less before; returns the chosen block."""
    blocks = [c.change.block for c in changes]
    chosen = _chosen(scene, blocks)
    before, after, differences = ([getattr(c, part) for c in changes] for part in ("before", "after", "difference"))
    view, shown, paint = scene.view, scene.shown, scene.paint
    for maps, key, heading in ((before, "before", "Before"), (after, "after", "After")):
        st.markdown(f"**{heading}**")
        shown.row(
            scene.sample,
            maps,
            _tiles(scene, maps, heading),
            paint,
            chosen,
            view.pick,
            _choose(maps),
            key=key,
            name=f"Maps {heading.lower()}",
            bar=key == "after",
        )
    scale = before[0].range
    st.caption(scale.sentence() if scale.comparable else NOT_COMPARABLE)
    st.markdown("**Difference:** after less before")
    shown.row(
        scene.sample,
        differences,
        [_difference(scene, c) for c in changes],
        paint,
        chosen,
        view.pick,
        _choose(differences),
        key="difference",
        name="Differences of the maps, after less before",
    )
    scale = differences[0].range
    st.caption(
        f"{scale.sentence() if scale.comparable else NOT_COMPARABLE} Red: read more than before; blue: less. "
        "Divergence: Jensen-Shannon, 0 bits where nothing moved, 1 bit where nothing is read in both; "
        "of latents: of each latent’s own map, their mean."
    )
    return changes[chosen]


def closely(scene: Scene, one: BlockChange, words: str) -> None:
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
            scene.shown.large(
                scene.sample,
                shown,
                scene.paint,
                f"{block} {name}, {words}",
                scene.view.pick,
                _pick,
                key=f"large_{name}",
                hint="Point at it to read its value.",
                limit=420,
            )


def _tiles(scene: Scene, maps: Sequence[BlockMap], which: str) -> list[Tile]:
    tiles = [reading.tile(scene, m) for m in maps]
    return [dataclasses.replace(t, alt=f"{which} {t.alt}".strip()) for t in tiles]


def _difference(scene: Scene, one: BlockChange) -> Tile:
    """How far the map moved, and how far the latents' own did."""
    tile = reading.tile(scene, one.difference)
    facts = [("latents", f"{number(one.change.latents)} bits")]
    if one.change.divergence is not None:
        facts.insert(0, ("divergence", f"{number(one.change.divergence)} bits"))
    title = f"Block {one.change.block + 1}"
    said = ", ".join(f"{name} {value}" for name, value in facts)
    return dataclasses.replace(
        tile, title=title, facts=(*tile.facts, *facts), alt=f"{title}, difference. {said}. {tile.alt}"
    )


def _chosen(scene: Scene, blocks: Sequence[int]) -> int:
    return blocks.index(scene.view.block) if scene.view.block in blocks else 0


def _choose(maps: Sequence[BlockMap]) -> Callable[[int], None]:
    return lambda index: state.change(block=maps[index].block)


def _pick(element: int | None) -> None:
    state.change(pick=element)
