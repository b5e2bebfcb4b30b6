"""What pictures, sounds and videos share: elements on a grid, whose maps are laid over the input as small pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from perceiver.plots import colour
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.drawing import Drawing
from perceiver.plots.scale import ColourScale
from perceiver.sample import Sample

from ..components import Tile, wall
from ..services.maps import Strip
from .base import Described, OnChoice, Paint, colour_bar, in_place


class GridView(Described):
    """The rows of small pictures of a grid's maps.

    drawing    paints inputs and maps
    row_limit  greatest width of a picture of the row in CSS pixels; None for what the page gives
    """

    drawing: Drawing
    row_limit: int | None = None

    def size(self, sample: Sample) -> str:
        """The size of what the model read, in words."""
        return self.drawing.size(sample)

    def tile(self, unit: Float[np.ndarray, "*grid"]) -> UInt8[np.ndarray, "h w"]:
        """The thumbnail of one latent's map, scaled to [0, 1], as indices of colours; as wide as it is to be shown."""
        return colour.index(unit).astype(np.uint8)

    def picture(self, sample: Sample, shown: BlockMap, paint: Paint) -> UInt8[np.ndarray, "h w 3"]:
        """One map of the row."""
        return self.drawing.map(sample, shown.values, shown.range, paint.colours, paint.strength)

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
        """The maps over the input, side by side."""
        shared = maps[0].range if bar and maps[0].range.comparable else None
        painted = [self.picture(sample, one, paint) for one in maps]
        wall(
            in_place(painted, tiles),
            tiles,
            key=key,
            label=name,
            bar=colour_bar(shared, paint) if shared else None,
            tile=tile,
            limit=self.row_limit,
            chosen=chosen,
            on_pick=on_pick,
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
    ) -> None:
        """The latents' maps alone: over the input they would be too small to read."""
        ordered = [strip.thumbs[i] for i in strip.order]
        ranges = ColourScale(mode).limits(ordered, what)  # type: ignore[arg-type]
        pictures = np.stack([self.tile(r.apply(t)) for r, t in zip(ranges, ordered, strict=True)])
        wall(
            pictures,
            tiles,
            key="strip",
            label="Latents, the most concentrated first",
            table=colour.table(paint.colours),
            bar=colour_bar(ranges[0], paint) if ranges[0].comparable else None,
            tile=max(64, pictures.shape[2]),
            dense=True,
            tall=448,
            chosen=chosen,
            on_pick=on_pick,
        )
