"""The player of a clip: the frame of one moment and the sound around it, each with its part of a map; a bar of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Bool, Float, Float32, UInt8

from . import following
from .canvas import MAP_VIEW, Box, BrushWidth, Grid, brush_meta, painted_elements
from .frame import asset, pack
from .scale import ColourBar, Ruler
from .wall import Moving

_mount = st.components.v2.component(
    "perceiver_player",
    html=asset("player.html").replace("CANVAS", asset("canvas.html")) + asset("bar.html"),
    css=asset("bar.css", "readout.css", "ruler.css", "canvas.css", "player.css"),
    js=asset(*MAP_VIEW, "moment.js", "player.js"),
)


@dataclass(frozen=True)
class Frames:
    """The frames of a clip, as many for every element in time.

    grid    the elements of a frame
    pick    the marked element, among those of all frames; None for none
    region  the first and the last step in time of what is selected, and its rectangle there; None for none
    values  shown on hover, and the colours that they have among the 256 of the bar
    """

    pixels: UInt8[np.ndarray, "frames H W 3"]
    grid: Grid
    steps: int
    pick: int | None = None
    region: tuple[tuple[int, int], Box] | None = None
    values: Float[np.ndarray, "steps rows columns"] | None = None
    shades: UInt8[np.ndarray, "steps rows columns"] | None = None


@dataclass(frozen=True)
class Track:
    """The sound of a clip: a picture of it along time, and what is heard.

    grid     the elements, in one row
    samples  at `rate` Hz
    values   shown on hover, and the colours that they have among the 256 of the bar
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    grid: Grid
    samples: Float32[np.ndarray, "samples"]
    rate: int
    pick: int | None = None
    region: Box | None = None
    values: Float[np.ndarray, "1 elements"] | None = None
    shades: UInt8[np.ndarray, "1 elements"] | None = None
    bottom: Ruler | None = None


@dataclass(frozen=True)
class Selected:
    """A rectangle of elements that was selected: of the sound, or of the frames at one step in time."""

    part: str
    step: int
    box: Box


@dataclass(frozen=True)
class Painted:
    """Elements that were painted: of the sound, or of the frames at one step in time."""

    part: str
    step: int
    elements: Bool[np.ndarray, "n"]


def player(
    frames: Frames | None,
    track: Track | None,
    window: Moving,
    names: Sequence[str],
    *,
    key: str,
    label: str,
    hint: str,
    on_moment: Callable[[float], None],
    on_pick: Callable[[str, int | None, float], None],
    on_region: Callable[[Selected | None, float], None] | None = None,
    brush: BrushWidth | None = None,
    live: bool = False,
    on_stroke: Callable[[Painted, float, bool], None] | None = None,
    bar: ColourBar | None = None,
    measure: str = "",
    multiple: bool = False,
    whole: tuple[int, float] | None = None,
    limit: int | None = None,
) -> None:
    """Draws a clip at a moment, which playing and the bar of time change in the browser.

    names      of the frames, or of equal steps in time where there are none, with their times
    on_moment  called with a moment that is kept, in seconds of the clip
    on_pick    called with "video" or "audio", the number of an element within it, None when the mark is cleared, and
               the moment
    on_region  called with what is selected, None when it is cleared, and the moment
    brush      with which a drag or a click paints, and neither picks nor selects
    live, on_stroke  as of `map_canvas`; called with what a stroke has painted, the moment, and whether it is still
               drawn
    measure    the unit of the values; with `multiple` they are also shown as multiples of uniform
    whole      the number of elements of the whole map, and the sum of its values
    """
    every = {
        "label": label,
        "measure": measure,
        "multiple": multiple,
        "whole": whole and {"elements": whole[0], "sum": whole[1]},
        "limit": limit,
        "left": None,
        "fill": True,
        "selectable": on_region is not None,
        "brush": brush_meta(brush, key=key, live=live),
        "below": None,
        "beside": None,
    }
    count = len(names)
    meta: dict[str, Any] = {
        **asdict(window),
        "frames": count,
        "each": 1 if frames is None else count // frames.steps,
        "names": list(names),
        "label": f"{label}. Moment",
        "bar": bar.meta() if bar else None,
        "picture": None,
        "sound": None,
    }
    arrays: dict[str, np.ndarray] = {} if bar is None else {"table": bar.table}
    if frames is not None:
        region = None if frames.region is None else {"steps": frames.region[0], "box": frames.region[1]}
        height, width = frames.pixels.shape[1:3]
        own = {"height": height, "width": width, "grid": asdict(frames.grid), "pick": frames.pick, "region": region}
        meta["picture"] = every | own | {"hint": hint, "bar": meta["bar"], "bottom": None}
        arrays |= _arrays("", frames.pixels, frames.values, frames.shades)
    if track is not None:
        height, width = track.pixels.shape[:2]
        own = {"height": height, "width": width, "grid": asdict(track.grid), "pick": track.pick, "region": track.region}
        bottom = track.bottom.meta() if track.bottom else None
        meta["sound"] = every | own | {"hint": hint, "label": f"{label}. Sound", "bottom": bottom}
        meta["rate"] = track.rate
        arrays |= _arrays("_sound", track.pixels, track.values, track.shades) | {"samples": track.samples}

    def picked() -> None:
        found = st.session_state[key]["pick"]
        if found is not None:
            on_pick(str(found["part"]), int(found["at"]) if found["at"] >= 0 else None, float(found["moment"]))

    def moved() -> None:
        found = st.session_state[key]["moment"]
        if found is not None:
            on_moment(float(found))

    def selected() -> None:
        found = st.session_state[key]["region"]
        if on_region is None or found is None:
            return
        box = found["box"] and (int(found["box"][0]), *(int(side) for side in found["box"][1:4]))
        on_region(Selected(str(found["part"]), int(found["step"]), box) if box else None, float(found["moment"]))

    def painted(told: Mapping[str, Any]) -> None:
        if on_stroke is None:
            return
        part = str(told["part"])
        shown = frames if part == "video" else track
        if shown is not None:
            elements = painted_elements(told["runs"], len(shown.grid.rows) * len(shown.grid.columns))
            on_stroke(Painted(part, int(told["step"]), elements), float(told["moment"]), bool(told["live"]))

    _mount(
        key=key,
        data=pack(meta, **arrays),
        on_pick_change=picked,
        on_moment_change=moved,
        on_region_change=selected,
        on_stroke_change=following.on_stroke(key, "stroke", painted),
    )


def _arrays(
    ending: str, pixels: np.ndarray, values: np.ndarray | None, shades: np.ndarray | None
) -> dict[str, np.ndarray]:
    out = {f"rgb{ending}": pixels}
    if values is not None and shades is not None:
        out |= {f"values{ending}": values.astype(np.float32), f"shades{ending}": shades}
    return out
