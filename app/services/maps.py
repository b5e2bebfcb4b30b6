"""Attention maps of one run of a model: of its blocks, of single latents, and the latents that read an element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import streamlit as st
from jaxtyping import Float, Int

from perceiver.analysis.maps import MapSelection
from perceiver.analysis.summary import MapSummary, Quantity, quantity, summarise
from perceiver.plots.scale import ColourRange, ColourScale, Mode, modes
from perceiver.sample import Sample
from perceiver.trace import Kind, Reduce, Trace

from .inference import Case, read, trace
from .queueing import Progress

THUMB = 64
"""Greatest side of a thumbnail in elements, twice that along one axis alone; larger maps are averaged over squares."""

AT_A_TIME = 4_000_000
"""Weights computed at a time for thumbnails and means over latents: 16 MB."""


@dataclass(frozen=True)
class MapQuery:
    """Which map of a block: of one latent or a reduction over all, of one head or their mean, and the kind of value.

    latent  None for the reduction
    head    None for the mean
    """

    reduce: str = "mean"
    latent: int | None = None
    head: int | None = None
    kind: Kind = "probability"

    @property
    def quantity(self) -> Quantity:
        """The quantity that the values of the map are."""
        return quantity(self.kind, self.reduce, self.latent)

    @property
    def selection(self) -> MapSelection:
        """The query as the library takes it."""
        return MapSelection(cast(Reduce, self.reduce), self.latent, self.head, self.kind)

    def map(self, trace: Trace, block: int) -> Float[np.ndarray, "..."]:
        """The map of a block, in the shape of the input."""
        reduce = cast(Reduce, "mean" if self.latent is not None else self.reduce)
        values = trace.map(block, latent=self.latent, reduce=reduce, kind=self.kind, head=self.head)
        return values.numpy().reshape(trace.shape)


@dataclass(frozen=True)
class BlockMap:
    """The map of a block, or its difference from that of the block `base`."""

    block: int
    base: int | None
    values: Float[np.ndarray, "..."]
    summary: MapSummary
    range: ColourRange


@dataclass(frozen=True)
class Strip:
    """The maps of all latents of a block.

    order      latents, the most concentrated first
    entropies  of their maps in nats, by latent
    thumbs     their maps, by latent; averaged over squares of `square` elements a side
    """

    order: Int[np.ndarray, "N"]
    entropies: Float[np.ndarray, "N"]
    thumbs: Float[np.ndarray, "N ..."]
    square: int


@dataclass(frozen=True)
class Reader:
    """A latent of a block that reads an element: its weight there, and the weight as a multiple of uniform."""

    block: int
    latent: int
    weight: float
    multiple: float


@st.cache_data(show_spinner=False, max_entries=256)
def _map(model: str, key: str, block: int, query: MapQuery, _trace: Trace) -> Float[np.ndarray, "..."]:
    return query.map(_trace, block)


def block_maps(case: Case, query: MapQuery, show: str, mode: str, progress: Progress) -> tuple[BlockMap, ...]:
    """The maps of all blocks, or the difference of every later block from the one before or from the first.

    show  "blocks", "previous" or "first"
    mode  of the colour scale
    """
    made = trace(case, progress)
    maps = []
    for i, block in enumerate(made.blocks):
        progress.step(0.5 + 0.5 * i / len(made.blocks), f"Reading the map of block {block + 1}")
        maps.append(_map(case.model, case.key, block, query, made))
    blocks: list[tuple[int, int | None]] = [(block, None) for block in made.blocks]
    signed = show != "blocks" and len(maps) > 1
    if signed:
        from_ = [i - 1 if show == "previous" else 0 for i in range(1, len(maps))]
        blocks = [(made.blocks[i], made.blocks[base]) for i, base in enumerate(from_, start=1)]
        maps = [maps[i] - maps[base] for i, base in enumerate(from_, start=1)]
    ranges = ColourScale(usable_scale(mode, query, show), signed=signed).limits(maps, query.quantity)
    return tuple(
        BlockMap(block, base, values, summarise(values, query.quantity, signed=signed), range_)
        for (block, base), values, range_ in zip(blocks, maps, ranges, strict=True)
    )


def scales(query: MapQuery, show: str) -> tuple[Mode, ...]:
    """The colour scales that make sense for a map, or for the differences of blocks."""
    return modes(query.quantity, signed=show != "blocks")


def usable_scale(mode: str, query: MapQuery, show: str) -> Mode:
    """The colour scale, or the shared one where it makes no sense."""
    return mode if mode in scales(query, show) else "shared"


@st.cache_data(show_spinner=False, max_entries=64)
def _concentration(model: str, key: str, block: int, head: int | None, _trace: Trace) -> Float[np.ndarray, "N"]:
    return _trace.concentration(block, head=head).numpy()


def order(case: Case, block: int, head: int | None, progress: Progress) -> Int[np.ndarray, "N"]:
    """The latents of a block, the most concentrated first."""
    return np.argsort(_concentration(case.model, case.key, block, head, trace(case, progress)), kind="stable")


@st.cache_data(show_spinner=False, max_entries=12)
def _thumbs(
    model: str, key: str, block: int, kind: Kind, head: int | None, square: int, _trace: Trace
) -> Float[np.ndarray, "N ..."]:
    count = _trace.record(block).latents
    step = max(1, AT_A_TIME // _trace.inputs.shape[1])
    parts = []
    for start in range(0, count, step):
        part = _trace.latent_maps(block, slice(start, min(start + step, count)), kind=kind, head=head)
        parts.append(_averaged(part.numpy().reshape(-1, *_trace.shape), square))
    return np.concatenate(parts)


def strip(case: Case, block: int, kind: Kind, head: int | None, progress: Progress) -> Strip:
    """Thumbnails of the maps of all latents of a block, and the order to show them in."""
    made = trace(case, progress)
    progress.step(0.9, f"Reading the latents of block {block + 1}")
    square = _square(read(case))
    return Strip(
        order=order(case, block, head, progress),
        entropies=_concentration(case.model, case.key, block, head, made),
        thumbs=_thumbs(case.model, case.key, block, kind, head, square, made),
        square=square,
    )


def readers(case: Case, element: int, head: int | None, progress: Progress, top: int = 8) -> tuple[Reader, ...]:
    """The latents that give one input element the most weight, over all blocks, the strongest first."""
    made = trace(case, progress)
    weights = np.stack([made.element_weights(block, element, head=head).numpy() for block in made.blocks])
    strongest = np.argsort(-weights, axis=None, kind="stable")[:top]
    size = made.inputs.shape[1]
    return tuple(
        Reader(made.blocks[row], int(latent), float(weights[row, latent]), float(weights[row, latent]) * size)
        for row, latent in (divmod(int(place), weights.shape[1]) for place in strongest)
    )


def _square(sample: Sample) -> int:
    # Neighbours in the order of free elements are no neighbours in space.
    if sample.coordinates is not None:
        return 1
    return -(-max(sample.shape) // (THUMB if len(sample.shape) > 1 else 2 * THUMB))


def _averaged(maps: Float[np.ndarray, "n ..."], side: int) -> Float[np.ndarray, "n ..."]:
    """Means over squares of `side` elements; those at the far ends may be cut."""
    if side == 1:
        return maps
    for axis in range(1, maps.ndim):
        starts = np.arange(0, maps.shape[axis], side)
        sizes = np.diff([*starts, maps.shape[axis]]).astype(maps.dtype)
        sizes = sizes.reshape([-1 if i == axis else 1 for i in range(maps.ndim)])
        maps = np.add.reduceat(maps, starts, axis=axis) / sizes
    return maps
