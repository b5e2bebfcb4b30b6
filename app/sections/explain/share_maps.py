"""Maps of different methods in one unit: each element's share of the sum of the map, as a multiple of uniform."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from perceiver.analysis.summary import summarise
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.scale import ColourRange, ColourScale

UNIT = "× uniform"


def share_maps(
    shares: Sequence[Float[np.ndarray, "*shape"]], *, signed: bool = False, blocks: Sequence[int] = (), unit: str = UNIT
) -> tuple[BlockMap, ...]:
    """Maps of shares on one colour scale: from 0, or, where they are signed, symmetric about it.

    blocks  that the maps belong to; none where they belong to all
    unit    of the colour bar; "" for multiples of uniform attention
    """
    # Where a map is pointed at, its share and the multiple are shown; of signed maps the multiple alone.
    values = [share * share.size for share in shares] if signed else list(shares)
    ranges = ColourScale("shared" if signed else "uniform", signed=signed).limits(values)
    return tuple(
        BlockMap(
            block=blocks[i] if blocks else 0,
            base=None,
            values=one,
            summary=summarise(one, signed=signed),
            range=dataclasses.replace(range_, name=unit),
        )
        for i, (one, range_) in enumerate(zip(values, ranges, strict=True))
    )


def scale_text(range_: ColourRange, *, alone: bool = False) -> str:
    """The colour scale in words; `alone` where it belongs to one map."""
    text = range_.sentence()
    return text.replace("Shared scale", "Scale", 1) if alone else text


def pointing_hint(spot: str) -> str:
    """The line under a large map while nothing is pointed at.

    spot  the name of an input element
    """
    return f"Point at a {spot} to read its value; pick it to mark it on every map."
