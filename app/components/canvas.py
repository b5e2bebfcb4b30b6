"""The clickable map: one picture, its elements enlarged without blur, with the value under the pointer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import streamlit as st
from jaxtyping import Float, UInt8

from .frame import asset, pack
from .scale import ColourBar, Ruler

_mount = st.components.v2.component(
    "perceiver_map",
    html=asset("canvas.html", "bar.html"),
    css=asset("bar.css", "readout.css", "ruler.css", "canvas.css"),
    js=asset("frame.js", "bar.js", "readout.js", "ruler.js", "canvas.js"),
)


@dataclass(frozen=True)
class Grid:
    """Elements that are boxes of pixels, equal in size: the names of their rows and columns, "" for none."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]


def map_canvas(
    rgb: UInt8[np.ndarray, "H W 3"],
    *,
    key: str,
    label: str,
    hint: str,
    on_pick: Callable[[int | None], None],
    pick: int | None = None,
    values: Float[np.ndarray, "rows columns"] | None = None,
    shades: UInt8[np.ndarray, "rows columns"] | None = None,
    bar: ColourBar | None = None,
    measure: str = "",
    multiple: bool = False,
    limit: int | None = None,
    grid: Grid | None = None,
    left: Ruler | None = None,
    bottom: Ruler | None = None,
    fill: bool = False,
) -> None:
    """Draws `rgb`; calls `on_pick` with a flat element index (rows first), or None when the mark is removed.

    label     for screen readers
    hint      the line under the picture while nothing is pointed at
    values    shown while hovering, in `measure`; with `multiple` also as a multiple of uniform
    shades    the index of each value among the bar's 256 colours
    limit     greatest width in CSS pixels, that of the left ruler included
    grid      the elements, where they are not the pixels
    left, bottom  numbers along the sides
    fill      use all of the width, which softens the edges of pixels; else each is a whole number of device pixels
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
        "grid": asdict(grid) if grid else None,
        "left": left.meta() if left else None,
        "bottom": bottom.meta() if bottom else None,
        "fill": fill,
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
