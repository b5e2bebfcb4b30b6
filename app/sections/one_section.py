"""The control of a page's sections, one of which is shown below it: what is not shown is not computed."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from ..components import listen_for_anchors
from ..session import controls, state
from ..session.view import SectionView


def choose_section(view: SectionView, titles: Mapping[str, str], *, anchors: Mapping[str, str] | None = None) -> str:
    """Draws the control. Returns the section that is shown.

    Links that jump to a section open it: to its name, as headings of pages that showed all sections had it.

    titles   of the sections that there are here, by name
    anchors  other anchors, each with the section that holds what they jump to
    """
    shown = view.shown_section if view.shown_section in titles else next(iter(titles))
    sections = {**{name: name for name in titles}, **(anchors or {})}
    with st.container(key="sections"):
        listen_for_anchors(
            list(sections), lambda anchor: state.change(section=view.with_section(sections[anchor])), key="anchors"
        )
        controls.segments("Section", "section", titles, shown, read=view.with_section, label_visibility="collapsed")
    return shown
