"""Several models on one input: maps on one colour scale, their position encodings, and the spectra of their maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver.analysis import encodings
from perceiver.analysis.compare import bands_of_models, map_divergences
from perceiver.analysis.encodings import CodePattern, Gram
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.spectrum import Spectrum
from perceiver.export import encodings as exports
from perceiver.lens import model_spectra
from perceiver.plots.block_maps import BlockMap, encoding_map, scaled_rows
from perceiver.plots.scale import Mode
from perceiver.positions import Band, encoding_rank
from perceiver.progress import portion

from . import inference, maps, models
from .caching import Once
from .export import as_json
from .inference import Case
from .queueing import Progress


@dataclass(frozen=True)
class Pattern:
    """One channel or component of a position encoding over the input, with its map."""

    part: CodePattern
    map: BlockMap = field(repr=False)


def suggested_models(model: str, others: Sequence[str]) -> tuple[str, ...]:
    """The model to compare with another: one of the same classes and input elements if possible, with another encoding.

    Raises CheckpointError when a configuration is damaged.
    """
    first = models.stored_config(model)

    def rank(name: str) -> tuple[bool, bool, bool, int]:
        other = models.stored_config(name)
        same = other.positions_kind == first.positions_kind
        return (
            other.class_names != first.class_names,
            other.input_shape != first.input_shape,
            same,
            encoding_rank(other.positions),
        )

    return tuple(sorted(others, key=rank)[:1])


def block_maps(
    cases: Sequence[Case], selections: Sequence[MapSelection], mode: Mode, progress: Progress
) -> tuple[tuple[BlockMap, ...], ...]:
    """The maps of every block of every model, all on one scale."""
    rows = [maps.maps(case, one, progress) for case, one in zip(cases, selections, strict=True)]
    return scaled_rows(rows, selections[0].quantity, mode)


def divergences(
    cases: Sequence[Case], selections: Sequence[MapSelection], progress: Progress
) -> tuple[dict[int, float], ...]:
    """The divergence of every model's maps from those of the first (`analysis.compare.map_divergences`)."""
    rows = [maps.maps(case, one, progress) for case, one in zip(cases, selections, strict=True)]
    return map_divergences([inference.read(case) for case in cases], rows, selections[0].quantity)


@st.cache_data(show_spinner=False, max_entries=64)
def _similarity(model: str, key: str, element: int, _case: Case) -> Float[np.ndarray, "..."]:
    sample = inference.read(_case)
    return encodings.similarity(models.get(model).codes(sample)[0], element).reshape(sample.shape)


def similarity(case: Case, element: int) -> BlockMap:
    """The cosine similarity of the position encodings of all elements to that of one."""
    values = _similarity(case.model, _code_key(case), element, case)
    return encoding_map(values, "similarity of the position encodings (cosine)", bound=1.0)


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


@st.cache_data(show_spinner=False, max_entries=64)
def _patterns(model: str, key: str, band: int, _case: Case) -> tuple[CodePattern, ...]:
    opened = models.get(model)
    return encodings.code_patterns(opened, opened.codes(inference.read(_case))[0], band)


def patterns(case: Case, band: int) -> tuple[Pattern, ...]:
    """Some parts of a position encoding over the input, as `analysis.encodings.code_patterns` chooses them, on one
    scale."""
    found, shape = _patterns(case.model, _code_key(case), band, case), inference.read(case).shape
    channels = bool(models.encoding(case.model).coordinate_channels())
    bound = 1.0 if channels else max((float(np.nanmax(np.abs(one.values))) for one in found), default=1.0)
    unit = "value in the position encoding" if channels else "component of the position encodings"
    return tuple(Pattern(one, encoding_map(one.values.reshape(shape), unit, bound)) for one in found)


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

    def steps() -> Iterator[Spectrum]:
        report = portion(progress.step, 0.0, 1.0, f"Measuring spectra of {case.model_name}")
        return inference.run(case, progress).spectra(head=head, bands=source.bands, progress=report)

    return _spectra(case.model, case.key, source.model, head).gather(steps, progress)


def axes(case: Case) -> tuple[str, ...]:
    """The axes of an input, as exports call them: "rows" and "cols", "time" and "frequency"; "x", "y" and "z"."""
    return inference.context(case).axes


def _code_key(case: Case) -> str:
    """The part of an input's key that its position codes depend on: none where elements lie on the model's grid."""
    return case.key if inference.read(case).coordinates is not None else ""


def answers_json(cases: Sequence[Case], truth: str | None) -> bytes:
    """The probabilities and logits of all classes in every model."""
    return as_json({"models": [inference.run(case, Progress()).json(truth=truth) for case in cases]})


def spectra_csv(cases: Sequence[Case], spectra: Sequence[Sequence[Spectrum]]) -> bytes:
    """The measures of the spectra of every block of every model."""
    return exports.tartan_csv(model_spectra([inference.context(case) for case in cases], spectra)).encode()


def spectra_json(cases: Sequence[Case], spectra: Sequence[Sequence[Spectrum]], head: int | None) -> bytes:
    """The measures of the position encodings and of the spectra."""
    measured = model_spectra([inference.context(case) for case in cases], spectra)
    return as_json(exports.tartan_json(measured, head=head))
