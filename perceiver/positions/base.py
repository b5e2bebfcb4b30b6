"""The two interfaces of a position encoding: its configuration and the module that computes the codes.

Channel order, everywhere in this project: the coordinates x_1..x_d, then all sines (axis by axis, low to high
frequency), then all cosines in the same order. Converters permute foreign weights to it when they load.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..validation import known_fields

Rows = tuple[int, int] | None
"""First and last-plus-one element for which a channel carries a position; None for all elements."""

Column = tuple[Rows, int]
"""A channel of the position encoding, limited to some of the elements."""


@dataclass(frozen=True)
class Band:
    """One frequency on one axis: a sine and a cosine channel, counted within the position channels.

    `frequency` is f in sin(pi f x) with x in [-1, 1]: f cycles across the whole axis. `index` counts the bands of an
    axis from the lowest frequency to the highest.
    """

    axis: int
    index: int
    frequency: float
    sine: int
    cosine: int


class Positions(nn.Module, ABC):
    """Computes position codes, and names their channels.

    The defaults describe an encoding without bands and raw coordinates, all of whose elements share the same axes.

    undecayed  names of parameters that weight decay leaves alone, because 0 is no natural value for them
    """

    undecayed: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def grid(self) -> Float[Tensor, "M channels"]:
        """Codes of the model's own grid. Raises ValueError where elements are free."""

    @abstractmethod
    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        """Codes of coordinates in [-1, 1]. Raises ValueError where the encoding is defined on its grid alone."""

    def bands(self) -> tuple[Band, ...]:
        """The bands, axis by axis, low to high; empty for an encoding without frequencies."""
        return ()

    def coordinate_channels(self) -> tuple[int, ...]:
        """The channels that hold raw coordinates, in the order of the axes; empty where there are none."""
        return ()

    def rows(self, axis: int) -> Rows:
        """The elements whose code holds an axis; None for all of them."""
        del axis
        return None

    def columns(self, width: int) -> tuple[Column, ...]:
        """The channels, of a code `width` wide, that depend on an element's position."""
        return tuple((None, channel) for channel in range(width))

    def join(self, content: Float[Tensor, "B M content"], codes: Float[Tensor, "B M P"]) -> Float[Tensor, "B M C"]:
        """The input array: content channels, then position channels."""
        return torch.cat([content, codes], dim=-1)


@dataclass(frozen=True)
class PositionConfig(ABC):
    """Configuration of one position encoding; subclasses are frozen dataclasses.

    A subclass, its `Positions` and its entry in `registry.ENCODINGS` are all that makes an encoding known.

    kind         its name in `config.json` and in results
    in_segments  whether it can encode a segment of an input of several modalities: it needs a raw coordinate channel
                 for every axis, by which axes are counted there
    """

    kind: ClassVar[str]
    in_segments: ClassVar[bool] = True

    @property
    def bands_per_axis(self) -> int:
        """K, frequencies per axis; 0 for an encoding without frequencies."""
        return 0

    @property
    def phrase(self) -> str:
        """What a model with this encoding has: "fourier positions"."""
        return f"{self.kind} positions"

    @property
    @abstractmethod
    def label(self) -> str:
        """The encoding in a few words, for tables: "Fourier, 16 bands to 32 cycles"."""

    @property
    @abstractmethod
    def description(self) -> str:
        """The encoding with all its options, for model cards."""

    @abstractmethod
    def channels(self, axes: int) -> int:
        """The number of position channels of elements on so many axes."""

    @abstractmethod
    def build(self, shape: tuple[int, ...] | None, axes: int) -> Positions:
        """The module for a grid, or for free elements (None) on so many axes."""

    def check_axes(self, axes: int, *, free: bool, name: str = "positions") -> None:
        """Raises ConfigError when the encoding does not fit so many axes, or free elements.

        name  the path of this configuration, for the message
        """
        del axes, free, name

    def axis_major_order(self, axes: int) -> tuple[int, ...]:
        """For each channel of the code its index in the same code written axis by axis: for each axis its sines, its
        cosines, then its coordinate (the order of perceiver-pytorch)."""
        return tuple(range(self.channels(axes)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PositionConfig:
        """From the fields in a `config.json`. Raises ConfigError for unknown fields and impossible values."""
        return cls(**known_fields(cls, values))


@lru_cache(maxsize=16)
def grid_coordinates(shape: tuple[int, ...]) -> Float[Tensor, "M axes"]:
    """Coordinates of a grid's elements in [-1, 1], row-major: the first axis (rows) changes slowest."""
    lines = [
        torch.linspace(-1.0, 1.0, n, dtype=torch.float32) if n > 1 else torch.zeros(1, dtype=torch.float32)
        for n in shape
    ]
    return torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1).reshape(-1, len(shape))


def require_grid(shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape. Raises ValueError where elements are free."""
    if shape is None:
        raise ValueError("the elements are free and lie on no grid; every sample brings its own coordinates")
    return shape
