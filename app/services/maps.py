"""Attention maps of one run of a model: of its blocks, of single latents, and the latents that read an element."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from jaxtyping import Bool, Float, Int

from perceiver.analysis import latents
from perceiver.analysis.latents import Concentration, ElementReader
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.region import PartShares, RegionShares, elements_in, part_shares, region_shares
from perceiver.export import region as exports
from perceiver.plots import block_maps as scaling
from perceiver.plots.block_maps import BlockMap, Since
from perceiver.sample import Sample
from perceiver.trace import Kind, Trace

from .inference import Case, context, read, run, trace
from .queueing import Progress
from .split import WHOLE, part_trace


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


@st.cache_data(show_spinner=False, max_entries=256)
def _map(model: str, key: str, block: int, selection: MapSelection, _trace: Trace) -> Float[np.ndarray, "..."]:
    return selection.map(_trace, block)


def maps(case: Case, selection: MapSelection, progress: Progress) -> dict[int, Float[np.ndarray, "..."]]:
    """The maps of all blocks, by block."""
    made = part_trace(case, selection.part, progress)
    found = {}
    for i, block in enumerate(made.blocks):
        progress.step(0.5 + 0.5 * i / len(made.blocks), f"Reading the map of block {block + 1}")
        found[block] = _map(case.model, case.key, block, selection, made)
    return found


def block_maps(
    case: Case, selection: MapSelection, mode: str, progress: Progress, since: Since | None = None
) -> tuple[BlockMap, ...]:
    """The maps of all blocks, or their changes from block to block, on one scale (`plots.block_maps.block_maps`)."""
    return scaling.block_maps(maps(case, selection, progress), selection.quantity, mode, since=since)


@st.cache_data(show_spinner=False, max_entries=64)
def _concentration(model: str, key: str, block: int, head: int | None, part: str, _trace: Trace) -> Concentration:
    return latents.concentration(_trace, block, head)


def concentration(case: Case, block: int, head: int | None, progress: Progress, part: str = WHOLE) -> Concentration:
    """How concentrated the maps of a block's latents are, of some parts of the scores alone if they are named."""
    return _concentration(case.model, case.key, block, head, part, part_trace(case, part, progress))


@st.cache_data(show_spinner=False, max_entries=12)
def _thumbs(
    model: str,
    key: str,
    block: int,
    kind: Kind,
    head: int | None,
    part: str,
    square: int,
    _trace: Trace,
    _sample: Sample,
) -> Float[np.ndarray, "N ..."]:
    return latents.latent_thumbnails(_trace, block, square, parts=_sample.parts, kind=kind, head=head)


def strip(case: Case, block: int, kind: Kind, head: int | None, progress: Progress, part: str = WHOLE) -> Strip:
    """Thumbnails of the maps of all latents of a block, of some parts of the scores alone if they are named, and the
    order to show them in."""
    made = part_trace(case, part, progress)
    progress.step(0.9, f"Reading the latents of block {block + 1}")
    sample, narrow = read(case), concentration(case, block, head, progress, part)
    square = latents.thumbnail_square(sample)
    thumbs = _thumbs(case.model, case.key, block, kind, head, part, square, made, sample)
    return Strip(order=narrow.order, entropies=narrow.entropy, thumbs=thumbs, square=square)


def readers(
    case: Case, element: int, head: int | None, progress: Progress, block: int | None = None
) -> tuple[ElementReader, ...]:
    """The latents that give one input element the most weight, of one block or of all, the strongest first."""
    return latents.element_readers(trace(case, progress), element, head=head, block=block)


def inside(case: Case, region: str) -> Bool[np.ndarray, "M"]:
    """Which input elements lie in a region, given as text. Raises ConfigError where the input has no such region."""
    return elements_in(region, context(case).layout)


@st.cache_data(show_spinner=False, max_entries=64)
def _region(model: str, key: str, region: str, head: int | None, _trace: Trace, _case: Case) -> RegionShares:
    return region_shares(_trace, inside(_case, region), head=head)


def region(case: Case, region: str, head: int | None, progress: Progress) -> RegionShares:
    """The share of the weight of every block and latent that falls into a region. Raises as `inside` does."""
    made = trace(case, progress)
    progress.step(0.9, "Summing the attention weights in the region")
    return _region(case.model, case.key, region, head, made, case)


@st.cache_data(show_spinner=False, max_entries=16)
def _parts(model: str, key: str, head: int | None, _trace: Trace, _sample: Sample) -> PartShares:
    return part_shares(_trace, _sample.parts, head=head)


def parts(case: Case, head: int | None, progress: Progress) -> PartShares:
    """The share of the weight of every block and latent on each part of an input of several modalities."""
    made = trace(case, progress)
    progress.step(0.9, "Summing the attention weights of each part")
    return _parts(case.model, case.key, head, made, read(case))


def region_csv(case: Case, region: str, head: int | None) -> bytes:
    """The share of the attention weight of every block and latent that falls into a region."""
    return exports.region_csv(run(case, Progress()).region(region, head=head)).encode()
