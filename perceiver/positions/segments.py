"""Segments: an input array that is made of several modalities (paper, section 4.2; Perceiver IO on Kinetics)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import ConfigError
from ..validation import check_positive, known_fields
from .base import Band, Column, PositionConfig, Positions, Rows
from .registry import position_config, position_dict


@dataclass(frozen=True)
class SegmentConfig:
    """One segment of an input array: the elements of one modality.

    name              "video", "audio", "label"
    shape             the grid of its elements
    content_channels  channels of content in each, the first ones
    positions         the position encoding that follows them; None for a segment of learned rows alone

    A learned vector fills each row up to the channels that all segments have: their modality embedding.
    """

    name: str
    shape: tuple[int, ...]
    content_channels: int = 0
    positions: PositionConfig | None = None

    def __post_init__(self) -> None:
        for n in self.shape:
            check_positive(f"segments.{self.name}.shape", n)
        if self.positions is None:
            return
        if not self.positions.in_segments:
            raise ConfigError(f"segments.{self.name} has {self.positions.phrase}, which segments do not support")
        self.positions.check_axes(len(self.shape), free=False, name=f"segments.{self.name}.positions")

    @property
    def count(self) -> int:
        """Its number of elements."""
        return math.prod(self.shape)

    @property
    def channels(self) -> int:
        """Channels of content and positions, before the learned vector."""
        return self.content_channels + (self.positions.channels(len(self.shape)) if self.positions else 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "name": self.name,
            "shape": self.shape,
            "content_channels": self.content_channels,
            "positions": None if self.positions is None else position_dict(self.positions),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SegmentConfig:
        """The inverse of `to_dict`. Raises ConfigError for unknown fields and impossible values."""
        fields = dict(values) | {"shape": tuple(values.get("shape", ()))}
        if fields.get("positions") is not None:
            fields["positions"] = position_config(fields["positions"])
        return cls(**known_fields(cls, fields))


class SegmentPositions(Positions):
    """Codes of all segments, one after the other: in each row 0 where the segment's content goes, then its position,
    then the learned vector of the segment.

    Codes are as wide as the input array, so that content is added to them: where it lies differs between segments.
    Axes are counted through all segments: those of the first one, then those of the next.
    """

    def __init__(self, segments: tuple[SegmentConfig, ...], channels: int) -> None:
        super().__init__()
        self.segments, self.channels = segments, channels
        self.padding = nn.ParameterList(
            nn.Parameter(0.02 * torch.randn(channels - segment.channels)) for segment in segments
        )
        self.encodings = nn.ModuleList(
            one.positions.build(one.shape, len(one.shape)) if one.positions else nn.Identity() for one in segments
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

    def join(self, content: Float[Tensor, "B M content"], codes: Float[Tensor, "B M P"]) -> Float[Tensor, "B M C"]:
        """The input array: each segment's content goes into its own channels of the codes."""
        parts = []
        counts = [segment.count for segment in self.segments]
        for segment, part in zip(self.segments, content.split(counts, dim=1), strict=True):
            own = part[..., : segment.content_channels]
            parts.append(F.pad(own, (0, self.channels - segment.content_channels)))
        return codes + torch.cat(parts, dim=1)

    def bands(self) -> tuple[Band, ...]:
        """The bands of all segments, on their own axes; their channels are those of the input array, in the rows of
        `rows`."""
        return tuple(
            replace(band, axis=axis + band.axis, sine=start + band.sine, cosine=start + band.cosine)
            for axis, start, encoding in self._axes()
            for band in encoding.bands()
        )

    def coordinate_channels(self) -> tuple[int, ...]:
        """Those of all segments, in the order of their axes."""
        return tuple(
            start + channel for _, start, encoding in self._axes() for channel in encoding.coordinate_channels()
        )

    def rows(self, axis: int) -> Rows:
        """The rows of the segment that an axis belongs to. Raises ValueError for an axis that does not exist."""
        first = begin = 0
        for segment in self.segments:
            axes = len(segment.shape) if segment.positions else 0
            if first <= axis < first + axes:
                return begin, begin + segment.count
            first, begin = first + axes, begin + segment.count
        raise ValueError(f"there is no axis {axis}; they run from 0 to {first - 1}")

    def columns(self, width: int) -> tuple[Column, ...]:
        """Every segment's position channels; its learned vector does not depend on the position."""
        del width
        begin, out = 0, []
        for segment in self.segments:
            rows = (begin, begin + segment.count)
            out += [(rows, channel) for channel in range(segment.content_channels, segment.channels)]
            begin += segment.count
        return tuple(out)

    def _axes(self) -> list[tuple[int, int, Positions]]:
        """The first axis, the first position channel and the encoding of each segment that has positions."""
        axis, out = 0, []
        for segment, encoding in zip(self.segments, self.encodings, strict=True):
            if segment.positions is not None:
                out.append((axis, segment.content_channels, cast(Positions, encoding)))
                axis += len(segment.shape)
        return out
