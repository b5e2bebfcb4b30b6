"""Spectra of maps: whether they hold the frequencies of the position encoding ("tartan"), and how regular they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import streamlit as st

from perceiver.analysis.formatting import number, percent
from perceiver.analysis.spectrum import Spectrum
from perceiver.analysis.summary import summarise
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.encodings import (
    Measure,
    Tartan,
    multiples,
    profile_figure,
    spectrum_axes,
    spectrum_picture,
    spectrum_range,
    spectrum_text,
    tartan_figure,
    tartan_measured,
    tartan_text,
    wave,
)
from perceiver.positions import Band

from ...components import Grid, map_canvas
from ...services import comparison, models
from ...services.comparison import BandSource
from ...services.queueing import Progress
from ...services.samples import axis_words, describe
from ...session import controls, text
from ...views.base import Paint, readout
from ...views.chart import chart
from ...views.sound import ruler
from .. import strip
from ..context import CompareContext
from . import downloads
from .maps import LIMITS
from .models import name

COLOURS = "viridis"
HOW = (
    "The power of each latent's map over its frequencies, as shares, then the mean over latents; 1 is what noise would "
    "hold. The ticks along the sides are the bands that it is measured at."
)
AGAINST = {
    "between": "against what lies halfway between them",
    "turned": "against frequencies as far from zero in other directions",
    "none": "without a baseline",
}
TITLES: Mapping[Measure, str] = {
    "ratio": "**Energy at the bands** :small[times the baseline]",
    "regularity": "**Regularity** :small[how well maps repeat themselves, 0 to 1]",
}
REMARK = (
    "The paper remarks (section 4.1) that maps of scores look like tartan, and that the pattern comes from the Fourier "
    "features: with learned positions it is not seen."
)


class Measured(NamedTuple):
    """The spectra of one model's maps, and the bands that they are measured at."""

    context: CompareContext
    source: BandSource
    spectra: Sequence[Spectrum]


def show(contexts: Sequence[CompareContext]) -> None:
    """The spectra of the maps of one block as pictures, and the measures of every block."""
    strip.heading("Tartan", note=REMARK)
    progress = Progress()
    sources = comparison.band_sources(tuple(context.case.model for context in contexts))
    found = [
        comparison.block_spectra(context.case, its, context.view.head, progress)
        for context, its in zip(contexts, sources, strict=True)
    ]
    progress.done()
    measured = _of_part(contexts, sources, found)
    models = [_measures(one) for one in measured]
    words = tartan_text(models)
    st.markdown(text.plain(words))
    pictures, curves = st.columns([6, 5], gap="medium")
    with pictures:
        _pictures(measured)
    with curves:
        _curves(models, words)
    with st.container(horizontal=True):
        with st.popover("As a table", icon=":material/table_rows:", help="Both measures of every block as numbers."):
            st.dataframe(_table(measured), hide_index=True)
        downloads.measures(contexts, found)


def _of_part(
    contexts: Sequence[CompareContext], sources: Sequence[BandSource], found: Sequence[Sequence[Spectrum]]
) -> list[Measured]:
    """The spectra of each model; of clips those of the part that is chosen, and the choice."""
    parts = list(dict.fromkeys(one.part for spectra in found for one in spectra))
    part = next((one for one in parts if one == contexts[0].view.grid), parts[0])
    if len(parts) > 1:
        words = describe(contexts[0].sample.modality).parts
        named = {one: words.get(one or "", one or "").capitalize() for one in parts}
        controls.segments(
            "Part of the clip", "grid", named, part, help="Its elements lie on a grid, and its maps have a spectrum."
        )
    measured = []
    for context, source, spectra in zip(contexts, sources, found, strict=True):
        own = [one for one in spectra if one.part == part]
        if own:
            measured.append(Measured(context, source, own))
        else:
            st.caption(f"{name(context)} does not read this part.")
    return measured


def _curves(models: Sequence[Tartan], words: str) -> None:
    """Both measures block by block, where they are defined."""
    for measure, title in TITLES.items():
        st.markdown(title)
        if tartan_measured(models, measure):
            chart(partial(tartan_figure, models, measure), key=f"tartan_{measure}", alt=words)
        else:
            st.caption("It cannot be told of these maps.")


