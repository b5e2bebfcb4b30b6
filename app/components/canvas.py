"""The clickable map: one grid of pixels, enlarged without blur, that says what lies under the pointer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st
from jaxtyping import Float, UInt8

from .bar import ColourBar
from .frame import asset, pack

_mount = st.components.v2.component(
    "perceiver_map",
    html=asset("canvas.html", "bar.html"),
    css=asset("bar.css", "readout.css", "canvas.css"),
    js=asset("frame.js", "bar.js", "readout.js", "canvas.js"),
)


def map_canvas(
    rgb: UInt8[np.ndarray, "H W 3"],
    *,
    key: str,
    label: str,
    hint: str,
    on_pick: Callable[[int | None], None],
    pick: int | None = None,
    values: Float[np.ndarray, "H W"] | None = None,
    shades: UInt8[np.ndarray, "H W"] | None = None,
    bar: ColourBar | None = None,
    measure: str = "",
    multiple: bool = False,
    limit: int | None = None,
) -> None:
    """Draws `rgb`; calls `on_pick` with a flat element index (rows first), or None when the pick is given up.

    label     what a screen reader hears
    hint      the line under the picture while nothing is pointed at
    values    what hovering reads, in `measure`; with `multiple` also as a multiple of uniform
    shades    which of the bar's 256 colours each value has
    limit     greatest width in CSS pixels
    """
    height, width = rgb.shape[:2]
    meta = {
        "height": height,
        "width": width,
        "label": label,
        "hint": hint,
        "pick": pick,
        "measure": measure,
        "multiple": multiple,
        "limit": limit,
        "bar": bar.meta() if bar else None,
    }
    arrays = {"rgb": rgb}
    if values is not None:
        arrays["values"] = values.astype(np.float32, copy=False)
    if shades is not None:
        arrays["shades"] = shades
    if bar is not None:
        arrays["table"] = bar.table

    def picked() -> None:
        element = st.session_state[key]["pick"]
        if element is not None:
            on_pick(element if element >= 0 else None)

    _mount(key=key, data=pack(meta, **arrays), on_pick_change=picked)
