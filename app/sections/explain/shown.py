"""Maps of different methods in one unit: each element's share of all that a map holds, as a multiple of an even
share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from perceiver.analysis.summary import summarise
from perceiver.plots.scale import ColourRange, ColourScale

from ...services.compute import BlockMap

UNIT = "times an even share"


def scaled(
    shares: Sequence[Float[np.ndarray, "*shape"]], *, signed: bool = False, blocks: Sequence[int] = (), unit: str = UNIT
) -> tuple[BlockMap, ...]:
    """Maps that are shares of a whole, on one scale: from 0, or, where they are signed, symmetric about it.

    blocks  that the maps belong to; none where they belong to all
    unit    of the bar; "" for multiples of uniform attention
    """
    # What is pointed at is told as a share and as its multiple; of signed maps the multiple alone.
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


def sentence(range_: ColourRange, *, alone: bool = False) -> str:
    """The scale in words; `alone` where one map has it."""
    text = range_.sentence()
    if range_.name:
        text = text.replace("in multiples of uniform (1 is no preference)", "in multiples of an even share")
    return text.replace("Shared scale", "Scale", 1) if alone else text
