"""Fourier features whose frequencies are trained, starting from those of the paper (section 3.2, appendix D)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .base import Band, Positions, grid_coordinates, require_grid
from .fourier import BandsConfig, band, features_at, frequencies


@dataclass(frozen=True)
class LearnableFourierConfig(BandsConfig):
    """Configuration of Fourier features with trained frequencies, which start evenly spaced."""

    kind: ClassVar[str] = "fourier-learnable"

    @property
    def phrase(self) -> str:
        return "learnable Fourier positions"

    @property
    def label(self) -> str:
        return f"Fourier, {self.num_bands} trained bands"

    @property
    def description(self) -> str:
        return (
            f"Fourier features with trained frequencies: {self.num_bands} bands an axis, at the start evenly spaced "
            f"from 1 to {self.highest} cycles across the axis"
        )

    def build(self, shape: tuple[int, ...] | None, axes: int) -> Positions:
        return LearnableFourierPositions(self, shape, axes)


class LearnableFourierPositions(Positions):
    """Fourier features at trained frequencies, in cycles across each axis; any geometry.

    The codes of a grid are cached by the values of the frequencies, and computed anew where a gradient is needed.
    """

    undecayed: ClassVar[tuple[str, ...]] = ("frequencies",)

    def __init__(self, config: LearnableFourierConfig, shape: tuple[int, ...] | None, axes: int) -> None:
        super().__init__()
        self.shape, self.axes = shape, axes
        start = torch.stack([frequencies(config.num_bands, mu) for mu in config.max_resolution])
        self.frequencies: Float[Tensor, "axes bands"] = nn.Parameter(start)

    def grid(self) -> Float[Tensor, "M channels"]:
        coordinates = grid_coordinates(require_grid(self.shape)).to(self.frequencies.device)
        if torch.is_grad_enabled() and self.frequencies.requires_grad:
            return self.at(coordinates)
        return _grid(require_grid(self.shape), self._values()).to(self.frequencies.device)

    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        return features_at(coordinates, self.frequencies.to(coordinates))

    def bands(self) -> tuple[Band, ...]:
        """The bands at their trained frequencies, by size: training may exchange neighbours or turn a sign, which the
        sine and cosine do not need."""
        return _bands(self._values())

    def coordinate_channels(self) -> tuple[int, ...]:
        return tuple(range(self.axes))

    def _values(self) -> tuple[tuple[float, ...], ...]:
        return tuple(map(tuple, self.frequencies.tolist()))


@lru_cache(maxsize=4)
def _grid(shape: tuple[int, ...], per_axis: tuple[tuple[float, ...], ...]) -> Tensor:
    return features_at(grid_coordinates(shape), torch.tensor(per_axis, dtype=torch.float32))


@lru_cache(maxsize=16)
def _bands(per_axis: tuple[tuple[float, ...], ...]) -> tuple[Band, ...]:
    out = []
    for axis, along in enumerate(per_axis):
        by_size = sorted(range(len(along)), key=lambda channel: abs(along[channel]))
        out += [
            band(axis, index, abs(along[channel]), channel=channel, axes=len(per_axis), num_bands=len(along))
            for index, channel in enumerate(by_size)
        ]
    return tuple(out)
