"""Positions of an input array that is made of several sorts of input (paper, section 4.2)."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .config import SegmentConfig
from .positions import ENCODINGS, Band, Positions


class SegmentPositions(nn.Module):
    """Codes of all segments, one after the other: in each row 0 where the segment's content goes, its position, and
    the learned vector of the segment behind.

    Codes are as wide as the input array, so that content is added to them: where it lies differs between segments.
    """

    def __init__(self, segments: tuple[SegmentConfig, ...], channels: int) -> None:
        super().__init__()
        self.segments, self.channels = segments, channels
        self.padding = nn.ParameterList(
            nn.Parameter(0.02 * torch.randn(channels - segment.channels)) for segment in segments
        )
        self.encodings = nn.ModuleList(
            ENCODINGS[one.positions.kind](one.positions, one.shape, len(one.shape)) if one.positions else nn.Identity()
            for one in segments
        )

    def grid(self) -> Float[Tensor, "M channels"]:
        """Codes of all elements."""
        rows = []
        for segment, encoding, padding in zip(self.segments, self.encodings, self.padding, strict=True):
            parts = [padding.new_zeros(segment.count, segment.content_channels)]
            if segment.positions is not None:
                parts.append(cast(Positions, encoding).grid().to(padding))
            rows.append(torch.cat([*parts, padding.expand(segment.count, -1)], dim=1))
        return torch.cat(rows)

    def at(self, coordinates: Float[Tensor, "*batch M axes"]) -> Float[Tensor, "*batch M channels"]:
        """Raises ValueError: the elements of segments lie on grids."""
        raise ValueError("the elements of segments lie on grids of their own, not at free coordinates")

    def bands(self) -> tuple[Band, ...]:
        """None: a channel is one frequency in one segment and another in the next, so there is no band of all rows."""
        return ()

    def coordinate_channels(self) -> tuple[int, ...]:
        """None, as there are no bands."""
        return ()
