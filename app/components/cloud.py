"""Point clouds that can be turned: one alone, whose values can be read, or a row of one cloud coloured by many maps.

All clouds of the page share one camera.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Float, Float32, UInt8

from .frame import asset, pack
from .scale import ColourBar
from .wall import Tile

_DRAWN = ("frame.js", "bar.js", "camera.js", "splats.js", "stage.js")
_mount = st.components.v2.component(
    "perceiver_cloud",
    html=asset("cloud.html", "bar.html"),
    css=asset("bar.css", "readout.css", "canvas.css", "cloud.css"),
    js=asset(*_DRAWN, "readout.js", "cloud.js"),
)
_mount_row = st.components.v2.component(
    "perceiver_clouds",
    html=asset("wall.html", "bar.html"),
    css=asset("bar.css", "wall.css", "cloud.css"),
    js=asset(*_DRAWN, "tiles.js", "clouds.js"),
)

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Cloud:
    """Points and how they are drawn.

    points  their coordinates, about the origin
    up      the axis that points upwards, 0 to 2
    reach   the distance from the origin that stays in the picture however the cloud is turned
    look    where the camera starts and how large dots are: `LOOK` in `perceiver/plots/drawing/points.py`
    ground  the colour behind the points
    ink     the colour of their edges
    """

    points: Float32[np.ndarray, "n 3"]
    up: int
    reach: float
    look: Mapping[str, float]
    ground: Colour
    ink: Colour

    def meta(self) -> dict[str, Any]:
        """The cloud in a frame's head; the points travel beside it."""
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
) -> None:
    """Draws one cloud; with `on_pick` its values can be read and its points marked.

    on_pick   is called with the index of a point, or None when the mark is removed
    label     for screen readers
    hint      the line under the picture while nothing is pointed at
    values    shown while hovering, in `measure`; with `multiple` also as a multiple of uniform
    shades    the index of each value among the bar's 256 colours
    limit     greatest side in CSS pixels
    """
    meta = shown.meta() | {
        "label": label,
        "hint": hint,
        "readable": on_pick is not None,
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

    _mount(key=key, data=pack(meta, **arrays), on_pick_change=picked)


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
    """Draws one cloud in the colours of each map; calls `on_pick` with the index of the map that is chosen.

    pick  the point that is marked on all of them
    bar   the scale that all maps share
    tile  least side of a picture in CSS pixels, and `limit` the greatest

    Raises ValueError when there are not as many tiles as maps.
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
