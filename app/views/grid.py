"""Base class of the views of images, sounds and videos, whose elements are on a grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from perceiver.analysis.latents import thumbnail_sides
from perceiver.analysis.region import CellBox
from perceiver.plots import colour
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.drawing import Drawing
from perceiver.plots.scale import ColourScale
from perceiver.sample import Sample

from ..components import Moving, Profiles, Tile, map_canvas, wall
from ..services.maps import Strip
from .base import Brush, Described, Inside, OnChoice, OnPick, OnRegion, Paint, colour_bar, in_place, painting, readout

EXTEND = "Shift with the arrow keys selects a region."
"""How the keyboard selects a region, for the labels of maps."""

SMALL = 120
"""Widths in CSS pixels below which pixels are not scaled by integers, so that a row of maps fills its width."""


class GridView(Described):
    """Draws rows and strips of thumbnails of maps on a grid.

    drawing    draws inputs and maps
    row_limit  maximum width of an image of the row in CSS pixels; None for no limit
    side       maximum width of the model input in CSS pixels
    """

    drawing: Drawing
    modality: str
    row_limit: int | None = None
    side = 400

    def size(self, sample: Sample) -> str:
        """Description of the size of the model input."""
        return self.drawing.size(sample)

    def latent_tile(self, sample: Sample, unit: Float[np.ndarray, "*grid"]) -> UInt8[np.ndarray, "h w"]:
        """The thumbnail of the map of one latent, scaled to [0, 1], as colour indices at display size."""
        return colour.index(unit).astype(np.uint8)

    def picture(self, sample: Sample, shown: BlockMap, paint: Paint) -> UInt8[np.ndarray, "h w 3"]:
        """One map of the row."""
        return self.drawing.map(sample, shown.values, shown.range, paint.colours, paint.strength)

    def canvas(self, sample: Sample, shown: BlockMap | None = None) -> dict[str, Any]:
        """Further arguments of `map_canvas` for the model input, or for a large map."""
        return {}

    def seen(
        self,
        sample: Sample,
        pick: int | None,
        on_pick: OnPick,
        *,
        hint: str = "Pick a spot to see which latents attend to it.",
        inside: Inside | None = None,
        on_region: OnRegion | None = None,
        brush: Brush | None = None,
    ) -> None:
        """The clickable model input, or the one that is painted."""
        map_canvas(
            self.drawing.given(sample),
            key="seen",
            label=self._label(f"The {self.noun} as the model read it, {self.size(sample)}.", sample, on_region, brush),
            hint=hint,
            pick=pick,
            on_pick=on_pick,
            limit=self.side,
            **painting(brush),
            on_stroke=brush.on_stroke if brush else None,
            **{"fill": True, **self.canvas(sample)},
            **_selection(sample, inside, on_region),
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
        hint: str = "Point at a spot to read its value; pick it to see which latents attend to it.",
        limit: int = 640,
        inside: Inside | None = None,
        on_region: OnRegion | None = None,
    ) -> None:
        """One map over the model input."""
        map_canvas(
            self.picture(sample, shown, paint),
            key=key,
            label=self._label(f"{label}. {shown.summary.sentence()}", sample, on_region),
            hint=hint,
            pick=pick,
            on_pick=on_pick,
            **readout(dataclasses.replace(shown, values=np.atleast_2d(shown.values)), paint),
            limit=limit,
            **self.canvas(sample, shown),
            **_selection(sample, inside, on_region),
        )

    def _label(self, what: str, sample: Sample, on_region: OnRegion | None, brush: Brush | None = None) -> str:
        """A description of a canvas, with its keys, for screen readers."""
        keys = f"Arrow keys move, Enter {'paints' if brush else 'picks'} a {self.element_noun(sample)}."
        return " ".join([what, keys, *([EXTEND] if on_region else [])])

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
        """Draws the maps over the input, side by side."""
        shared = maps[0].range if bar and maps[0].range.comparable else None
        painted, moving = self.row_pictures(sample, maps, paint)
        wall(
            in_place(painted, tiles),
            tiles,
            key=key,
            label=name,
            bar=colour_bar(shared, paint) if shared else None,
            tile=tile,
            limit=self.row_limit,
            fill=tile < SMALL,
            profiles=self.profiles(maps, tiles),
            moving=moving,
            chosen=chosen,
            on_pick=on_pick,
        )

    def row_pictures(
        self, sample: Sample, maps: Sequence[BlockMap], paint: Paint
    ) -> tuple[list[np.ndarray], Moving | None]:
        """The maps of the row, of clips at every frame, with the moment that is shown."""
        return [self.picture(sample, one, paint) for one in maps], None

    def profiles(self, maps: Sequence[BlockMap], tiles: Sequence[Tile]) -> Profiles | None:
        """Curves under the maps of the row, one per tile; None for none."""
        return None

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
        """Draws the maps of the latents without the input, since thumbnails are too small for both."""
        ordered = [strip.thumbs[i] for i in strip.order]
        ranges = ColourScale(mode).limits(ordered, what)  # type: ignore[arg-type]
        absent = _shrunk(sample, strip.square)
        units = (r.apply(t) for r, t in zip(ranges, ordered, strict=True))
        # There is no colour but those of the map: padding has the lowest.
        pictures = np.stack(
            [self.latent_tile(sample, unit if absent is None else np.where(absent, 0.0, unit)) for unit in units]
        )
        wall(
            pictures,
            tiles,
            key=key,
            label=name,
            table=colour.table(paint.colours),
            bar=colour_bar(ranges[0], paint) if ranges[0].comparable else None,
            tile=max(64, pictures.shape[2]),
            dense=True,
            named=True,
            tall=560,
            chosen=chosen,
            on_pick=on_pick,
        )


def _selection(sample: Sample, inside: Inside | None, on_region: OnRegion | None) -> dict[str, Any]:
    """Arguments of `map_canvas` for a region of an input whose grid is displayed as it is; a region of a single row is
    bounded along it alone."""
    displayed = None if inside is None else np.atleast_2d(inside.reshape(sample.shape))
    return region_arguments(displayed, on_region, axes=len(sample.shape))


def region_arguments(
    inside: Bool[np.ndarray, "rows columns"] | None, on_region: OnRegion | None, *around: tuple[int, int], axes: int = 2
) -> dict[str, Any]:
    """Arguments of `map_canvas` for the selection of a region.

    inside  the elements of the selected region on the displayed grid; its bounding rectangle is shown
    around  the cells of the axes before those displayed
    axes    the last axes of the grid that the rectangle bounds: 1 where there is a single row
    """
    if on_region is None:
        return {}
    box = None
    if inside is not None and inside.any():
        rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        box = (int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1]))

    def selected(chosen: tuple[int, int, int, int] | None) -> None:
        if chosen is None:
            on_region(None)
            return
        top, left, bottom, right = chosen
        on_region(CellBox((*around, *((top, bottom + 1), (left, right + 1))[-axes:])))

    return {"region": box, "on_region": selected}


def _shrunk(sample: Sample, square: int) -> Bool[np.ndarray, "..."] | None:
    """Whether the boxes of elements that a thumbnail averages hold padding alone."""
    if sample.padding is None:
        return None
    if sample.parts:
        shrunk = (_boxes(sample.split(sample.padding)[part.name], thumbnail_sides(part)) for part in sample.parts)
        return np.concatenate([one.ravel() for one in shrunk])
    return _boxes(sample.padding, (square,) * sample.padding.ndim)


def _boxes(padding: Bool[np.ndarray, "..."], sides: Sequence[int]) -> Bool[np.ndarray, "..."]:
    for axis, side in enumerate(sides):
        padding = np.logical_and.reduceat(padding, range(0, padding.shape[axis], side), axis=axis)
    return padding
