"""Fourier features: coordinates, sines and cosines at fixed frequencies (paper, section 3.2 and appendix D)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import ConfigError
from ..validation import check_choice, check_positive
from .base import Band, PositionConfig, Positions, grid_coordinates, require_grid

Spacing = Literal["linear", "logarithmic"]


@dataclass(frozen=True)
class BandsConfig(PositionConfig):
    """Base of the configurations of Fourier features: so many frequencies on every axis.

    num_bands       K, frequencies per axis
    max_resolution  mu per axis; frequencies run from 1 to mu/2
    """

    num_bands: int = 64
    max_resolution: tuple[float, ...] = (224.0, 224.0)

    def __post_init__(self) -> None:
        check_positive("positions.num_bands", self.num_bands)
        for mu in self.max_resolution:
            if not mu >= 2:
                raise ConfigError(f"positions.max_resolution holds {mu:g}; every axis needs at least 2")

    @property
    def bands_per_axis(self) -> int:
        return self.num_bands

    @property
    def highest(self) -> str:
        """The highest frequency of each axis in cycles across it, equal ones once: "32", "24 and 25", "4, 5 and 6"."""
        *others, last = dict.fromkeys(f"{mu / 2:g}" for mu in self.max_resolution)
        return f"{', '.join(others)} and {last}" if others else last

    def channels(self, axes: int) -> int:
        return axes * (2 * self.num_bands + 1)

    def check_axes(self, axes: int, *, free: bool, name: str = "positions") -> None:
        del free
        if len(self.max_resolution) != axes:
            raise ConfigError(f"{name}.max_resolution has {len(self.max_resolution)} values for {axes} axes")

    def axis_major_order(self, axes: int) -> tuple[int, ...]:
        bands = range(self.num_bands)
        starts = [axis * (2 * self.num_bands + 1) for axis in range(axes)]
        return (
            *(start + 2 * self.num_bands for start in starts),
            *(start + index for start in starts for index in bands),
            *(start + self.num_bands + index for start in starts for index in bands),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PositionConfig:
        fields = dict(values)
        if "max_resolution" in fields:
            fields["max_resolution"] = tuple(float(mu) for mu in fields["max_resolution"])
        return super().from_dict(fields)


@dataclass(frozen=True)
class FourierConfig(BandsConfig):
    """Configuration of Fourier features.

    spacing  of the frequencies: "linear" as in the paper, "logarithmic" as in its first version
    """

    kind: ClassVar[str] = "fourier"

    spacing: Spacing = "linear"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("positions.spacing", self.spacing, ("linear", "logarithmic"))

    @property
    def label(self) -> str:
        return f"Fourier, {self.num_bands} bands to {self.highest} cycles"

    @property
    def description(self) -> str:
        spaced = "evenly spaced" if self.spacing == "linear" else "spaced by logarithm"
        across = f"{spaced} from 1 to {self.highest} cycles across the axis"
        return f"Fourier features: {self.num_bands} bands an axis, {across}"

    def build(self, shape: tuple[int, ...] | None, axes: int) -> Positions:
        return FourierPositions(self, shape, axes)


class FourierPositions(Positions):
    """Fourier features: no parameters, any geometry; the codes of a grid are computed once and cached."""

    def __init__(self, config: FourierConfig, shape: tuple[int, ...] | None, axes: int) -> None:
        super().__init__()
        self.config, self.shape, self.axes = config, shape, axes

    def grid(self) -> Float[Tensor, "M channels"]:
        return _grid(require_grid(self.shape), self.config)

    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        return fourier_features(coordinates, self.config.num_bands, self.config.max_resolution, self.config.spacing)

    def bands(self) -> tuple[Band, ...]:
        return _bands(self.config)

    def coordinate_channels(self) -> tuple[int, ...]:
        return tuple(range(self.axes))


def frequencies(num_bands: int, max_resolution: float, spacing: Spacing = "linear") -> Float[Tensor, "bands"]:
    """f_k, linear from 1 to mu/2 (appendix D), or with equal ratios between neighbours."""
    if spacing == "logarithmic":
        return torch.logspace(0.0, math.log2(max_resolution / 2), num_bands, base=2.0, dtype=torch.float32)
    return torch.linspace(1.0, max_resolution / 2, num_bands, dtype=torch.float32)


def fourier_features(
    coordinates: Float[Tensor, "*batch M axes"],
    num_bands: int,
    max_resolution: tuple[float, ...],
    spacing: Spacing = "linear",
) -> Float[Tensor, "*batch M channels"]:
    """[x, sin(pi f_k x_d), cos(pi f_k x_d)] with d(2K+1) channels for coordinates in [-1, 1].

    Every position is encoded on its own, so positions may differ from sample to sample in a batch.
    """
    per_axis = torch.stack([frequencies(num_bands, mu, spacing) for mu in max_resolution])
    return features_at(coordinates, per_axis.to(coordinates))


def features_at(
    coordinates: Float[Tensor, "*batch M axes"], per_axis: Float[Tensor, "axes bands"]
) -> Float[Tensor, "*batch M channels"]:
    """Fourier features at the given frequencies, a row an axis."""
    angles = (math.pi * coordinates.unsqueeze(-1) * per_axis).flatten(-2)
    return torch.cat([coordinates, angles.sin(), angles.cos()], dim=-1)


def band(axis: int, index: int, frequency: float, *, channel: int, axes: int, num_bands: int) -> Band:
    """A band by the place of its frequency on its axis: `channel` counts the frequencies in the order of the code,
    `index` in rising order."""
    sine = axes + axis * num_bands + channel
    return Band(axis, index, frequency, sine=sine, cosine=sine + axes * num_bands)


@lru_cache(maxsize=4)
def _grid(shape: tuple[int, ...], config: FourierConfig) -> Tensor:
    return fourier_features(grid_coordinates(shape), config.num_bands, config.max_resolution, config.spacing)


@lru_cache(maxsize=16)
def _bands(config: FourierConfig) -> tuple[Band, ...]:
    axes = len(config.max_resolution)
    return tuple(
        band(axis, k, frequency, channel=k, axes=axes, num_bands=config.num_bands)
        for axis, mu in enumerate(config.max_resolution)
        for k, frequency in enumerate(frequencies(config.num_bands, mu, config.spacing).tolist())
    )
