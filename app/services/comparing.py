"""Models beside each other on one input: whose maps can share a scale, what their position codes are like, and the
spectra of their maps. Cached and queued as everything in `compute` is.
"""

from __future__ import annotations

import dataclasses
import json
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
from perceiver.analysis.summary import MapSummary, Quantity, summarise
from perceiver.config import PerceiverConfig
from perceiver.export import ModelSpectra, Origin, tartan_csv, tartan_json
from perceiver.model import count_parameters
from perceiver.plots.scale import ColourRange, ColourScale, Mode, modes
from perceiver.positions import Band, Positions, encoding_rank
from perceiver.sample import Sample

from . import compute
from .compute import BlockMap, Case, Reading, Slot
from .progress import Progress

LEADING = 5
"""Components of a learned code that are always shown."""


@dataclass(frozen=True)
class Pattern:
    """One channel or component of a position code over the input.

    axis, band  which, where the code has bands; `band` alone counts components
    frequency   of the band, in cycles across the axis; 0 for none
    """

    axis: int | None
    band: int
    frequency: float
    map: BlockMap = field(repr=False)


@st.cache_data(show_spinner=False, max_entries=32)
def parameters(name: str) -> int:
    """How many numbers a checkpoint holds. Raises CheckpointError when it cannot be opened."""
    results = compute.results(name)
    return results.parameters if results else count_parameters(compute.opened(name))


def suggested(model: str, others: Sequence[str]) -> tuple[str, ...]:
    """The model to set beside another: of other positions, and if there are several, one that reads the same elements.

    Raises CheckpointError when a configuration is damaged.
    """
    first = compute.described(model)

    def rank(name: str) -> tuple[bool, bool, int]:
        other = compute.described(name)
        same = other.positions.kind == first.positions.kind
        return other.input_shape != first.input_shape, same, encoding_rank(other.positions)

    return tuple(sorted(others, key=rank)[:1])


def twin(element: int, one: Sample, other: Sample) -> int:
    """The element of `other` that lies where an element of `one` does; in the middle of axes that `one` lacks."""
    if same_elements(one, other):
        return element
    if one.coordinates is not None and other.coordinates is not None:
        return int(((other.coordinates - one.coordinates[element]) ** 2).sum(-1).argmin())
    cell = np.unravel_index(element, one.shape)
    at = []
    for axis, ((start, stop), count) in enumerate(zip(other.box, other.shape, strict=True)):
        share = 0.5
        source = axis if len(one.shape) == len(other.shape) else _like((start, stop), one.box)
        if source is not None:
            begin, end = one.box[source]
            place = begin + (int(cell[source]) + 0.5) * (end - begin) / one.shape[source]
            share = (place - start) / (stop - start)
        at.append(min(count - 1, max(0, math.floor(share * count))))
    return int(np.ravel_multi_index(at, other.shape))


