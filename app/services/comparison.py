"""Several models on one input: maps on one colour scale, their position encodings, and the spectra of their maps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver import modalities
from perceiver.analysis import encodings
from perceiver.analysis.compare import bands_of_models, same_elements
from perceiver.analysis.encodings import Gram
from perceiver.analysis.spectrum import Spectrum, spectra
from perceiver.analysis.summary import Quantity, summarise
from perceiver.config import PerceiverConfig
from perceiver.plots.scale import ColourRange, ColourScale, Mode, modes
from perceiver.positions import Band, encoding_rank
from perceiver.sample import Sample

from . import inference, maps, models
from .caching import Once
from .inference import Case
from .maps import BlockMap, MapQuery
from .queueing import Progress, queue

LEADING = 5
"""Components of a learned encoding that are always shown."""


@dataclass(frozen=True)
class Pattern:
    """One channel or component of a position encoding over the input.

    axis, band  of the encoding; `band` alone counts components
    frequency   of the band, in cycles across the axis; 0 for none
    """

    axis: int | None
    band: int
    frequency: float
    map: BlockMap = field(repr=False)


def suggested_models(model: str, others: Sequence[str]) -> tuple[str, ...]:
    """The model to compare with another: one of the same classes and input elements if possible, with another encoding.

    Raises CheckpointError when a configuration is damaged.
    """
    first = models.stored_config(model)

    def rank(name: str) -> tuple[bool, bool, bool, int]:
        other = models.stored_config(name)
        same = other.positions.kind == first.positions.kind
        return (
            other.labels != first.labels,
            other.input_shape != first.input_shape,
            same,
            encoding_rank(other.positions),
        )

    return tuple(sorted(others, key=rank)[:1])


def matching_element(element: int, one: Sample, other: Sample) -> int:
    """The element of `other` at the position of an element of `one`; in the middle of axes that `one` lacks."""
    if same_elements(one, other):
        return element
    if one.coordinates is not None and other.coordinates is not None:
        return int(((other.coordinates - one.coordinates[element]) ** 2).sum(-1).argmin())
    cell = np.unravel_index(element, one.shape)
    at = []
    for axis, ((start, stop), count) in enumerate(zip(other.box, other.shape, strict=True)):
        share = 0.5
        source = axis if len(one.shape) == len(other.shape) else _matching_axis((start, stop), one.box)
        if source is not None:
            begin, end = one.box[source]
            place = begin + (int(cell[source]) + 0.5) * (end - begin) / one.shape[source]
            share = (place - start) / (stop - start)
        at.append(min(count - 1, max(0, math.floor(share * count))))
    return int(np.ravel_multi_index(at, other.shape))


def central_element(sample: Sample) -> int:
    """The element in the middle of an input."""
    if sample.coordinates is not None:
        return int((sample.coordinates**2).sum(-1).argmin())
    return int(np.ravel_multi_index([count // 2 for count in sample.shape], sample.shape))


def scales(quantity: Quantity, sizes: Sequence[int]) -> tuple[Mode, ...]:
    """The colour scales that make sense for maps of so many elements: weights over different numbers of elements can
    only be compared as multiples of uniform."""
    if len(set(sizes)) == 1:
        return modes(quantity)
    if quantity == "probability":
        return ("uniform", "per_map")
    return ("per_map",) if quantity == "value" else ("shared", "per_map")


def block_maps(
    cases: Sequence[Case], queries: Sequence[MapQuery], mode: Mode, progress: Progress
) -> tuple[tuple[BlockMap, ...], ...]:
    """The maps of every block of every model, all on one scale."""
    rows = [
        maps.block_maps(case, query, "blocks", "shared", progress) for case, query in zip(cases, queries, strict=True)
    ]
    ranges = iter(ColourScale(mode).limits([one.values for row in rows for one in row], queries[0].quantity))
    return tuple(tuple(dataclasses.replace(one, range=next(ranges)) for one in row) for row in rows)


def differences(first: BlockMap, others: Sequence[BlockMap], quantity: Quantity, mode: Mode) -> tuple[BlockMap, ...]:
    """The maps of other models less the first's, on one scale that is symmetric about 0."""
    if not others:
        return ()
    values = [one.values - first.values for one in others]
    ranges = ColourScale(mode if mode in modes(quantity, signed=True) else "shared", signed=True).limits(
        values, quantity
    )
    return tuple(
        BlockMap(one.block, first.block, difference, summarise(difference, quantity, signed=True), range_)
        for one, difference, range_ in zip(others, values, ranges, strict=True)
    )


@st.cache_data(show_spinner=False, max_entries=64)
def _similarity(model: str, key: str, element: int, _case: Case) -> Float[np.ndarray, "..."]:
    sample = inference.read(_case)
    return encodings.similarity(models.get(model).codes(sample)[0], element).reshape(sample.shape)


def similarity(case: Case, element: int) -> BlockMap:
    """The cosine similarity of the position codes of all elements to that of one."""
    values = _similarity(case.model, _code_key(case), element, case)
    return _code_map(values, "similarity of the position codes (cosine)", bound=1.0)


