"""What can be taken away from the Explain page: the figure, the maps, the scores, the curves, the link."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

import streamlit as st

from ...components import copy_link
from ...compute import BlockMap
from ...explaining import Question
from ..scene import Scene


def menu(scene: Scene, question: Question, names: tuple[str, ...], maps: Mapping[str, BlockMap]) -> None:
    """A menu of downloads, each made when it is clicked, and the button that copies the link."""
    stem = f"{PurePath(scene.sample.name).stem}-{scene.case.model}-explained"
    with st.popover("Export", icon=":material/download:"):
        st.caption(stem)
    copy_link(key="link")
