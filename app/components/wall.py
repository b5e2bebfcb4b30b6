"""A grid of thumbnails of equal size, one of which can be selected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import streamlit as st
from jaxtyping import UInt8

from .frame import asset, pack
from .scale import ColourBar, Profiles

_mount = st.components.v2.component(
    "perceiver_wall",
    html=asset("wall.html", "bar.html"),
    css=asset("bar.css", "wall.css"),
    js=asset("frame.js", "bar.js", "profile.js", "moment.js", "tiles.js", "wall.js"),
)


@dataclass(frozen=True)
class Tile:
    """The text of one tile: title, note, named facts, and `alt` for screen readers. An empty tile is left blank.

    share   length in [0, 1] of a bar under the image; None for no bar
    remark  a line of its own under the bar
    """

    title: str
    note: str = ""
    share: float | None = None
    remark: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    alt: str = ""
    empty: bool = False


@dataclass(frozen=True)
class Moving:
    """The window of a clip whose frames tiles show: its start and end, and the moment, in seconds of the clip."""

    start: float
    stop: float
    moment: float


def wall(
    pixels: UInt8[np.ndarray, "n H W 3"] | UInt8[np.ndarray, "n H W"] | UInt8[np.ndarray, "n frames H W 3"],
    tiles: Sequence[Tile],
    *,
    key: str,
    label: str,
    on_pick: Callable[[int], None],
    chosen: int | None = None,
    table: UInt8[np.ndarray, "256 3"] | None = None,
    bar: ColourBar | None = None,
    tile: int = 220,
    dense: bool = False,
    named: bool = False,
    tall: int | None = None,
    limit: int | None = None,
    fill: bool = False,
    profiles: Profiles | None = None,
    moving: Moving | None = None,
) -> None:
    """Draws the tiles in a grid; calls `on_pick` with the index of the tile selected by mouse or keyboard.

    pixels  RGB, or indices into `table`; with `moving` those of every frame
    bar     colour bar shared by all tiles
    tile    minimum width of a tile in CSS pixels
    dense   show images only, with their text on hover
    named   show the title of dense tiles too, in one line
    tall    maximum height of a dense grid in CSS pixels, above which it scrolls
    limit   maximum width of a tile in CSS pixels
    fill    use the full width of a tile, which blurs pixel edges; else pixels are scaled by an integer
    profiles  curves under the images, one row per tile
    moving  shows the frame at a moment of a clip, and follows the players on the page

    Raises ValueError if the numbers of tiles and images differ.
    """
    count, (height, width) = len(pixels), pixels.shape[2:4] if moving else pixels.shape[1:3]
    if count != len(tiles):
        raise ValueError(f"{count} pictures and {len(tiles)} tiles")
    meta = {
        "height": height,
        "width": width,
        "label": label,
        "chosen": chosen,
        "tile": tile,
        "dense": dense,
        "named": named,
        "tall": tall,
        "limit": limit,
        "fill": fill,
        "tiles": [asdict(t) for t in tiles],
        "bar": bar.meta() if bar else None,
        "profile": profiles.meta() if profiles else None,
        "moving": {**asdict(moving), "frames": pixels.shape[1]} if moving else None,
    }
    arrays: dict[str, np.ndarray] = {"pixels": pixels}
    if profiles is not None:
        arrays["profiles"] = profiles.values.astype(np.float32)
    if table is not None:
        arrays["table"] = table
    if bar is not None:
        arrays["scale"] = bar.table

    def picked() -> None:
        index = st.session_state[key]["pick"]
        if index is not None:
            on_pick(index)

    _mount(key=key, data=pack(meta, **arrays), on_pick_change=picked)