@st.cache_data(show_spinner=False, max_entries=64)
def _gram(model: str, key: str, _case: Case) -> Gram:
    return encodings.gram(models.get(model).codes(inference.read(_case))[0])


def gram(case: Case) -> Gram:
    """The spectrum of the Gram matrix of the position codes of an input."""
    return _gram(case.model, _code_key(case), case)


@st.cache_data(show_spinner=False, max_entries=32)
def bands(name: str) -> tuple[Band, ...]:
    """The bands of a model's position encoding; none for encodings without frequencies."""
    return models.get(name).encoding.bands()


def part_count(config: PerceiverConfig) -> int:
    """The number of bands of an axis, or of components of the encoding; 0 without position channels."""
    return config.positions.bands_per_axis or config.position_channels


def patterns(case: Case, band: int) -> tuple[Pattern, ...]:
    """Some parts of a position encoding over the input: of Fourier features the sine of the lowest, the given and the
    highest band of every axis, of others the leading components and the given one; none without position channels."""
    return _patterns(case.model, _code_key(case), band, case)


@st.cache_data(show_spinner=False, max_entries=64)
def _patterns(model: str, key: str, band: int, _case: Case) -> tuple[Pattern, ...]:
    opened, sample = models.get(model), inference.read(_case)
    count, encoding = part_count(opened.config), opened.encoding
    if not count:
        return ()
    band = min(band, count - 1)
    codes = opened.codes(sample)[0]
    named: list[tuple[int | None, int, float, Float[np.ndarray, "M"]]]
    if found := encoding.bands():
        shown = [one for one in found if one.index in (0, band, count - 1)]
        named = [(one.axis, one.index, one.frequency, encodings.pattern(codes, one.sine)) for one in shown]
    elif raw := encoding.coordinate_channels():
        named = [(axis, axis, 0.0, encodings.pattern(codes, channel)) for axis, channel in enumerate(raw)]
    else:
        numbers = sorted({*range(min(LEADING, count)), band})
        # Components have length 1 over all elements: made to have 1 on average, they read like channels.
        leading = encodings.components(codes, max(numbers) + 1) * math.sqrt(len(codes))
        named = [(None, i, 0.0, leading[i]) for i in numbers if i < len(leading)]
    bound = 1.0 if encoding.coordinate_channels() else max(float(np.abs(values).max()) for *_, values in named)
    unit = "value in the position code" if encoding.coordinate_channels() else "component of the position codes"
    return tuple(
        Pattern(axis, index, frequency, _code_map(values.reshape(sample.shape), unit, bound))
        for axis, index, frequency, values in named
    )


@st.cache_resource(show_spinner=False, max_entries=16)
def _spectra(model: str, key: str, source: str, head: int | None) -> Once[tuple[Spectrum, ...]]:
    return Once()


@dataclass(frozen=True)
class BandSource:
    """The bands that a model's maps are measured at, and the model that has them; "" for the bands that Fourier
    features of its grid would have."""

    model: str
    bands: tuple[Band, ...]


@st.cache_data(show_spinner=False, max_entries=64)
def band_sources(keys: tuple[str, ...]) -> tuple[BandSource, ...]:
    """The bands that the maps of some models are measured at when they are compared."""
    found = bands_of_models([models.get(key) for key in keys])
    return tuple(BandSource("" if lender is None else keys[lender], bands) for lender, bands in found)


def block_spectra(case: Case, source: BandSource, head: int | None, progress: Progress) -> tuple[Spectrum, ...]:
    """The spectra of the scores of every block."""
    held = _spectra(case.model, case.key, source.model, head)
    if held.value is None:
        made, sample = inference.trace(case, progress), inference.read(case)
        steps = spectra(made, source.bands, sample.coordinates, kind="score", head=head)
        found = []
        for i, block in enumerate(made.blocks):
            progress.step(
                i / len(made.blocks), f"Spectra of {case.model_name}: block {block + 1} of {len(made.blocks)}"
            )
            with queue.turn(progress.wait):
                found.append(next(steps))
        held.value = tuple(found)
    return held.value


def axes(case: Case) -> tuple[str, ...]:
    """The axes of an input, as exports call them: "rows" and "cols", "time" and "frequency"; "x", "y" and "z"."""
    return modalities.axes(inference.read(case))


def _code_key(case: Case) -> str:
    """The part of an input's key that its position codes depend on: none where elements lie on the model's grid."""
    return case.key if inference.read(case).coordinates is not None else ""


def _code_map(values: Float[np.ndarray, "..."], name: str, bound: float) -> BlockMap:
    range_ = ColourRange("shared", "score", True, -bound, bound, 100.0, name=name)
    return BlockMap(0, None, values, summarise(values, "score", signed=True), range_)


def _matching_axis(interval: tuple[float, float], box: Sequence[tuple[float, float]]) -> int | None:
    """The axis that covers most of the same interval; None where none covers more than half of it."""

    def shared(other: tuple[float, float]) -> float:
        both = min(interval[1], other[1]) - max(interval[0], other[0])
        return both / (max(interval[1], other[1]) - min(interval[0], other[0]))

    best = max(range(len(box)), key=lambda axis: shared(box[axis]))
    return best if shared(box[best]) > 0.5 else None
