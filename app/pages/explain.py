"""Explain: what the answer rests on, and whether that holds."""

from __future__ import annotations

import streamlit as st

from app.sections.explain import alike, export, holds, others, rests
from app.sections.explain.question import question
from app.sections.opening import opening, run
from app.services import explaining
from app.session import state, text
from app.session.view import ExplainView


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    opened = opening(ExplainView)
    if opened is None:
        return
    scene, right = opened
    names = tuple(map(text.label, scene.config.labels))
    with right:
        asked = question(scene)
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"What “{text.plain(names[asked.target])}” rests on", anchor=False, width="stretch")
        taken = st.container(horizontal=True, width="content")
    rests.rests(scene, asked, names)
    st.divider()
    st.subheader("Other ways to ask", anchor=False)
    maps = others.others(scene, asked, names)
    with taken:
        export.menu(scene, asked, names, maps)
    st.divider()
    st.subheader("Does it hold?", anchor=False)
    progress = holds.holds(scene, asked, names)
    st.divider()
    st.subheader("Which latents read alike", anchor=False)
    alike.alike(scene)
    scene.progress.done()
    # What is left takes longer, and whatever the visitor does next cuts it short.
    state.publish()
    if explaining.missing(scene.case, asked):
        explaining.go_on(scene.case, asked, progress)
        st.rerun()


run(page)