def _pictures(measured: Sequence[Measured]) -> None:
    """The spectra of one block of every model, all on one scale: pictures in pairs, curves below each other."""
    block = measured[0].context.view.block
    every = [spectrum for one in measured for spectrum in one.spectra]
    blocks = sorted({one.block for one in every})
    help = "The block whose maps are transformed, the same in all models."
    controls.segments("Block", "block", {one: str(one + 1) for one in blocks}, block, help=help)
    top = max(float(multiples(one.energy).max()) for one in every)
    count = len(measured)
    wide = 2 if all(one.energy.ndim == 2 for one in every) else 1
    columns = [column for _ in range(-(-count // wide)) for column in st.columns(wide, gap="small")]
    for column, (context, its, spectra) in zip(columns, measured, strict=False):
        one = next((part for part in spectra if part.block == block), None)
        with column:
            st.markdown(f"**{name(context)}**")
            if one is None:
                st.caption(f"Block {block + 1} has no cross-attention here, so it has no map.")
            else:
                _spectrum(context, one, its.bands, top, LIMITS[4])
    for note in (HOW, *_notes(measured)):
        st.caption(note)


def _spectrum(context: CompareContext, one: Spectrum, measured: Sequence[Band], top: float, limit: int) -> None:
    of = [
        (i, axis_words(axis).direction)
        for i, axis in enumerate(comparison.axes(context.case))
        if one.part is None or axis.startswith(f"{one.part}_")
    ]
    names = [words for _, words in of]
    bands = [[band.frequency for band in measured if band.axis == i] for i, _ in of]
    words = spectrum_text(one.energy, one.frequencies, names)
    label = f"Spectrum of {context.case.model_name}, block {one.block + 1}. {words}"
    if one.energy.ndim != 2:
        chart(
            lambda: profile_figure(one.energy, one.frequencies, bands, names, top=top),
            key=f"spectrum_{context.case.model}",
            alt=label,
        )
        st.caption(text.plain(words))
        return
    rows, columns = (tuple(wave(float(f), axis) for f in its) for its, axis in zip(one.frequencies, names, strict=True))
    range_, axes = spectrum_range(top), spectrum_axes(one.frequencies, bands, names)
    relative = multiples(one.energy)
    map_canvas(
        spectrum_picture(one.energy, range_, COLOURS),
        key=f"spectrum_{context.case.model}",
        label=f"{label} Arrow keys move.",
        hint=words,
        on_pick=lambda element: None,
        **readout(BlockMap(one.block, None, relative, summarise(relative, "score"), range_), Paint(COLOURS, None)),
        limit=limit,
        grid=Grid(rows, columns),
        left=ruler(axes.left) if axes.left else None,
        bottom=ruler(axes.bottom),
    )


def _measures(one: Measured) -> Tartan:
    context, _, spectra = one
    return Tartan(
        name=context.case.model_name,
        bands=bool(comparison.bands(context.case.model)),
        blocks=tuple(one.block for one in spectra),
        ratio=tuple(one.ratio for one in spectra),
        regularity=tuple(one.regularity for one in spectra),
    )


def _table(measured: Sequence[Measured]) -> list[dict[str, str | int]]:
    return [
        {
            "Model": context.case.model_name,
            "Block": one.block + 1,
            "At the bands": _or_none(one.at_bands, percent),
            "Baseline": _or_none(one.baseline, percent),
            "Times the baseline": _or_none(one.ratio, number),
            "Regularity": _or_none(one.regularity, number),
        }
        for context, _, spectra in measured
        for one in spectra
    ]


def _notes(measured: Sequence[Measured]) -> list[str]:
    """The bands that each model is measured at, the baseline, and what its elements cannot show."""
    notes = []
    for context, its, spectra in measured:
        one, whose = spectra[0], "its own"
        if its.model != context.case.model:
            whose = (
                f"it has none, so those of {text.plain(models.display_name(its.model))}"
                if its.model
                else "those of Fourier features here"
            )
        about = f"measured at {one.resolved} of {one.bands} bands ({whose}) {AGAINST[one.matched]}."
        if one.estimated:
            grid = " × ".join(str(len(along)) for along in one.frequencies)
            about += f" Its elements lie on no grid: the curves are an estimate on one of {grid} cells."
        notes.append(f"{name(context)}: {about}")
    return notes


def _or_none(value: float, form: Callable[[float], str]) -> str:
    return "none" if math.isnan(value) else form(value)
