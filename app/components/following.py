"""Strokes that the page follows while they are drawn, and what tells the browser that it has."""

from __future__ import annotations

from typing import Any

import streamlit as st

from .frame import asset, pack

_mount = st.components.v2.component("perceiver_echo", js=asset("frame.js", "echo.js"))

_SERIAL = "stroke_serial"


def heard(message: dict[str, Any]) -> bool:
    """Notes a message of `follow.js`; returns whether the stroke is still drawn."""
    st.session_state[_SERIAL] = int(message["serial"])
    return bool(message["live"])


def echo() -> None:
    """Tells the browser that what is drawn above shows the last stroke, so that the next may come; draws nothing."""
    if _SERIAL in st.session_state:
        _mount(key="echo", data=pack({"serial": st.session_state[_SERIAL]}), width="content", height="content")
