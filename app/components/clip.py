"""The envelope of a whole clip, with the movable window that the model gets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st
from jaxtyping import Float32

from .frame import asset, pack
from .scale import Ruler

_mount = st.components.v2.component(
    "perceiver_clip",
    html=asset("clip.html"),
    css=asset("ruler.css", "clip.css"),
    js=asset("frame.js", "ruler.js", "clip.js"),
)


def clip(
    envelope: Float32[np.ndarray, "2 slices"],
    *,
    key: str,
    label: str,
    duration: float,
    window: tuple[float, float],
    bottom: Ruler,
    on_move: Callable[[float], None],
) -> None:
    """Draws the envelope of a clip; calls `on_move` with the start of the window, in seconds, when it is moved.

    envelope  minimum and maximum of each time slice of the clip
    label     label for screen readers
    window    start and end in seconds; movable if the clip is longer
    bottom    ruler of the time in seconds
    """
    start, stop = window
    length = stop - start
    meta = {
        "label": label,
        "duration": duration,
        "length": length,
        "start": start,
        "movable": duration > length,
        "bottom": bottom.meta(),
    }
    low, high = np.clip(envelope, -1, 1)

    def moved() -> None:
        chosen = st.session_state[key]["start"]
        if chosen is not None:
            on_move(chosen)

    _mount(key=key, data=pack(meta, low=low, high=high), on_start_change=moved)
