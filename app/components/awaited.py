"""An empty place for something that is drawn when it comes into the window."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from .frame import asset

_mount = st.components.v2.component(
    "perceiver_awaited", html=asset("awaited.html"), css=asset("awaited.css"), js=asset("frame.js", "awaited.js")
)


def awaited(*, key: str, label: str, on_seen: Callable[[], None]) -> None:
    """Draws the place; calls `on_seen` when it comes into the window.

    label  what is drawn there, for screen readers
    """
    _mount(key=key, data={"label": label}, on_seen_change=on_seen)
