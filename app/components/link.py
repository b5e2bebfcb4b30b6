"""What the browser does for the page: copy its address, which contains the state of the view, and remember whether the
sidebar is open."""

from __future__ import annotations

import streamlit as st

from .frame import asset

_mount = st.components.v2.component(
    "perceiver_link", html=asset("link.html"), css=asset("link.css"), js=asset("link.js")
)

_mount_sidebar = st.components.v2.component("perceiver_sidebar", js=asset("sidebar.js"))


def copy_link(*, key: str) -> None:
    """Draws the button."""
    _mount(key=key, width="content")


def remember_sidebar(*, key: str) -> None:
    """Keeps the sidebar open or closed across reloads; draws nothing."""
    _mount_sidebar(key=key, width="content", height="content")
