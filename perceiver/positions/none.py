"""No position channels: the permutation-invariant control of the paper (section 3.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .base import PositionConfig, Positions, require_grid


@dataclass(frozen=True)
class NoPositionsConfig(PositionConfig):
    """Configuration of a model without position channels: no options. Such a model treats its input as a set."""

    kind: ClassVar[str] = "none"
    in_segments: ClassVar[bool] = False

    @property
    def phrase(self) -> str:
        return "no positions"

    @property
    def label(self) -> str:
        return "none"

    @property
    def description(self) -> str:
        return "none: the input is an unordered set"

    def channels(self, axes: int) -> int:
        del axes
        return 0

    def build(self, shape: tuple[int, ...] | None, axes: int) -> Positions:
        del axes
        return NoPositions(shape)


class NoPositions(Positions):
    """Codes of 0 channels."""

    def __init__(self, shape: tuple[int, ...] | None) -> None:
        super().__init__()
        self.shape = shape

    def grid(self) -> Float[Tensor, "M channels"]:
        return torch.zeros(math.prod(require_grid(self.shape)), 0, dtype=torch.float32)

    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        return coordinates[..., :0]
