"""Learned positions: one trained vector an input element (paper, section 4.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import ConfigError
from ..validation import check_positive
from .base import PositionConfig, Positions, require_grid


@dataclass(frozen=True)
class LearnedConfig(PositionConfig):
    """Configuration of learned positions.

    dim         channels of the table (the paper: 128)
    init_scale  standard deviation of the table at the start (the paper: 1.0)
    """

    kind: ClassVar[str] = "learned"
    in_segments: ClassVar[bool] = False

    dim: int = 128
    init_scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive("positions.dim", self.dim)

    @property
    def label(self) -> str:
        return f"learned, {self.dim} channels"

    @property
    def description(self) -> str:
        return f"learned, {self.dim} channels an element"

    def channels(self, axes: int) -> int:
        del axes
        return self.dim

    def build(self, shape: tuple[int, ...] | None, axes: int) -> Positions:
        del axes
        return LearnedPositions(self, shape)

    def check_axes(self, axes: int, *, free: bool, name: str = "positions") -> None:
        del axes, name
        if free:
            raise ConfigError("learned positions know only a grid; free elements need an encoding of coordinates")


class LearnedPositions(Positions):
    """A table of trained vectors."""

    def __init__(self, config: LearnedConfig, shape: tuple[int, ...] | None) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(math.prod(require_grid(shape)), config.dim))
        if not self.table.is_meta:  # there is nothing to draw, and PyTorch would import its compiler to do it
            nn.init.normal_(self.table, std=config.init_scale)

    def grid(self) -> Float[Tensor, "M channels"]:
        return self.table

    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        raise ValueError("learned positions know only the grid they were trained on, not free coordinates")
