"""The interface of drawings, and shared base classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8

from ..axes import Axes
from ..scale import ColourRange

DIVERGING = "RdBu_r"
"""The colour map of differences."""

# A sample, without the import: plots know no torch. Each drawing says which fields it reads.
Drawable = Any


@runtime_checkable
class Drawing(Protocol):
    """Draws the samples of one modality. Every map comes in the sample's shape.

    modality    the modality's name
    over_input  whether maps are blended over the input with a strength; otherwise they colour the input's elements
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
        """A map over the input, or alone if `strength` is None or `over_input` is false; same size as `given`."""
        ...

    def size(self, sample: Drawable) -> str:
        """The size of the model's input as text: "64 × 64 pixels"."""
        ...


@runtime_checkable
class Rearrangeable(Protocol):
    """The interface of drawings whose elements can be drawn at other places."""

    def rearranged(self, sample: Drawable, order: Int64[np.ndarray, "M"]) -> UInt8[np.ndarray, "h w 3"]:
        """The permuted input: each element i shows the content of element order[i]."""
        ...


class GridDrawing(ABC):
    """Base class for drawings of elements on one grid. By default each element is a box of pixels of the drawn input
    (columns, for one axis), all of the same size."""

    @abstractmethod
    def given(self, sample: Drawable) -> UInt8[np.ndarray, "h w 3"]:
        """The input alone, as the model read it."""

    def rearranged(self, sample: Drawable, order: Int64[np.ndarray, "M"]) -> UInt8[np.ndarray, "h w 3"]:
        """The permuted input: each element i shows the content of element order[i]."""
        return rearranged(self.given(sample), sample.shape, order)


def padding_of(sample: Drawable) -> Bool[np.ndarray, "*shape"] | None:
    """The elements for which nothing was recorded (`Sample.padding`); None where there are none."""
    padding: Bool[np.ndarray, "*shape"] | None = getattr(sample, "padding", None)
    return padding


def absent_of(sample: Drawable) -> Bool[np.ndarray, "*shape"] | None:
    """The elements that are hatched: padding, and those taken out of the input array (`Sample.erased`)."""
    padding, erased = padding_of(sample), erased_of(sample)
    return padding if erased is None else erased if padding is None else padding | erased


def erased_of(sample: Drawable) -> Bool[np.ndarray, "*shape"] | None:
    """The elements that are taken out of the input array; None where there are none."""
    erased: Bool[np.ndarray, "*shape"] | None = getattr(sample, "erased", None)
    return erased


def rearranged(
    picture: UInt8[np.ndarray, "h w 3"], shape: tuple[int, ...], order: Int64[np.ndarray, "M"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Permutes a picture whose elements are boxes of pixels (columns, for one axis): element i shows order[i]."""
    rows, columns = (1, *shape)[-2:]
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    boxes = picture.reshape(rows, height, columns, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)
    moved = boxes[order].reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    return moved.reshape(picture.shape)


@runtime_checkable
class Measured(Protocol):
    """The interface of drawings whose pictures have axes with ticks, such as spectrograms."""

    def axes(self, sample: Drawable) -> Axes:
        """The axes of the input and of every map."""
        ...


@dataclass(frozen=True)
class Drawn:
    """An input and its maps as pictures of one size.

    size        of the input, as text
    colours     the name of the colour map
    over_input  whether the maps are blended over the input
    axes        of all pictures; None if they have none
    """

    given: UInt8[np.ndarray, "h w 3"]
    maps: tuple[UInt8[np.ndarray, "h w 3"], ...]
    size: str
    colours: str
    over_input: bool
    axes: Axes | None = None


def colours_for(range_: ColourRange, chosen: str) -> str:
    """The chosen colour map, or the diverging one for differences."""
    return DIVERGING if range_.signed else chosen
