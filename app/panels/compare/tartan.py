"""The tartan question: whether the maps carry the frequencies of the position code, and how regular they are."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from perceiver.analysis.spectrum import Spectrum

from perceiver.analysis.numbers import number, percent
from perceiver.analysis.summary import summarise
from perceiver.plots.encodings import (
    Tartan,
    cycles,
    multiples,
    profile_figure,
    spectrum_axes,
    spectrum_picture,
    spectrum_range,
    spectrum_text,
    tartan_figure,
    tartan_text,
)
from perceiver.positions import Band

from ... import comparing, controls, text
from ...components import Grid, map_canvas
from ...compute import BlockMap
from ...progress import Progress
from ...views.base import Paint, readout
from ...views.sound import ruler
from ..scene import Scene
from . import export
from .beside import name
from .maps import LIMITS

COLOURS = "viridis"
HOW = (
    "The power of each latent's map over its frequencies, as shares, then the mean over latents; 1 is what noise would "
    "hold. "
    "The ticks along the sides are the bands that it is measured at."
)
REMARK = (
    "The paper remarks (section 4.1) that maps of scores look like tartan, and that the pattern comes from the Fourier "
    "features: with learned positions it is not seen."
)

Found = Sequence[Sequence[Spectrum]]


def tartan(scenes: Sequence[Scene]) -> None:
    """Spectra of the maps of one block as pictures, and the numbers of every block."""
    st.subheader("Tartan", anchor=False)
    st.caption(REMARK)
    progress = Progress()
    cases = [scene.case for scene in scenes]
    references = comparing.references(cases)
    found = [
        comparing.measured(scene.case, reference, scene.view.head, progress)
        for scene, reference in zip(scenes, references, strict=True)
    ]
    progress.done()
    models = [_told(scene, spectra) for scene, spectra in zip(scenes, found, strict=True)]
    words = tartan_text(models)
    st.markdown(text.plain(words))
    _pictures(scenes, references, found)
    st.plotly_chart(tartan_figure(models), key="tartan", config={"displayModeBar": False}, alt=words)
    with st.container(horizontal=True):
        with st.popover("As a table", icon=":material/table_rows:"):
            st.dataframe(_table(scenes, found), hide_index=True)
        export.numbers(scenes, found)


def _pictures(scenes: Sequence[Scene], references: Sequence[str], found: Found) -> None:
    """The spectra of one block of every model, all on one scale."""
    block = scenes[0].view.block
    blocks = sorted({one.block for spectra in found for one in spectra})
    controls.segments("Block", "block", {one: str(one + 1) for one in blocks}, block)
    top = max(float(multiples(one.energy).max()) for spectra in found for one in spectra)
    columns = st.columns(max(3, len(scenes)), gap="medium")
    for column, scene, spectra, reference in zip(columns, scenes, found, references, strict=False):
        one = next((its for its in spectra if its.block == block), None)
        with column:
            st.markdown(f"**{name(scene)}**")
            if one is None:
                st.caption(f"Block {block + 1} has no cross-attention here, so it has no map.")
            else:
                _spectrum(scene, one, comparing.measured_bands(scene.case, reference), top, LIMITS[len(columns)])
    with columns[len(scenes)] if len(scenes) < len(columns) else st.container():
        for note in (HOW, *_notes(scenes, references, found)):
            st.caption(note)


def _spectrum(scene: Scene, one: Spectrum, measured: Sequence[Band], top: float, limit: int) -> None:
    names = text.AXES[len(one.frequencies)]
    bands = [[band.frequency for band in measured if band.axis == axis] for axis in range(len(names))]
    words = spectrum_text(one.energy, one.frequencies, names)
    label = f"Spectrum of {scene.case.model}, block {one.block + 1}. {words}"
    if one.energy.ndim != 2:
        figure = profile_figure(one.energy, one.frequencies, bands, names, top=top)
        st.plotly_chart(figure, key=f"spectrum_{scene.case.model}", config={"displayModeBar": False}, alt=label)
        st.caption(text.plain(words))
        return
    rows, columns = (
        tuple(cycles(float(f), axis) for f in along) for along, axis in zip(one.frequencies, names, strict=True)
    )
    range_, axes = spectrum_range(top), spectrum_axes(one.frequencies, bands, names)
    relative = multiples(one.energy)
    map_canvas(
        spectrum_picture(one.energy, range_, COLOURS),
        key=f"spectrum_{scene.case.model}",
        label=f"{label} Arrow keys move.",
        hint=words,
        on_pick=lambda element: None,
        **readout(BlockMap(one.block, None, relative, summarise(relative, "score"), range_), Paint(COLOURS, None)),
        limit=limit,
        grid=Grid(rows, columns),
        left=ruler(axes.left) if axes.left else None,
        bottom=ruler(axes.bottom),
    )


def _told(scene: Scene, spectra: Sequence[Spectrum]) -> Tartan:
    return Tartan(
        name=scene.case.model,
        bands=bool(comparing.bands(scene.case.model)),
        blocks=tuple(one.block for one in spectra),
        ratio=tuple(one.ratio for one in spectra),
        regularity=tuple(one.regularity for one in spectra),
    )


def _table(scenes: Sequence[Scene], found: Found) -> list[dict[str, str | int]]:
    return [
        {
            "Model": scene.case.model,
            "Block": one.block + 1,
            "At the bands": percent(one.at_bands),
            "Baseline": percent(one.baseline),
            "Times the baseline": number(one.ratio),
            "Regularity": number(one.regularity),
        }
        for scene, spectra in zip(scenes, found, strict=True)
        for one in spectra
    ]


def _notes(scenes: Sequence[Scene], references: Sequence[str], found: Found) -> list[str]:
    """At whose bands models without any are measured, and what a grid cannot show."""
    notes = []
    for scene, reference, spectra in zip(scenes, references, found, strict=True):
        about, one = [], spectra[0]
        if reference != scene.case.model:
            whose = f"of {text.plain(reference)}" if reference else "that a Fourier encoding of its grid would have"
            about.append(f"it has no bands, so it is measured at those {whose}")
        if one.estimated:
            grid = " × ".join(str(len(along)) for along in one.frequencies)
            about.append(f"its elements lie on no grid, so this is an estimate on one of {grid} that they are put into")
        if one.resolved < one.bands:
            about.append(f"the grid resolves {one.resolved} of {one.bands} bands")
        if about:
            notes.append(f"{name(scene)}: {'; '.join(about)}.")
    return notes
