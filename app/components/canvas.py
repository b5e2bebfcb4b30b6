"""The clickable map: an image enlarged without interpolation, which shows the value under the pointer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st
from jaxtyping import Bool, Float, UInt8

from . import following
from .frame import asset, pack
from .scale import ColourBar, Profiles, Ruler

MAP_VIEW = (
    *("frame.js", "bar.js", "readout.js", "ruler.js", "profile.js", "select.js", "trail.js", "follow.js", "brush.js"),
    "mapview.js",
)
"""The scripts of a map that is read, selected from and painted on."""

_mount = st.components.v2.component(
    "perceiver_map",
    html=asset("canvas.html", "bar.html"),
    css=asset("bar.css", "readout.css", "ruler.css", "canvas.css"),
    js=asset(*MAP_VIEW, "canvas.js"),
)

BrushWidth = float | Literal["lasso"]
"""Width of a brush as a share of the longer side; a lasso paints what it encloses."""

Box = tuple[int, int, int, int]
"""Top, left, bottom and right of a rectangle of elements, from 0 and with the last."""


@dataclass(frozen=True)
class Grid:
    """Elements that are equal boxes of pixels: the names of their rows and columns, "" for none."""

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
    region: Box | None = None,
    on_region: Callable[[Box | None], None] | None = None,
    brush: BrushWidth | None = None,
    live: bool = False,
    on_stroke: Callable[[Bool[np.ndarray, "M"], bool], None] | None = None,
    below: Profiles | None = None,
    beside: Profiles | None = None,
) -> None:
    """Draws `rgb`; calls `on_pick` with a flat element index (rows first), or None when the selection is cleared. With
    `on_region` a rectangle of elements can be selected.

    label     label for screen readers
    hint      text under the image while the pointer is elsewhere
    values    values shown on hover, in units of `measure`; with `multiple` also as a multiple of uniform
    shades    colour index of each value among the 256 colours of the bar
    limit     maximum width in CSS pixels, including the left ruler
    grid      the elements, if they are not the pixels
    left, bottom  rulers along the sides
    region    the selected rectangle
    brush     with which a drag or a click paints, and neither picks nor selects
    live      calls `on_stroke` while a stroke is drawn too, as often as the page follows
    on_stroke  called with the elements that a stroke has painted, and whether it is still drawn; with none where a
              stroke ends without any
    below, beside  a curve under the image along its columns, and one at its right along its rows
    fill      use the full width, which blurs pixel edges; else pixels are scaled by an integer
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
        "region": region,
        "selectable": on_region is not None,
        "brush": brush_meta(brush, key=key, live=live),
        "below": below.meta() if below else None,
        "beside": beside.meta() if beside else None,
    }
    arrays: dict[str, np.ndarray] = {"rgb": rgb}
    for name, profile in (("profile_below", below), ("profile_beside", beside)):
        if profile is not None:
            arrays[name] = profile.values.astype(np.float32)
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

    def selected() -> None:
        box = st.session_state[key]["region"]
        if on_region is not None and box is not None:
            on_region((int(box[0]), int(box[1]), int(box[2]), int(box[3])) if box else None)

    def painted(told: Mapping[str, Any]) -> None:
        if on_stroke is not None:
            count = len(grid.rows) * len(grid.columns) if grid else height * width
            on_stroke(painted_elements(told["runs"], count), bool(told["live"]))

    data, stroke = pack(meta, **arrays), following.on_stroke(key, "stroke", painted)
    _mount(key=key, data=data, on_pick_change=picked, on_region_change=selected, on_stroke_change=stroke)


def brush_meta(brush: BrushWidth | None, **more: Any) -> dict[str, Any] | None:
    """A brush as `brush.js` and `cloudbrush.js` take it."""
    shown = following.last()
    return None if brush is None else {"width": None if brush == "lasso" else brush, "shown": shown, **more}


def painted_elements(runs: Sequence[float], count: int) -> Bool[np.ndarray, "M"]:
    """Which of so many elements are painted, from [start, stop, start, stop, ...]."""
    elements = np.zeros(count, dtype=bool)
    for start, stop in zip(runs[::2], runs[1::2], strict=True):
        elements[int(start) : int(stop)] = True
    return elements
