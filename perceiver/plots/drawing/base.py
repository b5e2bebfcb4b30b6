"""The interface of drawings, and what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64, UInt8

from ..axes import Axes
from ..scale import ColourRange

DIVERGING = "RdBu_r"
"""The colours of differences."""

# A sample, without the import: plots know no torch. Each drawing says which fields it reads.
Drawable = Any


@runtime_checkable
class Drawing(Protocol):
    """Draws the samples of one modality. Every map comes in the sample's shape.

    modality    the modality's name
    over_input  whether maps can lie over the input, more or less strongly; else they are its colours
    """

    @property
    def modality(self) -> str: ...

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


class GridDrawing(ABC):
    """What drawings of elements on one grid share. Unless a drawing says otherwise, an element of the picture of an
    input is a box of pixels (columns, on one axis), all equal in size."""

    @abstractmethod
    def given(self, sample: Drawable) -> UInt8[np.ndarray, "h w 3"]:
        """The input alone, as the model read it."""

    def rearranged(self, sample: Drawable, order: Int64[np.ndarray, "M"]) -> UInt8[np.ndarray, "h w 3"]:
        """The input, each element showing what was at the element that `order` names."""
        return rearranged(self.given(sample), sample.shape, order)


def rearranged(
    picture: UInt8[np.ndarray, "h w 3"], shape: tuple[int, ...], order: Int64[np.ndarray, "M"]
) -> UInt8[np.ndarray, "h w 3"]:
    """A picture whose elements are boxes of pixels (columns, on one axis), each showing what was at `order`."""
    rows, columns = (1, *shape)[-2:]
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    boxes = picture.reshape(rows, height, columns, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)
    moved = boxes[order].reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    return moved.reshape(picture.shape)


@runtime_checkable
class Measured(Protocol):
    """What a drawing also offers when its pictures need axes with numbers, such as spectrograms."""

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