def centre(sample: Sample) -> int:
    """The element in the middle of an input."""
    if sample.coordinates is not None:
        return int((sample.coordinates**2).sum(-1).argmin())
    return int(np.ravel_multi_index([count // 2 for count in sample.shape], sample.shape))


def scales(what: Quantity, sizes: Sequence[int]) -> tuple[Mode, ...]:
    """The colour scales that make sense for maps of so many elements: weights over other numbers of elements can only
    be compared as multiples of uniform."""
    if len(set(sizes)) == 1:
        return modes(what)
    if what == "probability":
        return ("uniform", "per_map")
    return ("per_map",) if what == "value" else ("shared", "per_map")


def block_maps(
    cases: Sequence[Case], readings: Sequence[Reading], mode: Mode, progress: Progress
) -> tuple[tuple[BlockMap, ...], ...]:
    """The maps of every block of every model, all on one scale."""
    rows = [
        compute.block_maps(case, reading, "blocks", "shared", progress)
        for case, reading in zip(cases, readings, strict=True)
    ]
    ranges = iter(ColourScale(mode).limits([one.values for row in rows for one in row], readings[0].what))
    return tuple(tuple(dataclasses.replace(one, range=next(ranges)) for one in row) for row in rows)


def differences(first: BlockMap, others: Sequence[BlockMap], what: Quantity, mode: Mode) -> tuple[BlockMap, ...]:
    """The maps of other models less the first's, on one scale that is symmetric about 0."""
    if not others:
        return ()
    values = [one.values - first.values for one in others]
    ranges = ColourScale(mode if mode in modes(what, signed=True) else "shared", signed=True).limits(values, what)
    return tuple(
        BlockMap(one.block, first.block, difference, summarise(difference, what, signed=True), range_)
        for one, difference, range_ in zip(others, values, ranges, strict=True)
    )


@st.cache_data(show_spinner=False, max_entries=64)
def _similarity(model: str, key: str, element: int, _case: Case) -> Float[np.ndarray, "..."]:
    sample = compute.read(_case)
    return encodings.similarity(compute.opened(model).codes(sample)[0], element).reshape(sample.shape)


def similarity(case: Case, element: int) -> BlockMap:
    """How alike the position codes of all elements are to that of one: the cosine."""
    values = _similarity(case.model, _code_key(case), element, case)
    return _code_map(values, "similarity of the position codes (cosine)", bound=1.0)


@st.cache_data(show_spinner=False, max_entries=64)
def _gram(model: str, key: str, _case: Case) -> Gram:
    return encodings.gram(compute.opened(model).codes(compute.read(_case))[0])


def gram(case: Case) -> Gram:
    """How many dimensions the position codes of an input fill."""
    return _gram(case.model, _code_key(case), case)


def encoding(name: str) -> Positions:
    """The position encoding of a model. Raises CheckpointError when it cannot be opened."""
    return compute.opened(name).encoding


@st.cache_data(show_spinner=False, max_entries=32)
def bands(name: str) -> tuple[Band, ...]:
    """The bands of a model's positions; none for other positions than Fourier features."""
    return compute.opened(name).encoding.bands()


def parts(config: PerceiverConfig) -> int:
    """How many bands an axis has, or components the code; 0 without position channels."""
    return config.positions.bands_per_axis or config.position_channels


def patterns(case: Case, band: int) -> tuple[Pattern, ...]:
    """What some parts of a position code look like over the input: of Fourier features the sine of the lowest, the
    given and the highest band of every axis, of others the leading components and the given one; none without position
    channels."""
    return _patterns(case.model, _code_key(case), band, case)


@st.cache_data(show_spinner=False, max_entries=64)
def _patterns(model: str, key: str, band: int, _case: Case) -> tuple[Pattern, ...]:
    opened, sample = compute.opened(model), compute.read(_case)
    count, encoding = parts(opened.config), opened.encoding
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
def _measured(model: str, key: str, reference: str, head: int | None) -> Slot[tuple[Spectrum, ...]]:
    return Slot()


@dataclass(frozen=True)
class Looked:
    """The bands that a model's maps are measured at, and the model whose they are; "" for those that Fourier features
    of its grid would have."""

    model: str
    bands: tuple[Band, ...]


@st.cache_data(show_spinner=False, max_entries=64)
def looked_for(models: tuple[str, ...]) -> tuple[Looked, ...]:
    """The bands that the maps of some models, side by side, are measured at."""
    found = bands_of_models([compute.opened(name) for name in models])
    return tuple(Looked("" if lender is None else models[lender], its) for lender, its in found)


def measured(case: Case, looked: Looked, head: int | None, progress: Progress) -> tuple[Spectrum, ...]:
    """The spectra of the scores of every block."""
    slot = _measured(case.model, case.key, looked.model, head)
    if slot.value is None:
        made, sample = compute.trace(case, progress), compute.read(case)
        steps = spectra(made, looked.bands, sample.coordinates, kind="score", head=head)
        found = []
        for i, block in enumerate(made.blocks):
            progress.step(i / len(made.blocks), f"Spectra of {case.called}: block {block + 1} of {len(made.blocks)}")
            with compute.gate.enter(progress.wait):
                found.append(next(steps))
        slot.value = tuple(found)
    return slot.value


def axes(case: Case) -> tuple[str, ...]:
    """The axes of an input, as exports call them: "rows" and "cols", "time" and "frequency"; "x", "y" and "z"."""
    return modalities.axes(compute.read(case))


def _code_key(case: Case) -> str:
    """What the codes of an input depend on: nothing of it where its elements lie on the model's grid."""
    return case.key if compute.read(case).coordinates is not None else ""


def _code_map(values: Float[np.ndarray, "..."], name: str, bound: float) -> BlockMap:
    range_ = ColourRange("shared", "score", True, -bound, bound, 100.0, name=name)
    return BlockMap(0, None, values, _told(values), range_)


def _told(values: Float[np.ndarray, "..."]) -> MapSummary:
    return summarise(values, "score", signed=True)


def _like(interval: tuple[float, float], box: Sequence[tuple[float, float]]) -> int | None:
    """The axis that covers most of the same stretch; None where none covers more than half of it."""

    def shared(other: tuple[float, float]) -> float:
        both = min(interval[1], other[1]) - max(interval[0], other[0])
        return both / (max(interval[1], other[1]) - min(interval[0], other[0]))

    best = max(range(len(box)), key=lambda axis: shared(box[axis]))
    return best if shared(box[best]) > 0.5 else None


def answers_file(cases: Sequence[Case], truth: str | None) -> bytes:
    """All classes of every model with probabilities and logits, as JSON."""
    files = [compute.predictions_file(case, compute.trace(case, Progress()), truth) for case in cases]
    return json.dumps({"models": [json.loads(file) for file in files]}, indent=2, ensure_ascii=False).encode()


def tartan_file(cases: Sequence[Case], spectra: Sequence[Sequence[Spectrum]]) -> bytes:
    """The numbers of the spectra, as CSV."""
    return tartan_csv(_exported(cases, spectra)).encode()


def numbers_file(cases: Sequence[Case], spectra: Sequence[Sequence[Spectrum]], head: int | None) -> bytes:
    """The numbers of the codes and of the spectra, as JSON."""
    values = tartan_json(_exported(cases, spectra), head=head)
    return json.dumps(values, indent=2, ensure_ascii=False).encode()


def _exported(cases: Sequence[Case], spectra: Sequence[Sequence[Spectrum]]) -> tuple[ModelSpectra, ...]:
    sample = compute.read(cases[0])
    return tuple(
        ModelSpectra(
            origin=Origin(case.called, sample.name, compute.weights(case.model), tuple(sample.notes)),
            positions=compute.described(case.model).positions.kind,
            bands_of=compute.called(looked.model) or None,
            spectra=tuple(its),
            gram=gram(case),
        )
        for case, looked, its in zip(cases, looked_for(tuple(c.model for c in cases)), spectra, strict=True)
    )
