"""Maps of blocks and their differences on a common colour scale, for figures and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ..analysis.summary import MapSummary, Quantity, summarise
from .scale import ColourRange, ColourScale, usable_mode

Values = Float[np.ndarray, "..."]
Since = Literal["previous", "first"]


@dataclass(frozen=True)
class BlockMap:
    """A map to draw: of a block, or its difference from the map of the block `base`."""

    block: int
    base: int | None
    values: Values
    summary: MapSummary
    range: ColourRange


def block_maps(
    maps: Mapping[int, Values], quantity: Quantity, mode: str = "shared", *, since: Since | None = None
) -> tuple[BlockMap, ...]:
    """Maps by block, or their changes between blocks, on a common colour scale.

    mode   of the scale; "shared" if these maps do not support it
    since  shows differences from the previous or from the first map; a single map is shown unchanged
    """
    if since is None or len(maps) < 2:
        return scaled_maps([(block, None, values) for block, values in maps.items()], quantity, mode)
    return scaled_maps(block_differences(maps, since), quantity, mode, signed=True)


def block_differences(maps: Mapping[int, Values], since: Since) -> list[tuple[int, int, Values]]:
    """The difference of each later map from the previous or from the first one: (block, base, difference)."""
    blocks = list(maps)
    bases = blocks[:-1] if since == "previous" else blocks[:1] * (len(blocks) - 1)
    return [(block, base, maps[block] - maps[base]) for block, base in zip(blocks[1:], bases, strict=True)]


def scaled_maps(
    maps: Sequence[tuple[int, int | None, Values]], quantity: Quantity, mode: str = "shared", *, signed: bool = False
) -> tuple[BlockMap, ...]:
    """Maps or differences, each given as (block, base, values), on a common colour scale.

    mode    of the scale; "shared" if these maps do not support it
    signed  whether the scale is symmetric about 0
    """
    values = [one for *_, one in maps]
    ranges = ColourScale(usable_mode(mode, quantity, signed=signed), signed=signed).limits(values, quantity)
    return tuple(
        BlockMap(block, base, one, summarise(one, quantity, signed=signed), range_)
        for (block, base, one), range_ in zip(maps, ranges, strict=True)
    )


def scaled_rows(
    rows: Sequence[Mapping[int, Values]], quantity: Quantity, mode: str = "shared", *, signed: bool = False
) -> tuple[tuple[BlockMap, ...], ...]:
    """Several rows of maps by block on a common colour scale."""
    flat = [(block, None, values) for row in rows for block, values in row.items()]
    made = iter(scaled_maps(flat, quantity, mode, signed=signed))
    return tuple(tuple(next(made) for _ in row) for row in rows)


def encoding_map(values: Values, name: str, bound: float) -> BlockMap:
    """A map of what a position encoding holds, which belongs to no block, on a scale from -bound to bound.

    name  of the values, for the colour bar
    """
    range_ = ColourRange("shared", "score", True, -bound, bound, 100.0, name=name)
    return BlockMap(0, None, values, summarise(values, "score", signed=True), range_)
