"""The menu of downloads of a comparison, the button that copies the link, and the downloads of measures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from perceiver.analysis.maps import MapSelection
from perceiver.analysis.spectrum import Spectrum
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.comparison import comparison_png, comparison_row

from ...components import copy_link
from ...services import comparison, export
from ..context import CompareContext
from ..downloads import EXPORT, download, download_button, stem

Rows = Sequence[tuple[BlockMap, ...]]


def menu(contexts: Sequence[CompareContext], rows: Rows, selections: Sequence[MapSelection], words: str) -> None:
    """A menu of files, each made when it is clicked."""
    name = _name(contexts)
    with st.popover("Export", icon=":material/download:", help=EXPORT):
        download("Figure of all models (PNG)", partial(figure, contexts, rows, words), f"{name}.png", "image/png")
        for context, selection in zip(contexts, selections, strict=True):
            arrays = partial(export.maps_npz, context.case, selection)
            label = f"Maps of {context.case.model_name} (NPZ)"
            download(label, arrays, f"{stem(context)}-maps.npz", "application/octet-stream")
        answers = partial(comparison.answers_json, [s.case for s in contexts], contexts[0].truth or None)
        download("Predictions (JSON)", answers, f"{name}-predictions.json", "application/json")
    copy_link(key="link")


def measures(contexts: Sequence[CompareContext], spectra: Sequence[Sequence[Spectrum]]) -> None:
    """The measures of the position encodings and of the spectra, as buttons."""
    cases, name = [context.case for context in contexts], _name(contexts)
    table = partial(comparison.spectra_csv, cases, spectra)
    values = partial(comparison.spectra_json, cases, spectra, contexts[0].view.head)
    for label, make, ending, mime in (
        ("Tartan numbers (CSV)", table, "tartan.csv", "text/csv"),
        ("Position encodings and spectra (JSON)", values, "encodings.json", "application/json"),
    ):
        download_button(label, make, f"{name}-{ending}", mime)


def figure(contexts: Sequence[CompareContext], rows: Rows, words: str) -> bytes:
    """The input and the maps of every model as a figure for papers: a PNG, on white."""
    drawn = [
        comparison_row(
            context.case.model_name,
            context.sample,
            row,
            colours=context.paint.colours,
            strength=context.paint.strength,
        )
        for context, row in zip(contexts, rows, strict=True)
    ]
    return comparison_png(drawn, title=f"{contexts[0].sample.name}: {words}")


def _name(contexts: Sequence[CompareContext]) -> str:
    return export.filename(contexts[0].sample.name, *(context.case.model_name for context in contexts))
