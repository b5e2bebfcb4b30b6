"""What every block read: the row of maps, one of them large, its latents, and who reads a spot."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import streamlit as st

from perceiver.analysis.formatting import number, percent
from perceiver.plots.scale import NOT_COMPARABLE

from ..components import Row, Tile, ranking
from ..services import compute
from ..services.compute import BlockMap, Reading
from ..session import controls, state, text
from .scene import Scene


def asked(scene: Scene) -> Reading:
    """What the view asks to read; "one latent" without a number is the most concentrated of the view's block."""
    view, latent = scene.view, None
    if view.reduce == "latent":
        latent = view.latent
        if latent is None:
            latent = int(compute.order(scene.case, view.block, view.head, scene.progress)[0])
    return Reading(reduce=view.reduce, latent=latent, head=view.head, kind=view.kind)


def title(shown: BlockMap) -> str:
    """The name of a map."""
    if shown.base is None:
        return f"Block {shown.block + 1}"
    return f"Block {shown.block + 1} − block {shown.base + 1}"


def choices(scene: Scene, reading: Reading, *, differences: bool = True) -> None:
    """How the maps are read off and drawn. None of it runs the model.

    differences  whether differences of blocks are among the choices
    """
    view, config = scene.view, scene.config
    show = view.show if differences else "blocks"
    reductions = dict(text.REDUCTIONS)
    if view.kind == "score":
        reductions.pop("entropy")
    scales = {name: text.SCALES[name] for name in compute.scales(reading, show)}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        controls.segments("Over latents", "reduce", reductions, view.reduce)
        if config.cross_heads > 1:
            heads: dict[int | None, str] = {i: f"Head {i + 1}" for i in range(config.cross_heads)}
            controls.select("Head", "head", {None: "Mean of heads"} | heads, view.head, width=160)
        controls.segments("Colour scale", "scale", scales, compute.usable(view.scale, reading, show))
        controls.select("Values", "kind", text.KINDS, view.kind, width=175)
        if differences and len(config.cross_attention_blocks) > 1:
            controls.select("Show", "show", text.SHOWN, view.show, width=190)
        drawing(scene)


def drawing(scene: Scene) -> None:
    """How maps are coloured and laid over the input."""
    view = scene.view
    with st.popover("Drawing", icon=":material/palette:"):
        if scene.shown.over_input:
            controls.segments("Map", "laid", {"input": "Over the input", "alone": "Alone"}, view.laid)
            controls.slider("Strength over the input", "overlay", (0, 100, 5), view.overlay, format="%d %%")
        controls.select("Colours", "colours", {name: name for name in state.COLOURS}, view.colours)


def row(scene: Scene, maps: Sequence[BlockMap]) -> BlockMap:
    """The maps as small multiples; returns the chosen one."""
    blocks = [m.block for m in maps]
    chosen = blocks.index(scene.view.block) if scene.view.block in blocks else 0
    scene.shown.row(
        scene.sample,
        maps,
        [tile(scene, m) for m in maps],
        scene.paint,
        chosen,
        scene.view.pick,
        lambda index: state.change(block=blocks[index]),
    )
    st.caption(maps[0].range.sentence() if maps[0].range.comparable else NOT_COMPARABLE)
    return maps[chosen]


def large(scene: Scene, one: BlockMap, words: str) -> None:
    """The chosen map, large enough to point at every element."""
    st.subheader(f"{title(one)}: {words}", anchor=False)
    scene.shown.large(
        scene.sample,
        one,
        scene.paint,
        f"{title(one)}, {words}",
        scene.view.pick,
        lambda element: state.change(pick=element),
    )


def latents(scene: Scene, block: int, reading: Reading) -> None:
    """Thumbnails of all latents of a block, to pick one from."""
    st.subheader(f"Latents of block {block + 1}", anchor=False)
    st.caption("The most concentrated first; choose one to see its maps.")
    strip = compute.strip(scene.case, block, reading.kind, reading.head, scene.progress)
    order = [int(i) for i in strip.order]
    if reading.latent is not None:
        controls.number(f"Latent, 1 to {len(order)}", "latent", len(order), reading.latent, width=150)
    one = dataclasses.replace(reading, reduce="latent", latent=0)
    scene.shown.strip(
        scene.sample,
        strip,
        [Tile(f"Latent {i + 1}", alt=f"Latent {i + 1}, entropy {strip.entropies[i]:.2f} nats") for i in order],
        compute.usable(scene.view.scale, one, "blocks"),
        one.what,
        scene.paint,
        order.index(reading.latent) if reading.latent is not None else None,
        lambda index: state.change(reduce="latent", latent=order[index]),
    )
    if strip.square > 1:
        box = " × ".join([str(strip.square)] * len(scene.sample.shape))
        st.caption(f"Thumbnails average {box} elements.")


def who_reads(scene: Scene, reading: Reading) -> None:
    """The latents of all blocks that give the picked element the most weight."""
    view, shown = scene.view, scene.shown
    st.subheader(f"Who reads this {shown.spot}", anchor=False)
    if view.pick is None:
        st.caption(
            f"Click a {shown.spot} on the {shown.noun} or on the large map (or use the keyboard there) to see "
            "which latents of which blocks read it most."
        )
        return
    place = shown.element(view.pick, scene.sample)
    found = compute.readers(scene.case, view.pick, view.head, scene.progress)
    most = found[0].weight or 1.0
    st.caption(f"{place[:1].upper()}{place[1:]}; weights as multiples of uniform.")
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
        label=f"Who reads {place} most",
        on_pick=lambda index: state.change(block=found[index].block, reduce="latent", latent=found[index].latent),
    )
    st.caption(
        f"1 × would be no preference. The first gives this {shown.spot} {percent(found[0].weight)} of its attention."
    )
    st.button(f"Clear the {shown.spot}", type="tertiary", on_click=state.change, kwargs={"pick": None})


def tile(scene: Scene, shown: BlockMap) -> Tile:
    """The words under a small map: its block, whose weights it uses, and its numbers."""
    whose = text.weights(scene.config.plan, shown.block) if shown.base is None else ""
    name = ", ".join(part for part in (title(shown), whose) if part)
    return Tile(title(shown), note=whose, facts=_facts(shown), alt=f"{name}. {shown.summary.sentence()}")


def _facts(shown: BlockMap) -> tuple[tuple[str, str], ...]:
    """Minimum and maximum in the unit of the colour bar, entropy, and the mass of the top 1 %."""
    summary, factor = shown.summary, shown.range.factor
    if summary.constant:
        return (("constant", number(summary.mean * factor)),)
    facts = (("min", number(summary.minimum * factor)), ("max", number(summary.maximum * factor)))
    if shown.range.signed:
        return facts
    if summary.entropy is None or summary.top_mass is None:
        return (*facts, ("mean", number(summary.mean * factor)))
    return (*facts, ("entropy", f"{summary.entropy:.2f} nats"), ("top 1 %", percent(summary.top_mass)))
