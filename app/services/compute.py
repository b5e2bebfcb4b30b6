"""The page's way into the library: cached, queued, reporting progress.

Cached functions are keyed on a checkpoint's name, the SHA-256 of the input's bytes and frozen settings, never on
arrays. A trace is one run of the model; everything shown is computed from it, so that no control of the display ever
runs the model again. Nothing is stored on the model, which all visitors share.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, TypeVar, cast

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float, Int

from perceiver import export, modalities
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.summary import MapSummary, Quantity, quantity, summarise
from perceiver.checkpoints import load
from perceiver.checkpoints.bundled import BundledCheckpoints, BundledSample
from perceiver.checkpoints.cards.card import Card
from perceiver.checkpoints.cards.results import Results
from perceiver.config import PerceiverConfig
from perceiver.errors import CheckpointError
from perceiver.export import Origin
from perceiver.lens.context import layout_of
from perceiver.modalities import Option
from perceiver.model import Perceiver
from perceiver.plots.scale import ColourRange, ColourScale, Mode, modes
from perceiver.progress import ProgressCallback
from perceiver.sample import Sample
from perceiver.trace import Kind, Reduce, Trace

from . import checkpoints
from .gate import Gate
from .progress import Progress
from .shelf import Shelf

THUMB = 64
"""Greatest side of a thumbnail in elements, twice that along one axis alone; larger maps are averaged over squares."""

HELD = 4
"""Models held in memory: as many as are set beside each other. One of DeepMind's takes 200 MB."""

AT_A_TIME = 4_000_000
"""Weights computed in one go for the thumbnails: 16 MB."""

T = TypeVar("T")
Options = tuple[tuple[str, str], ...]
"""Choices about reading an input, by name."""

gate = Gate()
"""What all inference goes through."""


@dataclass(frozen=True)
class Case:
    """One input for one model, read in one way. `digest` is the SHA-256 of `data`."""

    model: str
    digest: str
    name: str = field(compare=False)
    data: bytes = field(compare=False, repr=False)
    options: Options = ()

    @property
    def key(self) -> str:
        """What is read, as caches know it: the bytes and how they are read."""
        return "|".join([self.digest, *(f"{name}={value}" for name, value in self.options)])

    @property
    def called(self) -> str:
        """What the model is called on the page."""
        return checkpoints.called(self.model)


@dataclass(frozen=True)
class Reading:
    """What is read off a block: one latent or a reduction over all, one head or their mean, and the kind of weight."""

    reduce: str = "mean"
    latent: int | None = None
    head: int | None = None
    kind: Kind = "probability"

    @property
    def what(self) -> Quantity:
        """What the numbers are."""
        return quantity(self.kind, self.reduce, self.latent)

    @property
    def selection(self) -> MapSelection:
        """What is read off, as exports ask for it."""
        return MapSelection(cast(Reduce, self.reduce), self.latent, self.head, self.kind)

    def map(self, trace: Trace, block: int) -> Float[np.ndarray, "..."]:
        """The map of a block, in the shape of the input."""
        reduce = cast(Reduce, "mean" if self.latent is not None else self.reduce)
        values = trace.map(block, latent=self.latent, reduce=reduce, kind=self.kind, head=self.head)
        return values.numpy().reshape(trace.shape)


@dataclass(frozen=True)
class BlockMap:
    """One map of the row: a block's, or its difference from the block `base`."""

    block: int
    base: int | None
    values: Float[np.ndarray, "..."]
    summary: MapSummary
    range: ColourRange


