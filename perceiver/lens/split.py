"""What the scores of a run are made of: content and position, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Float64

from ..analysis.latents import element_readers
from ..analysis.parts import RowParts
from ..analysis.reading import ContentAlong, Reading, content_along, mean_colour, reading
from ..analysis.split import RowMoments, ScoreSplit, part_trace, row_moments, score_split
from ..analysis.split_shares import ScoreShares, score_shares, shares_sentence
from ..export.split import split_json, split_npz
from ..trace import Trace
from ..validation import element_index, index_of
from .context import Context

Colour = Float64[np.ndarray, "3"]


@dataclass(frozen=True, eq=False)
class Split:
    """The exact split of a run's scores into parts of the input's rows (`perceiver.analysis.split`).

    Blocks, latents, heads and elements count from 0, and ConfigError is raised for those that do not exist.
    """

    context: Context
    trace: Trace = field(repr=False)

    @cached_property
    def parts(self) -> RowParts:
        """The parts of the rows of the model's input arrays."""
        return RowParts.of(self.context.model)

    @cached_property
    def bundles(self) -> tuple[tuple[str, str], ...]:
        """Choices of parts that add up to all of them, as text and in words: content, each axis, embeddings."""
        return tuple((text, self.parts.name(text, self.context.axis_names)) for text in self.parts.bundles)

    def trace_of(self, part: str, blocks: Sequence[int] | None = None) -> Trace:
        """The trace that the maps of some parts come from; "" is that of the run.

        part    as text (`perceiver.analysis.parts.parse`)
        blocks  those whose maps are needed; None is all
        """
        return part_trace(self.trace, self.parts, part, blocks) if part else self.trace

    def score(
        self,
        element: int | tuple[int, ...],
        *,
        block: int | None = None,
        latent: int | None = None,
        head: int | None = None,
    ) -> ScoreSplit:
        """Why a latent reads an element: its score there as a sum over parts.

        element        its index, or one index for each axis of the input
        block, latent  which; what is left out is that of the latent with the most weight on the element
        """
        index = element_index(element, self.context.sample.shape, self.context.name)
        if block is None or latent is None:
            count = len(self.trace.records) * self.trace.records[0].latents
            readers = element_readers(self.trace, index, head=head, top=count, block=block)
            if latent is not None:
                latent = index_of("latent", latent, self.trace.records[0].latents, self.context.name)
            first = next(one for one in readers if latent in (None, one.latent))
            block, latent = first.block, first.latent
        return score_split(self.trace, self.parts, block, latent, index, head=head, moments=self._means)

    def shares(self, *, head: int | None = None) -> ScoreShares:
        """How much of the variance of the scores each part explains, by block and by latent."""
        return score_shares(self.trace, self.parts, head=head, moments=self._moments)

    def reading(self, block: int, latent: int, *, head: int | None = None) -> Reading:
        """The mean content and position that a latent reads in a block, and the share of each part in its output."""
        return reading(self.trace, self.parts, block, latent, head=head)

    def colour(self, block: int, latent: int, *, head: int | None = None) -> tuple[Colour, Colour] | None:
        """The mean colour of the picture that a latent reads in a block, 0 to 255, and that of the whole picture; None
        for inputs that are no pictures, or whose elements are no rectangles of pixels."""
        seen, shape = self.context.sample.seen, self.context.sample.shape
        if (
            seen.dtype != np.uint8
            or seen.ndim != 3
            or len(shape) != 2
            or seen.shape[0] % shape[0]
            or seen.shape[1] % shape[1]
        ):
            return None
        weights = self.trace.map(block, latent=latent, head=head).numpy().reshape(shape)
        return mean_colour(seen, weights), mean_colour(seen, np.ones(shape))

    def along(self, block: int, latent: int, axis: str, *, head: int | None = None) -> ContentAlong | None:
        """The content that a latent reads along an axis of the input ("time", "frequency"); None for free elements, for
        several grids, and for content of more than one channel. Raises ConfigError for an axis that does not exist."""
        layout, content = self.context.layout, self.context.model.content(self.context.sample)[0]
        if layout.parts or layout.coordinates is not None or content.shape[1] != 1:
            return None
        weights = self.trace.map(block, latent=latent, head=head).numpy().reshape(layout.shape)
        return content_along(axis, layout.places, content.detach().numpy().reshape(layout.shape), weights)

    def json(self, *, head: int | None = None) -> dict[str, Any]:
        """The shares of all parts in every block, as plain values for JSON (`perceiver.export.split_json`)."""
        return split_json(self.shares(head=head), self.context.origin, self.bundles)

    def npz(self, *, head: int | None = None) -> bytes:
        """The shares of every latent, and the mean score of every bundle of parts at each element, as NPZ
        (`perceiver.export.split_npz`)."""
        maps = []
        for text, _ in self.bundles:
            its = self.trace_of(text)
            maps.append(np.stack([its.map(block, kind="score", head=head).numpy() for block in its.blocks]))
        buffer = BytesIO()
        origin, layout = self.context.origin, self.context.layout
        split_npz(buffer, self.shares(head=head), np.stack(maps), self.bundles, origin, layout)
        return buffer.getvalue()

    @cached_property
    def _moments(self) -> RowMoments:
        return row_moments(self.trace, self.parts)

    @cached_property
    def _means(self) -> RowMoments:
        return row_moments(self.trace, self.parts, spread=False)

    def __str__(self) -> str:
        return shares_sentence(self.shares())

    def _repr_html_(self) -> str:
        return self.shares()._repr_html_()
