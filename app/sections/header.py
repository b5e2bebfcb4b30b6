"""The row above every page: the name of the app and the links to its pages.

This module imports nothing that needs torch, so that the first visitor of a process sees it at once.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence

import streamlit as st

from ..components import remember_sidebar

HEAVY = ("pandas", "app.services.inference", "app.sections.downloads")
"""Modules that all pages need, and whose imports take seconds: pandas first, as plotly looks into a pandas that another
visitor's thread is still importing, and fails; then PyTorch; then what draws figures."""


def header(pages: Sequence[st.Page], description: str) -> None:
    """Title and links. Streamlit's own navigation hides itself behind a button on narrow screens."""
    with st.container(horizontal=True, vertical_alignment="center", key="header"):
        st.title("Perceiver Lens", anchor=False, width="content")
        with st.container(horizontal=True, width="content", key="pages"):
            for page in pages:
                st.page_link(page, width="content")
        remember_sidebar(key="sidebar")
    st.caption(description)


def contents(sections: Mapping[str, str]) -> None:
    """Links to the sections of the page below the first screen: titles by anchor."""
    links = " · ".join(f"[{title}](#{anchor})" for anchor, title in sections.items())
    st.caption(f"Below: {links}", width="content")


def load_libraries() -> None:
    """Imports PyTorch, and says so while the first visitor of the process waits for it."""
    place = st.empty()  # in every run, so that what stands below keeps its place
    if all(name in sys.modules for name in HEAVY):
        return
    with place.container():
        st.caption("Starting: the first visit loads PyTorch.")
        st.skeleton(height=420)
    for name in HEAVY:
        importlib.import_module(name)
    place.empty()


def start_workers() -> None:
    """Prepares for uploads once a page is shown, so that the first of a process need not wait."""
    importlib.import_module("app.services.inference").start_workers()
