"""What the browser does for the page: copy its address, which contains the state of the view, remember whether the
sidebar is open, and tell which anchor the address jumps to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from .frame import asset

_mount = st.components.v2.component(
    "perceiver_link", html=asset("link.html"), css=asset("link.css"), js=asset("link.js")
)

_mount_sidebar = st.components.v2.component("perceiver_sidebar", js=asset("sidebar.js"))

_mount_anchors = st.components.v2.component("perceiver_anchors", js=asset("anchors.js"))


def copy_link(*, key: str) -> None:
    """Draws the button."""
    _mount(key=key, width="content")


def remember_sidebar(*, key: str) -> None:
    """Keeps the sidebar open or closed across reloads; draws nothing."""
    _mount_sidebar(key=key, width="content", height="content")


def listen_for_anchors(anchors: Sequence[str], on_anchor: Callable[[str], None], *, key: str) -> None:
    """Calls `on_anchor` with the anchor that the page is opened at, or that its address is changed to, where it is one
    of these; draws nothing."""

    def told() -> None:
        anchor = st.session_state[key]["anchor"]
        if anchor in anchors:
            on_anchor(anchor)

    _mount_anchors(key=key, data={"anchors": list(anchors)}, width="content", height="content", on_anchor_change=told)
