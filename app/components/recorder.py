"""The recorder of clips: the camera with its microphone, which Streamlit's own inputs do not take together."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from .frame import asset, pack

_mount = st.components.v2.component(
    "perceiver_recorder",
    html=asset("recorder.html"),
    css=asset("button.css", "recorder.css"),
    js=asset("frame.js", "recorder.js"),
)

SECONDS = 10
"""The length at which a recording ends by itself."""

MEGABYTES = 16
"""The size up to which a recording is taken: Streamlit takes 25 MB of text from a page, in which bytes need a third
more."""

_ENDINGS = {"video/webm": "webm", "video/mp4": "mp4"}


def clip_recorder(label: str, *, key: str, on_take: Callable[[str, bytes], None]) -> None:
    """Draws the picture of the camera and the button that records; calls `on_take` with the name and the bytes of the
    file that the browser has made, WebM or MP4, once a recording has ended.

    label  label for screen readers
    """
    meta = {"label": label, "seconds": SECONDS, "megabytes": MEGABYTES}
    state = f"{key}_clip"

    def recorded() -> None:
        told = st.session_state[state]["recorded"]
        file = None if told is None else _file(told)
        if file is not None:
            on_take(*file)

    _mount(key=state, data=pack(meta), on_recorded_change=recorded)


def _file(told: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """The name and the bytes of a recording; None for what the component does not send."""
    ending = _ENDINGS.get(str(told.get("type")))
    try:
        data = base64.b64decode(str(told.get("data")), validate=True)
    except binascii.Error:
        return None
    return (f"recording.{ending}", data) if ending and 0 < len(data) <= MEGABYTES * 1_000_000 else None
