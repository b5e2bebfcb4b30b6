"""Ablate: what happens when frequencies of the position code are taken away."""

from __future__ import annotations

import streamlit as st

from app.sections import export as whole
from app.sections import reading
from app.sections.ablate import answer, code, export, maps, sensitivity, shuffle
from app.sections.opening import opening, run
from app.sections.scene import AblateScene
from app.services import ablating, compute
from app.session import text
from app.session.view import AblateView
from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import AnswerChange


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    opened = opening(AblateView)
    if opened is None:
        return
    scene, right = opened
    off = code.taken(scene)
    with right:
        code.code(scene, off)
        change = ablating.answer(scene.case, off, scene.progress)
        asked = answer.target(scene, change.before)
        answer.answers(scene, change, asked, changed=bool(off))
    st.divider()
    _blocks(scene, off, change, asked)
    # The curve may take its time, and whatever the visitor does next cuts it short.
    curve = st.container()
    st.divider()
    shuffle.shuffle(scene, asked)
    with curve:
        if any(axis.frequencies for axis in ablating.axes(scene.case)):
            st.divider()
            sensitivity.sensitivity(scene, off, asked)
    scene.progress.done()


def _blocks(scene: AblateScene, off: Ablation, change: AnswerChange, target: int) -> None:
    """What every block read, before and after."""
    asked = reading.asked(scene)
    words = text.reduction(asked, scene.config.cross_heads)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What each block read", anchor=False, width="stretch")
        menu = st.container(horizontal=True, width="content")
    st.caption(f"{text.meaning(asked, 'blocks', scene.view.colours)} {text.CAVEAT}")
    reading.choices(scene, asked)
    if not off:
        before = compute.block_maps(scene.case, asked, "blocks", scene.view.scale, scene.progress)
        with menu:
            whole.menu(scene, asked, before, words)
        maps.alone(scene, before)
        return
    changes = ablating.maps(scene.case, asked, off, scene.view.scale, scene.progress)
    with menu:
        export.menu(scene, off, change, target, changes, asked, words)
    maps.closely(scene, maps.rows(scene, changes), words)


run(page)
