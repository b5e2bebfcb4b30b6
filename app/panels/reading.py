"""What every block read: the row of maps, one of them large, its latents, and who reads a spot."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import streamlit as st

from perceiver.analysis.numbers import number, percent
from perceiver.config import PerceiverConfig
from perceiver.plots.scale import NOT_COMPARABLE
from perceiver.sample import Sample

from .. import compute, controls, state, text
from ..components import Row, Tile, ranking
from ..compute import BlockMap, Case, Reading
from ..progress import Progress
from ..views.base import ModalityView, Paint


def chosen_reading(view: state.View, case: Case, progress: Progress) -> Reading:
    """What the view asks to read; "one latent" without a number is the most concentrated of the view's block."""
    latent = None
    if view.reduce == "latent":
        latent = view.latent
        if latent is None:
            latent = int(compute.order(case, view.block, view.head, progress)[0])
    return Reading(reduce=view.reduce, latent=latent, head=view.head, kind=view.kind)


def controls_row(view: state.View, reading: Reading, config: PerceiverConfig) -> None:
    """How the maps are read off and drawn. None of it runs the model."""
    reductions = dict(text.REDUCTIONS)
    if view.kind == "score":
        reductions.pop("entropy")
    scales = {name: text.SCALES[name] for name in compute.scales(reading, view.show)}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        controls.segments("Over latents", "reduce", reductions, view.reduce)
        if config.cross_heads > 1:
            heads: dict[int | None, str] = {
                None: "Mean of heads",
                **{i: f"Head {i + 1}" for i in range(config.cross_heads)},
            }
            controls.select("Head", "head", heads, view.head, width=160)
        controls.segments("Colour scale", "scale", scales, compute.usable(view.scale, reading, view.show))
        controls.select("Values", "kind", text.KINDS, view.kind, width=175)
        if len(config.cross_attention_blocks) > 1:
            controls.select("Show", "show", text.SHOWN, view.show, width=190)
        with st.popover("Drawing", icon=":material/palette:"):
            controls.segments("Map", "laid", {"input": "Over the input", "alone": "Alone"}, view.laid)
            controls.slider("Strength over the input", "overlay", (0, 100, 5), view.overlay, format="%d %%")
            controls.select("Colours", "colours", {name: name for name in state.COLOURS}, view.colours)


def row(
    view: state.View,
    shown: ModalityView,
    sample: Sample,
    maps: Sequence[BlockMap],
    config: PerceiverConfig,
    paint: Paint,
) -> BlockMap:
    """The maps as small multiples; returns the chosen one."""
    blocks = [m.block for m in maps]
    chosen = blocks.index(view.block) if view.block in blocks else 0
    shown.row(
        sample,
        maps,
        [_tile(m, config) for m in maps],
        paint,
        chosen,
        lambda index: state.change(block=blocks[index]),
    )
    st.caption(maps[0].range.sentence() if maps[0].range.comparable else NOT_COMPARABLE)
    return maps[chosen]


def title(shown: BlockMap) -> str:
    """The name of a map."""
    if shown.base is None:
        return f"Block {shown.block + 1}"
    return f"Block {shown.block + 1} − block {shown.base + 1}"


def _tile(shown: BlockMap, config: PerceiverConfig) -> Tile:
    whose = text.weights(config.plan, shown.block) if shown.base is None else ""
    return Tile(
        title=title(shown),
        note=whose,
        facts=_facts(shown),
        alt=f"{title(shown)}, {whose}. {shown.summary.sentence()}"
        if whose
        else f"{title(shown)}. {shown.summary.sentence()}",
    )


def _facts(shown: BlockMap) -> tuple[tuple[str, str], ...]:
    """Minimum and maximum in the unit of the colour bar, entropy, and the mass of the top 1 %."""
    summary, factor = shown.summary, shown.range.factor
    if summary.constant:
        return (("constant", number(summary.mean * factor)),)
    facts = [("min", number(summary.minimum * factor)), ("max", number(summary.maximum * factor))]
    if shown.range.signed:
        return tuple(facts)
    if summary.entropy is None or summary.top_mass is None:
        return (*facts, ("mean", number(summary.mean * factor)))
    return (*facts, ("entropy", f"{summary.entropy:.2f} nats"), ("top 1 %", percent(summary.top_mass)))


def latents(
    view: state.View,
    shown: ModalityView,
    case: Case,
    block: int,
    reading: Reading,
    paint: Paint,
    progress: Progress,
) -> None:
    """Thumbnails of all latents of a block, to pick one from."""
    st.caption("The most concentrated first; choose one to see its maps.")
    strip = compute.strip(case, block, reading.kind, reading.head, progress)
    if reading.latent is not None:
        controls.number(f"Latent, 1 to {len(strip.order)}", "latent", len(strip.order), reading.latent)
    order = [int(i) for i in strip.order]
    one = dataclasses.replace(reading, reduce="latent", latent=0)
    tiles = [Tile(f"Latent {i + 1}", alt=f"Latent {i + 1}, entropy {strip.entropies[i]:.2f} nats") for i in order]
    shown.strip(
        strip,
        tiles,
        compute.usable(view.scale, one, "blocks"),
        one.what,
        paint,
        order.index(reading.latent) if reading.latent is not None else None,
        lambda index: state.change(reduce="latent", latent=order[index]),
    )
    if strip.square > 1:
        st.caption(f"Thumbnails average squares of {strip.square} × {strip.square} elements.")


def who_reads(
    view: state.View, shown: ModalityView, case: Case, reading: Reading, shape: tuple[int, ...], progress: Progress
) -> None:
    """The latents of all blocks that give the picked element the most weight."""
    if view.pick is None:
        st.caption(
            f"Click a spot on the {shown.noun} or on the large map (or use the arrow keys there, then Enter) to see "
            "which latents of which blocks read it most."
        )
        return
    found = compute.readers(case, view.pick, view.head, progress)
    st.caption(f"{shown.element(view.pick, shape).capitalize()}; weights as multiples of uniform.")
    most = found[0].weight or 1.0
    ranking(
        [
            Row(
                name=f"Block {reader.block + 1}, latent {reader.latent + 1}",
                share=reader.weight / most,
                text=f"{number(reader.multiple)} ×",
                chosen=(reader.block, reader.latent) == (view.block, reading.latent),
            )
            for reader in found
        ],
        key="readers",
        label=f"Who reads {shown.element(view.pick, shape)} most",
        on_pick=lambda index: state.change(block=found[index].block, reduce="latent", latent=found[index].latent),
    )
    st.caption(f"1 × would be no preference. The first gives this spot {percent(found[0].weight)} of its attention.")
    st.button("Clear the spot", type="tertiary", on_click=state.change, kwargs={"pick": None})