@dataclass(frozen=True)
class Strip:
    """All latents of a block.

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
    """A latent of a block that reads a spot: its weight there, and the weight as a multiple of uniform."""

    block: int
    latent: int
    weight: float
    multiple: float


@dataclass(frozen=True)
class Gallery:
    """A bundled sample with its bytes and their SHA-256."""

    about: BundledSample
    digest: str
    data: bytes = field(repr=False)


def digest(data: bytes) -> str:
    """The SHA-256 of an input, which names it everywhere."""
    return hashlib.sha256(data).hexdigest()


@st.cache_data(show_spinner=False, ttl=60)
def _bundled(kinds: tuple[str, ...]) -> Mapping[str, str]:
    return {name: kind for kind in kinds for name in BundledCheckpoints().names(kind)}


def models(kinds: tuple[str, ...]) -> Mapping[str, str]:
    """The checkpoints of some modalities that are here, each with its modality: those that come with the app, then
    those that this session opened.

    Raises CheckpointError when a configuration is damaged.
    """
    mine = {one.key: one.config.modality for one in checkpoints.mine()}
    return {**_bundled(kinds), **{key: kind for key, kind in mine.items() if kind in kinds}}


def called(name: str) -> str:
    """What a checkpoint is called on the page."""
    return checkpoints.called(name)


@st.cache_data(show_spinner=False, max_entries=32)
def card(name: str) -> Card:
    """The card of a checkpoint. Raises CheckpointError when it has none."""
    one = checkpoints.known(name)
    return BundledCheckpoints().card(name) if one is None else one.card()


def results(name: str) -> Results | None:
    """How good a checkpoint is on held-out inputs, None where nothing is known.

    Raises CheckpointError when one that comes with the app has no card.
    """
    try:
        return card(name).results
    except CheckpointError:
        if checkpoints.known(name) is None:
            raise
        return None


@st.cache_resource(show_spinner=False, max_entries=8)
def samples(modality: str) -> Mapping[str, Gallery]:
    """The bundled samples of a modality by name. Raises CheckpointError when their index is damaged."""
    out = {}
    for about in BundledCheckpoints().samples(modality):
        data = about.read()
        out[about.name] = Gallery(about, digest(data), data)
    return out


def extensions(modality: str) -> tuple[str, ...]:
    """File endings that a modality reads."""
    return modalities.get(modality).extensions


def options(modality: str) -> tuple[Option, ...]:
    """What may be chosen about reading an input of a modality."""
    return modalities.get(modality).options


@cache
def _prepare_torch() -> None:
    # One inference at a time uses all cores this process may run on; a bound set from outside stands.
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@st.cache_resource(show_spinner=False)
def _shelf() -> Shelf[Perceiver]:
    return Shelf(HELD)


def _loaded(name: str, report: ProgressCallback | None = None) -> Perceiver:
    _prepare_torch()
    one = checkpoints.known(name)
    if one is not None:
        return load(one.source.location(), options=one.arguments, progress=report)
    if name not in BundledCheckpoints().names():
        raise CheckpointError("this checkpoint is no longer open here", "open it again")
    return load(name)


def opened(name: str) -> Perceiver:
    """A checkpoint, which all visitors share; read again where it was put out of memory.

    Raises CheckpointError when it cannot be opened.
    """
    return _shelf().get(name, lambda: _loaded(name))


def bring(name: str, progress: Progress) -> None:
    """Brings a checkpoint into memory, in turn and with progress, as large ones take seconds.

    Raises CheckpointError when it cannot be opened.
    """
    if name in _shelf() or checkpoints.known(name) is None:
        return

    def told(share: float | None, words: str) -> None:
        progress.step(share or 0.0, words)

    progress.step(0.0, f"Opening {called(name)}")
    with gate.enter(progress.wait):
        _shelf().get(name, lambda: _loaded(name, told))


def config(name: str) -> PerceiverConfig:
    """The configuration of a checkpoint. Raises CheckpointError when it cannot be opened."""
    one = checkpoints.known(name)
    return opened(name).config if one is None else one.config


@st.cache_data(show_spinner=False, max_entries=32, ttl=60)
def _stored(name: str) -> PerceiverConfig:
    return BundledCheckpoints().config(name)


def described(name: str) -> PerceiverConfig:
    """The configuration of a checkpoint, without opening it. Raises CheckpointError when it is damaged."""
    one = checkpoints.known(name)
    return _stored(name) if one is None else one.config


@st.cache_resource(show_spinner=False, max_entries=4)
def _read(model: str, key: str, _case: Case) -> Sample:
    return glance(_case)


def glance(case: Case) -> Sample:
    """The input as the model reads it, for one look at it: unlike `read` it displaces nothing that is remembered.

    Raises InputError when it cannot be read.
    """
    c = config(case.model)
    return modalities.get(c.modality).read(
        case.data, case.name, shape=c.input_shape, preprocess=c.preprocess, options=dict(case.options)
    )


def kind_of_file(case: Case) -> modalities.Kind | None:
    """What the file is by its first bytes; None where that cannot be told."""
    return modalities.identify(case.data, case.name)


def read(case: Case) -> Sample:
    """The input as the model reads it. Raises InputError when it cannot be read."""
    return _read(case.model, case.key, case)


class Slot(Generic[T]):
    """Where one result lies once it is made. Making it outside of the cached function that keeps the slot lets it take
    its turn at the gate and report progress."""

    value: T | None = None

    def once(self, make: Callable[[], T], progress: Progress) -> T:
        """The result, made by whoever comes first; the others wait for it."""
        if self.value is None:
            with gate.enter(progress.wait):
                if self.value is None:
                    self.value = make()
        return self.value


@st.cache_resource(show_spinner=False, max_entries=6)
def _slot(model: str, key: str) -> Slot[Trace]:
    return Slot()


def trace(case: Case, progress: Progress) -> Trace:
    """One run of the model over the input; the same one for every later call while it is remembered.

    Raises InputError when the input cannot be read.
    """
    slot = _slot(case.model, case.key)
    if slot.value is not None:
        return slot.value
    progress.step(0.0, "Reading the input")
    model, sample = opened(case.model), read(case)

    def make() -> Trace:
        progress.step(0.2, "Running the model")
        return model.trace(model.inputs(sample))

    return slot.once(make, progress)


def probabilities(case: Case, progress: Progress) -> Float[np.ndarray, "blocks classes"]:
    """A probability for every class, from the latents after every block; the last row is the model's answer."""
    return trace(case, progress).block_logits.softmax(-1).numpy()


