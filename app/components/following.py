"""Strokes that the page follows while they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from .frame import asset, pack

_mount = st.components.v2.component("perceiver_echo", js=asset("frame.js", "echo.js"))

Act = Callable[[Mapping[str, Any]], None]
"""Called with a message of `follow.js`."""

_ACTS = "stroke_acts"
_SERIAL = "stroke_serial"


def on_stroke(key: str, trigger: str, act: Act) -> Callable[[], None]:
    """The callback of a component's trigger for strokes. What the page follows while a stroke is drawn comes by way of
    `echo` where there is one.

    key  of the component
    """
    st.session_state.setdefault(_ACTS, {})[key] = act

    def told() -> None:
        message = st.session_state[key][trigger]
        if message is not None:
            _tell(act, message)

    return told


def echo() -> None:
    """Tells the browser that what is drawn above shows the last stroke, so that the next may come; draws nothing. In a
    fragment, that alone is run for what is told while a stroke is drawn."""

    def told() -> None:
        message = st.session_state["echo"]["live"]
        act = None if message is None else st.session_state.get(_ACTS, {}).get(message["of"])
        if act is not None:
            _tell(act, message)

    data = pack({"serial": last()})
    _mount(key="echo", data=data, width="content", height="content", on_live_change=told)


def last() -> int:
    """The serial of the last message, 0 for none. As a part of what a component is sent, it tells that its stroke is
    shown, also where nothing else has changed."""
    return int(st.session_state.get(_SERIAL, 0))


def _tell(act: Act, message: Mapping[str, Any]) -> None:
    """Does what a message says, unless a later one came first: those of two components may change places."""
    serial = int(message["serial"])
    if serial > last():
        st.session_state[_SERIAL] = serial
        act(message)
