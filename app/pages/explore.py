"""Explore: one input, one model, the map of every block."""

from __future__ import annotations

import streamlit as st

from app.sections import export, overview, reading
from app.sections.opening import opening, run
from app.sections.scene import ExploreScene
from app.services import compute
from app.session import state, text
from app.session.view import ExploreView


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    opened = opening(ExploreView)
    if opened is None:
        return
    scene, right = opened
    with right:
        overview.overview(scene)
        beyond = st.container()
    st.divider()
    _blocks(scene)
    scene.progress.done()
    # What is left may be slow, and whatever the visitor does next cuts it short.
    state.publish()
    with beyond:
        scene.shown.beyond(scene.case, scene.sample)


def _blocks(scene: ExploreScene) -> None:
    """Below the answer: what every block read, one block closely, and who reads a spot."""
    view = scene.view
    asked = reading.asked(scene)
    maps = compute.block_maps(scene.case, asked, view.show, view.scale, scene.progress)
    words = text.reduction(asked, scene.config.cross_heads)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What each block read", anchor=False, width="stretch")
        export.menu(scene, asked, maps, words)
    st.caption(f"{text.meaning(asked, view.show, view.colours)} {text.CAVEAT}")
    reading.choices(scene, asked, show=view.show)
    one = reading.row(scene, maps)
    large, latents, readers = st.columns([21, 17, 14], gap="medium")
    with large:
        reading.large(scene, one, words)
    with latents:
        reading.latents(scene, one.block, asked)
    with readers:
        reading.who_reads(scene, asked)


run(page)
