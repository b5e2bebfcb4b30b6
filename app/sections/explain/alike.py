"""Which latents read alike, how much each of them reads, and how their reading moves from block to block."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import streamlit as st

from perceiver.analysis.formatting import number
from perceiver.analysis.latents import LatentGroup
from perceiver.plots.explanations import concentration_figure, concentration_text, movement_figure, movement_text

from ...components import Tile
from ...services import compute, explaining
from ...services.compute import Reading
from ...session import controls, state, text
from ..scene import Scene
from . import words
from .shown import scaled, sentence

TILE = 130
"""Least width of a group's map in CSS pixels, where there are more than four."""


def alike(scene: Scene) -> None:
    """The latents of a block in groups, one group closely, and all blocks in numbers."""
    view = scene.view
    groups = explaining.groups(scene.case, view.block, view.groups, view.head, scene.progress)
    st.caption(
        "The latents of a block, put together by how much their maps overlap; each picture is the mean of a group's "
        "maps."
    )
    _choices(scene)
    chosen = min(view.group or 0, len(groups) - 1)
    maps = scaled([group.map for group in groups], unit="")
    scene.shown.row(
        scene.sample,
        maps,
        [_tile(i, group) for i, group in enumerate(groups)],
        scene.paint,
        chosen,
        view.pick,
        lambda index: state.change(group=index, latent=None),
        key="groups",
        name=f"Groups of latents of block {view.block + 1}",
        tile=220 if len(groups) <= 4 else TILE,
    )
    st.caption(sentence(maps[0].range))
    _group(scene, groups, chosen)
    _numbers(scene)


def _choices(scene: Scene) -> None:
    config, view = scene.config, scene.view
    blocks = config.cross_attention_blocks
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if len(blocks) > 1:
            names = {block: f"Block {block + 1}" for block in blocks}
            key = "block_of_groups"
            st.session_state[key] = view.block
            st.selectbox("Latents of", blocks, format_func=names.__getitem__, key=key, on_change=_anew, width=150)
        if config.cross_heads > 1:
            heads: dict[int | None, str] = {i: f"Head {i + 1}" for i in range(config.cross_heads)}
            controls.select("Head", "head", {None: "Mean of heads"} | heads, view.head, width=160)
        low, high = state.COUNTS["groups"]
        controls.slider("Groups", "groups", (low, min(high, config.num_latents), 1), view.groups, width=260)


def _anew() -> None:
    state.change(block=st.session_state["block_of_groups"], group=None, latent=None)


def _tile(i: int, group: LatentGroup) -> Tile:
    count = f"{len(group.latents)} latent{'s' * (len(group.latents) != 1)}"
    reads = f"{number(group.effective)} element{'s' * (number(group.effective) != '1')}"
    return Tile(
        f"Group {i + 1}",
        note=count,
        facts=(("reads", reads),),
        alt=f"Group {i + 1}, {count}; reads {reads}",
    )


def _group(scene: Scene, groups: Sequence[LatentGroup], chosen: int) -> None:
    """The latents of one group, and one of them, or their mean, large."""
    view, group = scene.view, groups[chosen]
    strip = compute.strip(scene.case, view.block, "probability", view.head, scene.progress)
    latent = view.latent if view.latent in group.latents else None
    large, latents = st.columns([10, 11], gap="medium")
    with large:
        st.subheader(f"Group {chosen + 1}, mean" if latent is None else f"Latent {latent + 1}", anchor=False)
        if latent is None:
            values = group.map
        else:
            reading = Reading("latent", latent, view.head)
            maps = compute.block_maps(scene.case, reading, "blocks", "uniform", scene.progress)
            values = next(one.values for one in maps if one.block == view.block)
        (one,) = scaled([values], unit="")
        scene.shown.large(
            scene.sample,
            one,
            scene.paint,
            f"Block {view.block + 1}, {f'group {chosen + 1}' if latent is None else f'latent {latent + 1}'}",
            view.pick,
            lambda element: state.change(pick=element),
            key="group",
            hint=words.spot(scene.shown.spot),
            limit=448,
        )
    with latents:
        st.subheader(f"Its {len(group.latents)} latents", anchor=False)
        st.caption("The most concentrated first; choose one to see it large.")
        order = [int(i) for i in group.latents]
        scene.shown.strip(
            scene.sample,
            dataclasses.replace(strip, order=np.array(order)),
            [Tile(f"Latent {i + 1}", alt=f"Latent {i + 1}, entropy {strip.entropies[i]:.2f} nats") for i in order],
            "uniform",
            "probability",
            scene.paint,
            order.index(latent) if latent is not None else None,
            lambda index: state.change(latent=order[index] if order[index] != latent else None),
        )


def _numbers(scene: Scene) -> None:
    """How concentrated the latents are, and how far their reading moves: a chart each, and its words."""
    head, blocks = scene.view.head, scene.config.cross_attention_blocks
    narrow = [one.effective for one in explaining.concentrations(scene.case, head, scene.progress)]
    elements = int(np.prod(scene.sample.shape))
    concentrated, moving = st.columns(2, gap="medium")
    with concentrated:
        st.subheader("How much a latent reads", anchor=False)
        told = concentration_text(blocks, narrow, elements)
        figure = concentration_figure(blocks, narrow, elements)
        st.plotly_chart(figure, key="concentration", config={"displayModeBar": False}, alt=told)
        st.caption(text.plain(told))
    if len(blocks) == 1:
        return
    with moving:
        st.subheader("How reading moves from block to block", anchor=False)
        moves = explaining.moves(scene.case, head, scene.progress)
        told = movement_text(moves.steps, moves.divergence)
        figure = movement_figure(moves.steps, moves.divergence)
        st.plotly_chart(figure, key="movement", config={"displayModeBar": False}, alt=told)
        st.caption(text.plain(told))
