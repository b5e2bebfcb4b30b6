"""The drawing pad: strokes of a mouse, a finger or a pen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from .following import on_stroke
from .frame import asset, pack

_mount = st.components.v2.component(
    "perceiver_pad",
    html=asset("pad.html"),
    css=asset("button.css", "pad.css"),
    js=asset("frame.js", "follow.js", "pad.js"),
)

Line = tuple[float, ...]
"""A stroke: the width of the pen, then x and y of each point, from the upper left corner; all as shares of the longer
side of the pad."""


def pad(
    lines: Sequence[Line],
    *,
    key: str,
    label: str,
    hint: str,
    empty: str,
    shape: tuple[int, int],
    ink: str,
    ground: str,
    width: float,
    live: bool,
    on_draw: Callable[[tuple[Line, ...], bool], None],
) -> None:
    """Draws the pad; calls `on_draw` with all strokes after each of them, and when some are taken back.

    lines   what was drawn before; once mounted, the pad knows that itself
    label   label for screen readers
    hint    text below the pad
    empty   text on it while nothing is drawn
    shape   rows and columns of the picture, whose aspect the pad has
    ink     colour of the pen and of the ground, "#rrggbb"
    width   of the pen, as a share of the longer side
    live    calls `on_draw` while a stroke is drawn too, as often as the page follows; its second argument says so
    """
    rows, columns = shape
    meta = {
        "key": key,
        "label": label,
        "hint": hint,
        "empty": empty,
        "rows": rows,
        "columns": columns,
        "ink": ink,
        "ground": ground,
        "width": width,
        "live": live,
        "strokes": [list(line) for line in lines],
    }

    def drawn(told: Mapping[str, Any]) -> None:
        on_draw(tuple(tuple(float(number) for number in line) for line in told["strokes"]), bool(told["live"]))

    _mount(key=key, data=pack(meta), on_drawn_change=on_stroke(key, "drawn", drawn))