@st.cache_data(show_spinner=False, max_entries=256)
def _map(model: str, key: str, block: int, reading: Reading, _trace: Trace) -> Float[np.ndarray, "..."]:
    return reading.map(_trace, block)


def block_maps(case: Case, reading: Reading, show: str, mode: str, progress: Progress) -> tuple[BlockMap, ...]:
    """The row of maps: every block's, or every later block's difference from the one before or from the first."""
    made = trace(case, progress)
    maps = []
    for i, block in enumerate(made.blocks):
        progress.step(0.5 + 0.5 * i / len(made.blocks), f"Reading the map of block {block + 1}")
        maps.append(_map(case.model, case.key, block, reading, made))
    blocks: list[tuple[int, int | None]] = [(block, None) for block in made.blocks]
    signed = show != "blocks" and len(maps) > 1
    if signed:
        from_ = [i - 1 if show == "previous" else 0 for i in range(1, len(maps))]
        blocks = [(made.blocks[i], made.blocks[base]) for i, base in enumerate(from_, start=1)]
        maps = [maps[i] - maps[base] for i, base in enumerate(from_, start=1)]
    ranges = ColourScale(usable(mode, reading, show), signed=signed).limits(maps, reading.what)
    return tuple(
        BlockMap(block, base, values, summarise(values, reading.what, signed=signed), range_)
        for (block, base), values, range_ in zip(blocks, maps, ranges, strict=True)
    )


def scales(reading: Reading, show: str) -> tuple[Mode, ...]:
    """The colour scales that make sense for a reading."""
    return modes(reading.what, signed=show != "blocks")


def usable(mode: str, reading: Reading, show: str) -> Mode:
    """The scale asked for, or the shared one where it makes no sense."""
    return mode if mode in scales(reading, show) else "shared"


@st.cache_data(show_spinner=False, max_entries=64)
def _concentration(model: str, key: str, block: int, head: int | None, _trace: Trace) -> Float[np.ndarray, "N"]:
    return _trace.concentration(block, head=head).numpy()


def order(case: Case, block: int, head: int | None, progress: Progress) -> Int[np.ndarray, "N"]:
    """The latents of a block, most concentrated first."""
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
    """Thumbnails of all latents of a block and the order to show them in."""
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
    """The latents that give one input element the most weight, over all blocks, strongest first."""
    made = trace(case, progress)
    weights = np.stack([made.element_weights(block, element, head=head).numpy() for block in made.blocks])
    strongest = np.argsort(-weights, axis=None, kind="stable")[:top]
    size = made.inputs.shape[1]
    return tuple(
        Reader(made.blocks[row], int(latent), float(weights[row, latent]), float(weights[row, latent]) * size)
        for row, latent in (divmod(int(place), weights.shape[1]) for place in strongest)
    )


def maps_file(case: Case, made: Trace, reading: Reading) -> bytes:
    """The maps of all blocks under one reading, with the places of their elements, as NPZ."""
    buffer = io.BytesIO()
    maps = np.stack([reading.map(made, block) for block in made.blocks])
    export.maps_npz(buffer, maps, made.blocks, origin(case), layout_of(read(case)), reading.selection)
    return buffer.getvalue()


def predictions_file(case: Case, made: Trace, truth: str | None) -> bytes:
    """All classes with probabilities and logits, as JSON."""
    values = export.predictions_json(made.logits.numpy(), config(case.model).labels, origin(case), truth=truth)
    return json.dumps(values, indent=2, ensure_ascii=False).encode()


def origin(case: Case) -> Origin:
    """Where a result comes from, for exports."""
    sample = read(case)
    return Origin(case.called, sample.name, weights(case.model), tuple(sample.notes))


def weights(model: str) -> str | None:
    """The SHA-256 of a checkpoint's weights, for exports; None where its card does not know it."""
    if checkpoints.known(model) is not None:
        return checkpoints.digest(model)
    found = results(model)
    return found.sha256 or None if found else None


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
