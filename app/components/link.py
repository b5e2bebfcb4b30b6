"""A button that copies the address of the page, which contains the state of the view."""

from __future__ import annotations

import streamlit as st

from .frame import asset

_mount = st.components.v2.component(
    "perceiver_link", html=asset("link.html"), css=asset("link.css"), js=asset("link.js")
)


def copy_link(*, key: str) -> None:
    """Draws the button."""
    _mount(key=key, width="content")
