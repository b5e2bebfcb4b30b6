"""Clusters of latents with similar maps, how concentrated latents are, and how their maps move from block to block."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import streamlit as st

from perceiver.analysis.formatting import number
from perceiver.analysis.latents import LatentGroup
from perceiver.analysis.maps import MapSelection
from perceiver.plots.explanations import concentration_figure, concentration_text, movement_figure, movement_text

from ...components import Tile
from ...services import explanation
from ...services.maps import maps, strip
from ...session import controls, state, text
from ...session.view import CLUSTERS
from ...views.chart import chart
from ..context import ExplainContext
from ..maps import head_control
from .share_maps import pointing_hint, scale_text, share_maps

TILE = 130
"""Least width of a cluster's map in CSS pixels, where there are more than four."""


def show(context: ExplainContext) -> None:
    """The clusters of a block, one of them in detail, and the measures of all blocks."""
    view = context.view
    clusters = explanation.latent_clusters(context.case, view.block, view.groups, view.head, context.progress)
    st.caption("The latents of a block, clustered by how much their maps overlap; each map is the mean of its cluster.")
    _options(context)
    chosen = min(view.group or 0, len(clusters) - 1)
    maps = share_maps([cluster.map for cluster in clusters], unit="")
    context.modality.row(
        context.sample,
        maps,
        [_tile(i, cluster) for i, cluster in enumerate(clusters)],
        context.paint,
        chosen,
        view.pick,
        lambda index: state.change(group=index, latent=None),
        key="groups",
        name=f"Latent clusters of block {view.block + 1}",
        tile=180 if len(clusters) <= 4 else TILE,
    )
    st.caption(scale_text(maps[0].range))
    _cluster(context, clusters, chosen)
    _measures(context)


def _options(context: ExplainContext) -> None:
    config, view = context.config, context.view
    blocks = config.cross_attention_blocks
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if len(blocks) > 1:
            names = {block: f"Block {block + 1}" for block in blocks}
            key = "block_of_groups"
            st.session_state[key] = view.block
            st.selectbox(
                "Latents of",
                blocks,
                format_func=names.__getitem__,
                key=key,
                on_change=_change_block,
                width=150,
                help="The block whose latents are clustered.",
            )
        head_control(context)
        low, high = CLUSTERS
        controls.slider(
            "Clusters",
            "groups",
            (low, min(high, config.num_latents), 1),
            view.groups,
            width=260,
            help="How many clusters the latents are put into: average linkage on the distances of their maps.",
        )


def _change_block() -> None:
    state.change(block=st.session_state["block_of_groups"], group=None, latent=None)


def _tile(i: int, cluster: LatentGroup) -> Tile:
    count = f"{len(cluster.latents)} latent{'s' * (len(cluster.latents) != 1)}"
    reads = f"{number(cluster.effective)} element{'s' * (number(cluster.effective) != '1')}"
    title = f"Cluster {i + 1}"
    return Tile(title, note=count, facts=(("reads", reads),), alt=f"{title}, {count}; reads {reads}")


def _cluster(context: ExplainContext, clusters: Sequence[LatentGroup], chosen: int) -> None:
    """The latents of one cluster, and the map of one of them, or their mean, large."""
    view, cluster = context.view, clusters[chosen]
    thumbnails = strip(context.case, view.block, "probability", view.head, context.progress)
    latent = view.latent if view.latent in cluster.latents else None
    large, latents = st.columns([10, 11], gap="medium")
    with large:
        st.subheader(f"Cluster {chosen + 1}, mean" if latent is None else f"Latent {latent + 1}", anchor=False)
        if latent is None:
            values = cluster.map
        else:
            selection = MapSelection(latent=latent, head=view.head)
            values = maps(context.case, selection, context.progress)[view.block]
        (one,) = share_maps([values], unit="")
        context.modality.large(
            context.sample,
            one,
            context.paint,
            f"Block {view.block + 1}, {f'cluster {chosen + 1}' if latent is None else f'latent {latent + 1}'}",
            view.pick,
            lambda element: state.change(pick=element),
            key="group",
            hint=pointing_hint(context.modality.spot),
            limit=448,
        )
    with latents:
        st.subheader(f"Its {len(cluster.latents)} latents", anchor=False)
        st.caption("The most concentrated first; choose one to see it large.")
        order = [int(i) for i in cluster.latents]
        context.modality.strip(
            context.sample,
            dataclasses.replace(thumbnails, order=np.array(order)),
            [Tile(f"Latent {i + 1}", alt=f"Latent {i + 1}, entropy {thumbnails.entropies[i]:.2f} nats") for i in order],
            "uniform",
            "probability",
            context.paint,
            order.index(latent) if latent is not None else None,
            lambda index: state.change(latent=order[index] if order[index] != latent else None),
        )


def _measures(context: ExplainContext) -> None:
    """How concentrated the latents are, and how far their maps move: two charts with their captions."""
    head, blocks = context.view.head, context.config.cross_attention_blocks
    narrow = [one.effective for one in explanation.concentrations(context.case, head, context.progress)]
    elements = int(np.prod(context.sample.shape))
    concentrated, moving = st.columns(2, gap="medium")
    with concentrated:
        st.subheader("How much a latent reads", anchor=False)
        told = concentration_text(blocks, narrow, elements)
        chart(lambda: concentration_figure(blocks, narrow, elements), key="concentration", alt=told)
        st.caption(text.plain(told))
    if len(blocks) == 1:
        return
    with moving:
        st.subheader("How reading moves from block to block", anchor=False)
        moves = explanation.map_movement(context.case, head, context.progress)
        told = movement_text(moves.steps, moves.divergence)
        chart(lambda: movement_figure(moves.steps, moves.divergence), key="movement", alt=told)
        st.caption(text.plain(told))
