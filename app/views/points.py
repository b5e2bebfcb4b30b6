"""The view of point clouds and their maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

import numpy as np
import streamlit as st
from jaxtyping import Float32, UInt8

from perceiver.analysis.formatting import count
from perceiver.analysis.region import ViewBox
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.drawing import colours_for
from perceiver.plots.drawing import points as dots
from perceiver.plots.scale import ColourScale
from perceiver.sample import Sample

from ..components import Cloud, Tile, cloud, cloud_row, wall
from ..services.inference import Case
from ..services.maps import Strip
from ..session import state
from ..session.view import View
from .base import (
    Brush,
    Described,
    Inside,
    OnChoice,
    OnPick,
    OnRegion,
    Paint,
    Recorder,
    colour_bar,
    in_place,
    painting,
    readout,
)
from .point_options import Points, reading_options

DRAWING = dots.PointsDrawing()
SIDE = 400
"""Maximum side of the clouds next to the prediction, in CSS pixels."""

THUMB = 128
"""Side of the thumbnails of latents in pixels; halved for many latents."""

FADED = 0.22
"""What remains of the colour of points outside of the selected region."""

KEYS = "Arrow keys turn it, plus and minus zoom"


class PointsView(Described):
    """Point clouds: maps are the colours of the points of the model input; all clouds rotate together."""

    modality = DRAWING.modality
    spot = "point"
    over_input = False
    recorder: Recorder | None = None

    def thumbnail(self, sample: Sample) -> UInt8[np.ndarray, "S S 3"]:
        """The cloud from a fixed viewpoint, 128 x 128 pixels."""
        points = _points(sample)
        return dots.shot(points.seen, points.model_up, side=128).paint(_quiet(points.seen, points), dots.DARK)

    def options(self, case: Case, sample: Sample, read: Mapping[str, str]) -> None:
        """The up axis, the columns of a table, stray points, and how points are sampled."""
        reading_options(_points(sample), self.size(sample), read)

    def beyond(self, case: Case, sample: Sample) -> None:
        """Nothing: the whole cloud is shown already."""

    def element(self, index: int, sample: Sample) -> str:
        """Number of the point, from 1."""
        return f"point {index + 1}"

    def reaches(self, sample: Sample) -> tuple[str, str] | None:
        """Points behind others can be painted with them."""
        return "Points in front", "All points"

    def size(self, sample: Sample) -> str:
        """The number of points."""
        return DRAWING.size(sample)

    def seen(
        self,
        sample: Sample,
        pick: int | None,
        on_pick: OnPick,
        *,
        hint: str = "Pick a point to see which latents attend to it.",
        inside: Inside | None = None,
        on_region: OnRegion | None = None,
        brush: Brush | None = None,
    ) -> None:
        """The points of the model input."""
        points = _points(sample)
        cloud(
            _cloud(points.seen, points, dots.DARK),
            _faded(_quiet(points.seen, points), inside, dots.DARK),
            key="seen",
            label=f"The point cloud as the model read it, {self.size(sample)}. {KEYS}, Enter marks a point.",
            hint=hint,
            pick=pick,
            on_pick=on_pick,
            limit=SIDE,
            region=inside is not None,
            on_region=_selection(points, on_region),
            **painting(brush),
            through=brush is not None and brush.through,
            on_stroke=brush.on_stroke if brush else None,
        )

    def original(self, case: Case, sample: Sample) -> None:
        """All points, up to a limit, in the colours of the file if it has any. A click picks the element that the
        point belongs to."""
        points, pick = _points(sample), state.view(View).pick
        marked = None if pick is None else np.flatnonzero(points.nearest == pick)
        cloud(
            _cloud(points.original, points, dots.DARK),
            points.colours if points.colours is not None else _quiet(points.original, points),
            key="original",
            label=f"The whole point cloud. {_held(points)} {KEYS}, Enter picks a point.",
            hint="Drag to turn it; a wheel, two fingers or + and − zoom.",
            pick=int(marked[0]) if marked is not None and len(marked) else None,
            on_pick=partial(_pick_nearest, points),
            limit=SIDE,
        )
        st.caption(_held(points))

    def row(
        self,
        sample: Sample,
        maps: Sequence[BlockMap],
        tiles: Sequence[Tile],
        paint: Paint,
        chosen: int | None,
        pick: int | None,
        on_pick: OnChoice,
        *,
        key: str = "row",
        name: str = "Maps of the blocks",
        bar: bool = True,
        tile: int = 220,
    ) -> None:
        """The cloud in the colours of each map, side by side."""
        points = _points(sample)
        colours = colours_for(maps[0].range, paint.colours)
        cloud_row(
            _cloud(points.seen, points, dots.ground(colours)),
            in_place([dots.coloured(points, m.values, m.range, colours) for m in maps], tiles),
            tiles,
            key=key,
            label=name,
            bar=colour_bar(maps[0].range, paint) if bar and maps[0].range.comparable else None,
            chosen=chosen,
            pick=pick,
            on_pick=on_pick,
            tile=tile,
        )

    def large(
        self,
        sample: Sample,
        shown: BlockMap,
        paint: Paint,
        label: str,
        pick: int | None,
        on_pick: OnPick,
        *,
        key: str = "large",
        hint: str = "Point at a point to read its value; pick it to see which latents attend to it.",
        limit: int = 640,
        inside: Inside | None = None,
        on_region: OnRegion | None = None,
    ) -> None:
        """The cloud in the colours of one map, and an input for the number of a point."""
        points = _points(sample)
        colours = colours_for(shown.range, paint.colours)
        cloud(
            _cloud(points.seen, points, dots.ground(colours)),
            _faded(dots.coloured(points, shown.values, shown.range, colours), inside, dots.ground(colours)),
            key=key,
            label=f"{label}. {shown.summary.sentence()} {KEYS}, Enter picks a point.",
            hint=hint,
            pick=pick,
            on_pick=on_pick,
            **readout(shown, paint),
            limit=limit,
            region=inside is not None,
            on_region=_selection(points, on_region),
        )
        st.session_state[f"{key}_point"] = None if pick is None else pick + 1
        st.number_input(
            f"Point, 1 to {count(len(points.seen))}",
            1,
            len(points.seen),
            value=None,
            step=1,
            key=f"{key}_point",
            placeholder="none picked",
            help="Picks a point by its number, as a click on the cloud does.",
            on_change=_typed,
            args=(f"{key}_point", on_pick),
            width=180,
        )

    def strip(
        self,
        sample: Sample,
        strip: Strip,
        tiles: Sequence[Tile],
        mode: str,
        what: str,
        paint: Paint,
        chosen: int | None,
        on_pick: OnChoice,
        *,
        key: str = "strip",
        name: str = "Latents, the most concentrated first",
    ) -> None:
        """The cloud in the colours of the map of each latent, from a fixed viewpoint."""
        points = _points(sample)
        ordered = [strip.thumbs[i] for i in strip.order]
        ranges = ColourScale(mode).limits(ordered, what)  # type: ignore[arg-type]
        side = THUMB if len(ordered) <= 128 else THUMB // 2
        indices, table = dots.indexed(
            dots.shot(points.seen, points.model_up, side=side, fine=1),
            np.stack([r.apply(t) for r, t in zip(ranges, ordered, strict=True)]),
            colours_for(ranges[0], paint.colours),
        )
        wall(
            indices,
            tiles,
            key=key,
            label=name,
            table=table,
            bar=colour_bar(ranges[0], paint) if ranges[0].comparable else None,
            tile=64,
            dense=True,
            named=True,
            tall=560,
            chosen=chosen,
            on_pick=on_pick,
        )


def _points(sample: Sample) -> Points:
    return cast(Points, sample)


def _cloud(shown: Float32[np.ndarray, "n 3"], points: Points, ground: dots.Ground) -> Cloud:
    # All clouds of a sample have the same scale: that of the points of the model input.
    return Cloud(shown, "xyz".index(points.model_up), dots.reach(points.seen), dots.LOOK, ground.colour, ground.ink)


def _quiet(shown: Float32[np.ndarray, "n 3"], points: Points) -> UInt8[np.ndarray, "n 3"]:
    return dots.by_height(shown, points.model_up)


def _faded(colours: UInt8[np.ndarray, "n 3"], inside: Inside | None, ground: dots.Ground) -> UInt8[np.ndarray, "n 3"]:
    """The colours of points, near to the ground's outside of the selected region."""
    if inside is None:
        return colours
    faded = np.rint(FADED * colours + (1 - FADED) * np.array(ground.colour)).astype(np.uint8)
    return np.where(inside[:, None], colours, faded)


def _selection(
    points: Points, on_region: OnRegion | None
) -> Callable[[tuple[float, float, float, float, float, float] | None], None] | None:
    """The callback of a cloud for a rectangle in its current view."""
    if on_region is None:
        return None

    def selected(box: tuple[float, float, float, float, float, float] | None) -> None:
        if box is None:
            on_region(None)
            return
        azimuth, elevation, *sides = box
        left, right, bottom, top = (round(side, 4) for side in sides)
        up = "xyz".index(points.model_up)
        on_region(ViewBox(round(azimuth, 2), round(elevation, 2), up, (left, right), (bottom, top)))

    return selected


def _pick_nearest(points: Points, shown: int | None) -> None:
    """Picks the element that a displayed point of the whole cloud belongs to."""
    state.change(pick=None if shown is None else int(points.nearest[shown]), region="")


def _held(points: Points) -> str:
    if points.source == "mesh":
        return "A mesh; points of its surface stand for it."
    return "The model read all of it." if points.count <= len(points.seen) else f"{count(points.count)} points."


def _typed(key: str, on_pick: OnPick) -> None:
    number = st.session_state[key]
    on_pick(None if number is None else number - 1)
