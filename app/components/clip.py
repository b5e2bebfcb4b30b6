"""The envelope or the pictures of a whole clip, with the movable window that the model gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Float32, UInt8

from .frame import asset, pack
from .scale import Ruler

_mount = st.components.v2.component(
    "perceiver_clip",
    html=asset("clip.html"),
    css=asset("ruler.css", "clip.css"),
    js=asset("frame.js", "ruler.js", "clip.js"),
)


def clip(
    seen: Float32[np.ndarray, "2 slices"] | UInt8[np.ndarray, "n H W 3"],
    *,
    key: str,
    label: str,
    duration: float,
    window: tuple[float, float],
    bottom: Ruler,
    on_move: Callable[[float], None],
) -> None:
    """Draws a whole clip; calls `on_move` with the start of the window, in seconds, when it is moved.

    seen    minimum and maximum of each time slice of a sound; or pictures of a video, evenly spread, maybe none
    label   label for screen readers
    window  start and end in seconds; movable if the clip is longer
    bottom  ruler of the time in seconds
    """
    start, stop = window
    length = stop - start
    meta: dict[str, Any] = {
        "label": label,
        "duration": duration,
        "length": length,
        "start": start,
        "movable": duration > length,
        "bottom": bottom.meta(),
    }
    arrays: dict[str, np.ndarray] = {}
    if seen.dtype == np.uint8:
        count, height, width = seen.shape[:3]
        meta |= {"count": count, "height": height, "width": width}
        arrays = {"pixels": seen} if count else {}
    else:
        arrays["low"], arrays["high"] = np.clip(seen, -1, 1)

    def moved() -> None:
        chosen = st.session_state[key]["start"]
        if chosen is not None:
            on_move(chosen)

    _mount(key=key, data=pack(meta, **arrays), on_start_change=moved)
