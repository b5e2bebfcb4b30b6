"""What each block of each model read, all on one scale, and what differs from the first model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from perceiver.analysis.compare import same_elements
from perceiver.plots.scale import NOT_COMPARABLE, Mode

from ...components import Tile
from ...services import comparing
from ...services.compute import BlockMap, Reading
from ...session import controls, state, text
from .. import reading
from ..scene import Scene
from . import export
from .beside import name, pick

LIMITS = {1: 640, 2: 520, 3: 400, 4: 300}
"""Greatest width of a large map in CSS pixels, by how many stand side by side."""

CONCENTRATED = "Of every model its own most concentrated latent, until a number is chosen: then the same of all."

Rows = Sequence[tuple[BlockMap, ...]]


def maps(scenes: Sequence[Scene]) -> None:
    """The rows of maps, and one block of all models closely."""
    first, readings = scenes[0], [reading.asked(scene) for scene in scenes]
    sizes = [scene.config.num_inputs for scene in scenes]
    scales = comparing.scales(readings[0].what, sizes)
    mode: Mode = first.view.scale if first.view.scale in scales else scales[0]
    rows = comparing.block_maps([scene.case for scene in scenes], readings, mode, first.progress)
    words = text.reduction(readings[0], first.config.cross_heads)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What each block read", anchor=False, width="stretch")
        export.menu(scenes, rows, readings, words)
    st.caption(f"{text.meaning(readings[0], 'blocks', first.view.colours)} {text.CAVEAT}")
    _choices(first, readings[0], scales, mode)
    if len(set(sizes)) > 1:
        st.caption(_sizes(sizes, mode))
    blocks = sorted({one.block for row in rows for one in row})
    for scene, row in zip(scenes, rows, strict=True):
        _row(scene, row, blocks, last=scene is scenes[-1])
    range_ = rows[0][0].range
    st.caption(range_.sentence() if range_.comparable else NOT_COMPARABLE)
    _closely(scenes, rows, readings, mode)


def _choices(first: Scene, asked: Reading, scales: Sequence[Mode], mode: Mode) -> None:
    """How the maps of all models are read off and drawn. None of it runs a model."""
    view, config = first.view, first.config
    reductions = {key: word for key, word in text.REDUCTIONS.items() if view.kind != "score" or key != "entropy"}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        controls.segments("Over latents", "reduce", reductions, view.reduce)
        if asked.latent is not None:
            count = config.num_latents
            controls.number(f"Latent, 1 to {count}", "latent", count, asked.latent, width=150, help=CONCENTRATED)
        if config.cross_heads > 1:
            heads: Mapping[int | None, str] = {i: f"Head {i + 1}" for i in range(config.cross_heads)}
            controls.select("Head", "head", {None: "Mean of heads", **heads}, view.head, width=160)
        controls.segments("Colour scale", "scale", {one: text.SCALES[one] for one in scales}, mode)
        controls.select("Values", "kind", text.KINDS, view.kind, width=175)
        reading.drawing(first)


def _sizes(sizes: Sequence[int], mode: Mode) -> str:
    listed = text.listed([f"{size:,}" for size in dict.fromkeys(sizes)])
    told = f"The models read {listed} elements of this input"
    if mode == "uniform":
        return f"{told}, so their weights are set side by side as multiples of uniform."
    return f"{told}."


def _row(scene: Scene, row: Sequence[BlockMap], blocks: Sequence[int], *, last: bool) -> None:
    """The maps of one model, with gaps for blocks that have none."""
    there = {one.block: reading.tile(scene, one) for one in row}
    st.markdown(f"**{name(scene)}** :small[{text.positions(scene.config.positions)}]")
    scene.shown.row(
        scene.sample,
        row,
        [there.get(block, Tile("", empty=True)) for block in blocks],
        scene.paint,
        blocks.index(scene.view.block) if scene.view.block in there else None,
        scene.view.pick,
        lambda index: state.change(block=blocks[index]),
        key=f"row_{scene.case.model}",
        name=f"Maps of the blocks of {scene.case.called}",
        bar=last,
        tile=min(220, max(140, 1100 // len(blocks) - 20)),
    )


def _closely(scenes: Sequence[Scene], rows: Rows, readings: Sequence[Reading], mode: Mode) -> None:
    """One block of all models, large, and the differences from the first where there are any."""
    first, block = scenes[0], scenes[0].view.block
    found = [next((one for one in row if one.block == block), None) for row in rows]
    base = found[0]
    same = [i for i in range(1, len(scenes)) if same_elements(first.sample, scenes[i].sample)]
    both = [i for i in same if base and found[i]]
    st.subheader(f"Block {block + 1} closely", anchor=False)
    together = len(scenes) == 2 and len(both) == 1
    columns = st.columns(3 if together else len(scenes), gap="medium")
    limit = LIMITS[len(columns)]
    for column, scene, one, its in zip(columns, scenes, found, readings, strict=False):
        with column:
            _heading(scene, text.reduction(its, scene.config.cross_heads))
            if one is None:
                st.caption(f"Block {block + 1} has no cross-attention here, so it read nothing.")
            else:
                _large(scene, first, one, f"{scene.case.called}, block {block + 1}", "large", limit)
    if base is not None and both:
        if not together:
            columns = st.columns(len(scenes), gap="medium")
            with columns[0]:
                st.caption(f"The maps of the others less that of {name(first)}, on a scale of their own.")
        changes = comparing.differences(base, [one for i in both if (one := found[i])], readings[0].what, mode)
        for i, change in zip(both, changes, strict=True):
            with columns[2 if together else i]:
                _heading(scenes[i], f"less {first.case.called}")
                label = f"{scenes[i].case.called} less {first.case.called}, block {block + 1}"
                _large(scenes[i], first, change, label, "less", limit)
    if apart := [name(scenes[i]) for i in range(1, len(scenes)) if i not in same]:
        st.caption(
            f"No difference is shown for {text.listed(apart)}: other input elements than those of {name(first)} "
            "cannot be subtracted from them one by one. A place that is picked is marked on all."
        )


def _heading(scene: Scene, words: str) -> None:
    st.markdown(f"**{name(scene)}** :small[{text.plain(words)}]")


def _large(scene: Scene, first: Scene, one: BlockMap, label: str, key: str, limit: int) -> None:
    scene.shown.large(
        scene.sample,
        one,
        scene.paint,
        label,
        scene.view.pick,
        partial(pick, scene, first),
        key=f"{key}_{scene.case.model}",
        hint="Point to read a value; click to mark it on all.",
        limit=limit,
    )
