"""What a modality's drawing offers: inputs and maps as pictures, for the page, the wall of blocks and the figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from ..axes import Axes
from ..scale import ColourRange

DIVERGING = "RdBu_r"
"""The colours of differences."""

# A sample, without the import: plots know no torch. Each drawing says which fields it reads.
Drawable = Any


@runtime_checkable
class Drawing(Protocol):
    """Draws the samples of one modality. Every map comes in the sample's shape.

    over_input  whether maps can lie over the input, more or less strongly; else they are its colours
    """

    @property
    def over_input(self) -> bool: ...

    def given(self, sample: Drawable) -> UInt8[np.ndarray, "h w 3"]:
        """The input alone, as the model read it."""
        ...

    def map(
        self,
        sample: Drawable,
        values: Float[np.ndarray, "*shape"],
        range_: ColourRange,
        colours: str,
        strength: float | None,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """A map over the input, or alone where `strength` is None or `over_input` isn't; of the size of `given`."""
        ...

    def size(self, sample: Drawable) -> str:
        """The size of what was read, in words: "64 × 64 pixels"."""
        ...


@runtime_checkable
class Measured(Protocol):
    """What a drawing also offers when its pictures are of nothing seen, so that their sides need numbers."""

    def axes(self, sample: Drawable) -> Axes:
        """The axes of the input and of every map."""
        ...


@dataclass(frozen=True)
class Drawn:
    """An input and its maps as pictures of one size.

    size        of the input, in words
    colours     the name of the colours the maps are painted in
    over_input  whether the maps lie over the input
    axes        of all pictures, where they have any
    """

    given: UInt8[np.ndarray, "h w 3"]
    maps: tuple[UInt8[np.ndarray, "h w 3"], ...]
    size: str
    colours: str
    over_input: bool
    axes: Axes | None = None


def colours_for(range_: ColourRange, chosen: str) -> str:
    """The colours chosen, or the diverging ones for differences."""
    return DIVERGING if range_.signed else chosen
