"""Position encodings (paper, section 3.2 and appendix D) and which channel belongs to which band.

Channel order, everywhere in this project: the coordinates x_1..x_d, then all sines (axis by axis, low to high
frequency), then all cosines in the same order. Converters permute foreign weights to it when they load.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config import PositionConfig, Spacing

Rows = tuple[int, int] | None
"""The elements, from and to, that a channel means something for; None for all."""

Column = tuple[Rows, int]
"""A channel of the position code in some of the elements."""


@dataclass(frozen=True)
class Band:
    """One frequency on one axis: a sine and a cosine channel, counted within the position channels.

    `frequency` is f in sin(pi f x) with x in [-1, 1]: f cycles across the whole axis.
    """

    axis: int
    index: int
    frequency: float
    sine: int
    cosine: int


def frequencies(num_bands: int, max_resolution: float, spacing: Spacing = "linear") -> Float[Tensor, "bands"]:
    """f_k, linear from 1 to mu/2 (appendix D), or with equal ratios between neighbours."""
    if spacing == "logarithmic":
        return torch.logspace(0.0, math.log2(max_resolution / 2), num_bands, base=2.0)
    return torch.linspace(1.0, max_resolution / 2, num_bands)


def fourier_features(
    coordinates: Float[Tensor, "*batch M axes"],
    num_bands: int,
    max_resolution: tuple[float, ...],
    spacing: Spacing = "linear",
) -> Float[Tensor, "*batch M channels"]:
    """[x, sin(pi f_k x_d), cos(pi f_k x_d)] with d(2K+1) channels for coordinates in [-1, 1].

    Every position is encoded on its own, so positions may differ from sample to sample in a batch.
    """
    per_axis = torch.stack([frequencies(num_bands, mu, spacing) for mu in max_resolution]).to(coordinates)
    angles = (math.pi * coordinates.unsqueeze(-1) * per_axis).flatten(-2)
    return torch.cat([coordinates, angles.sin(), angles.cos()], dim=-1)


@lru_cache(maxsize=16)
def grid_coordinates(shape: tuple[int, ...]) -> Float[Tensor, "M axes"]:
    """Coordinates of a grid's elements in [-1, 1], row-major: the first axis (rows) changes slowest."""
    lines = [torch.linspace(-1.0, 1.0, n) if n > 1 else torch.zeros(1) for n in shape]
    return torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1).reshape(-1, len(shape))


@lru_cache(maxsize=4)
def _fourier_grid(
    shape: tuple[int, ...], num_bands: int, max_resolution: tuple[float, ...], spacing: Spacing
) -> Tensor:
    return fourier_features(grid_coordinates(shape), num_bands, max_resolution, spacing)


@lru_cache(maxsize=16)
def _fourier_bands(num_bands: int, max_resolution: tuple[float, ...], spacing: Spacing) -> tuple[Band, ...]:
    axes = len(max_resolution)
    return tuple(
        Band(a, k, f, sine=axes + a * num_bands + k, cosine=axes + (axes + a) * num_bands + k)
        for a, mu in enumerate(max_resolution)
        for k, f in enumerate(frequencies(num_bands, mu, spacing).tolist())
    )


@runtime_checkable
class Positions(Protocol):
    """What the model asks of an encoding."""

    def grid(self) -> Float[Tensor, "M channels"]:
        """Codes of the model's own grid, computed once per geometry. Raises ValueError where elements are free."""

    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        """Codes of given coordinates. Raises ValueError where the encoding knows only its grid."""

    def bands(self) -> tuple[Band, ...]:
        """The bands of a Fourier encoding, axis by axis, low to high; empty for the others."""

    def coordinate_channels(self) -> tuple[int, ...]:
        """The channels that hold raw coordinates, in the order of the axes."""

    def rows(self, axis: int) -> Rows:
        """The elements whose code holds an axis: all on one grid, those of a segment where there are several."""

    def columns(self, width: int) -> tuple[Column, ...]:
        """All of a code of so many channels that says where an element is."""


class _OneGrid(nn.Module):
    """All elements lie on the same axes, and every channel is of their position."""

    def rows(self, axis: int) -> Rows:
        del axis
        return None

    def columns(self, width: int) -> tuple[Column, ...]:
        return tuple((None, channel) for channel in range(width))


class FourierPositions(_OneGrid):
    """Fourier features: no parameters, any geometry."""

    def __init__(self, config: PositionConfig, shape: tuple[int, ...] | None, axes: int) -> None:
        super().__init__()
        self.shape, self.axes = shape, axes
        self.num_bands, self.max_resolution, self.spacing = config.num_bands, config.max_resolution, config.spacing

    def grid(self) -> Float[Tensor, "M channels"]:
        return _fourier_grid(_grid_of(self.shape), self.num_bands, self.max_resolution, self.spacing)

    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        return fourier_features(coordinates, self.num_bands, self.max_resolution, self.spacing)

    def bands(self) -> tuple[Band, ...]:
        return _fourier_bands(self.num_bands, self.max_resolution, self.spacing)

    def coordinate_channels(self) -> tuple[int, ...]:
        return tuple(range(self.axes))


class LearnedPositions(_OneGrid):
    """One trained vector an input element (the paper: 128 wide, started at scale 1.0)."""

    def __init__(self, config: PositionConfig, shape: tuple[int, ...] | None, axes: int) -> None:
        super().__init__()
        del axes
        self.table = nn.Parameter(torch.empty(math.prod(_grid_of(shape)), config.dim))
        nn.init.normal_(self.table, std=config.init_scale)

    def grid(self) -> Float[Tensor, "M channels"]:
        return self.table

    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        raise ValueError("learned positions know only the grid they were trained on, not free coordinates")

    def bands(self) -> tuple[Band, ...]:
        return ()

    def coordinate_channels(self) -> tuple[int, ...]:
        return ()


class CoordinatePositions(_OneGrid):
    """The coordinates themselves, in [-1, 1]."""

    def __init__(self, config: PositionConfig, shape: tuple[int, ...] | None, axes: int) -> None:
        super().__init__()
        del config
        self.shape, self.axes = shape, axes

    def grid(self) -> Float[Tensor, "M channels"]:
        return grid_coordinates(_grid_of(self.shape))

    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        return coordinates

    def bands(self) -> tuple[Band, ...]:
        return ()

    def coordinate_channels(self) -> tuple[int, ...]:
        return tuple(range(self.axes))


def _grid_of(shape: tuple[int, ...] | None) -> tuple[int, ...]:
    if shape is None:
        raise ValueError("the elements are free and lie on no grid; every sample brings its own coordinates")
    return shape


ENCODINGS: dict[str, type[nn.Module]] = {
    "fourier": FourierPositions,
    "learned": LearnedPositions,
    "coordinates": CoordinatePositions,
}
