"""Rotatable point clouds: a single one with values on hover, or a row of one cloud coloured by several maps.

All clouds of the page share one camera.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Bool, Float, Float32, UInt8

from . import following
from .canvas import BrushWidth, brush_meta, painted_elements
from .frame import asset, pack
from .scale import ColourBar
from .wall import Tile

_DRAWN = ("frame.js", "bar.js", "camera.js", "splats.js", "stage.js")
_mount = st.components.v2.component(
    "perceiver_cloud",
    html=asset("cloud.html", "bar.html"),
    css=asset("bar.css", "readout.css", "canvas.css", "cloud.css"),
    js=asset(*_DRAWN, "readout.js", "cloudbox.js", "trail.js", "follow.js", "cloudbrush.js", "cloud.js"),
)
_mount_row = st.components.v2.component(
    "perceiver_clouds",
    html=asset("wall.html", "bar.html"),
    css=asset("bar.css", "wall.css", "cloud.css"),
    js=asset(*_DRAWN, "tiles.js", "clouds.js"),
)

Colour = tuple[int, int, int]
Rectangle = tuple[float, float, float, float, float, float]
"""Azimuth and elevation of a view in degrees, and left, right, bottom and top in it, in units of the points."""


@dataclass(frozen=True)
class Cloud:
    """Points and drawing options.

    points  coordinates, centred at the origin
    up      index of the up axis, 0 to 2
    reach   distance from the origin that is visible at every rotation
    look    initial camera and dot size: `LOOK` in `perceiver/plots/drawing/points.py`
    ground  background colour
    ink     edge colour of the points
    """

    points: Float32[np.ndarray, "n 3"]
    up: int
    reach: float
    look: Mapping[str, float]
    ground: Colour
    ink: Colour

    def meta(self) -> dict[str, Any]:
        """The entries of the cloud in the head of a frame; the points are sent as an array."""
        return {"up": self.up, "reach": self.reach, "look": dict(self.look), "ground": self.ground, "ink": self.ink}


def cloud(
    shown: Cloud,
    colours: UInt8[np.ndarray, "n 3"],
    *,
    key: str,
    label: str,
    hint: str,
    on_pick: Callable[[int | None], None] | None = None,
    pick: int | None = None,
    values: Float[np.ndarray, "n"] | None = None,
    shades: UInt8[np.ndarray, "n"] | None = None,
    bar: ColourBar | None = None,
    measure: str = "",
    multiple: bool = False,
    limit: int | None = None,
    region: bool = False,
    on_region: Callable[[Rectangle | None], None] | None = None,
    brush: BrushWidth | None = None,
    through: bool = False,
    live: bool = False,
    on_stroke: Callable[[Bool[np.ndarray, "n"], bool], None] | None = None,
) -> None:
    """Draws one cloud; with `on_pick`, values are shown on hover and points can be selected; with `on_region` the
    points in a rectangle of the current view, at any depth.

    on_pick   called with the index of a point, or None when the selection is cleared
    label     label for screen readers
    hint      text under the image while the pointer is elsewhere
    values    values shown on hover, in units of `measure`; with `multiple` also as a multiple of uniform
    shades    colour index of each value among the 256 colours of the bar
    limit     maximum side in CSS pixels
    region    whether a region is selected, which Escape clears
    brush     with which a drag paints points and does not turn the cloud
    through   whether it paints all points under it, or those that are seen
    live, on_stroke  as of `map_canvas`
    """
    meta = shown.meta() | {
        "label": label,
        "hint": hint,
        "region": region,
        "selectable": on_region is not None,
        "readable": on_pick is not None,
        "brush": brush_meta(brush, key=key, live=live, through=through),
        "pick": pick,
        "measure": measure,
        "multiple": multiple,
        "limit": limit,
        "bar": bar.meta() if bar else None,
    }
    arrays = {"points": shown.points, "colours": colours}
    if values is not None:
        arrays["values"] = values.astype(np.float32, copy=False)
    if shades is not None:
        arrays["shades"] = shades
    if bar is not None:
        arrays["table"] = bar.table

    def picked() -> None:
        point = st.session_state[key]["pick"]
        if on_pick is not None and point is not None:
            on_pick(point if point >= 0 else None)

    def selected() -> None:
        box = st.session_state[key]["region"]
        if on_region is not None and box is not None:
            on_region((box[0], box[1], box[2], box[3], box[4], box[5]) if box else None)

    def painted(told: Mapping[str, Any]) -> None:
        if on_stroke is not None:
            on_stroke(painted_elements(told["runs"], len(shown.points)), bool(told["live"]))

    data, stroke = pack(meta, **arrays), following.on_stroke(key, "stroke", painted)
    _mount(key=key, data=data, on_pick_change=picked, on_region_change=selected, on_stroke_change=stroke)


def cloud_row(
    shown: Cloud,
    colours: UInt8[np.ndarray, "maps n 3"],
    tiles: Sequence[Tile],
    *,
    key: str,
    label: str,
    on_pick: Callable[[int], None],
    chosen: int | None = None,
    pick: int | None = None,
    bar: ColourBar | None = None,
    tile: int = 220,
    limit: int = 400,
) -> None:
    """Draws one cloud in the colours of each map; calls `on_pick` with the index of the selected map.

    pick   the point marked on all clouds
    bar    colour bar shared by all maps
    tile   minimum side of a cloud in CSS pixels
    limit  maximum side of a cloud in CSS pixels

    Raises ValueError if the numbers of tiles and maps differ.
    """
    if len(colours) != len(tiles):
        raise ValueError(f"{len(colours)} maps and {len(tiles)} tiles")
    meta = shown.meta() | {
        "label": label,
        "chosen": chosen,
        "pick": pick,
        "tile": tile,
        "limit": limit,
        "dense": False,
        "tall": None,
        "tiles": [asdict(t) for t in tiles],
        "bar": bar.meta() if bar else None,
    }
    arrays = {"points": shown.points, "colours": colours}
    if bar is not None:
        arrays["scale"] = bar.table

    def picked() -> None:
        index = st.session_state[key]["pick"]
        if index is not None:
            on_pick(index)

    _mount_row(key=key, data=pack(meta, **arrays), on_pick_change=picked)
