"""Raw coordinates in [-1, 1] as position channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from .base import PositionConfig, Positions, grid_coordinates, require_grid


@dataclass(frozen=True)
class CoordinatesConfig(PositionConfig):
    """Configuration of raw coordinates: no options."""

    kind: ClassVar[str] = "coordinates"

    @property
    def label(self) -> str:
        return "raw coordinates"

    @property
    def description(self) -> str:
        return "raw coordinates in [-1, 1]"

    def channels(self, axes: int) -> int:
        return axes

    def build(self, shape: tuple[int, ...] | None, axes: int) -> Positions:
        return CoordinatePositions(shape, axes)


class CoordinatePositions(Positions):
    """The coordinates themselves."""

    def __init__(self, shape: tuple[int, ...] | None, axes: int) -> None:
        super().__init__()
        self.shape, self.axes = shape, axes

    def grid(self) -> Float[Tensor, "M channels"]:
        return grid_coordinates(require_grid(self.shape))

    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        return coordinates

    def coordinate_channels(self) -> tuple[int, ...]:
        return tuple(range(self.axes))
