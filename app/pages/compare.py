"""Compare: checkpoints, encodings and their maps side by side."""

from __future__ import annotations

import streamlit as st

from app.sections.compare import answers, beside, codes, maps, tartan
from app.sections.opening import opening, run
from app.session import state
from app.session.view import CompareView


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    opened = opening(CompareView)
    if opened is None:
        return
    scene, right = opened
    with right:
        scenes = beside.beside(scene)
        answers.answers(scenes)
    st.divider()
    maps.maps(scenes)
    st.divider()
    codes.codes(scenes)
    scene.progress.done()
    # What is left may be slow, and whatever the visitor does next cuts it short.
    state.publish()
    st.divider()
    tartan.tartan(scenes)


run(page)
