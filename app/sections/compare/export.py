"""What can be taken away from a comparison: the figure, the maps, the answers, the numbers, the link."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from perceiver.analysis.spectrum import Spectrum
from perceiver.plots.comparison import Row, comparison_png
from perceiver.plots.drawing import draw

from ...components import copy_link
from ...services import comparing, compute
from ...services.compute import BlockMap, Reading
from ...session import text
from ..export import download, stem
from ..scene import CompareScene

Rows = Sequence[tuple[BlockMap, ...]]


def menu(scenes: Sequence[CompareScene], rows: Rows, readings: Sequence[Reading], words: str) -> None:
    """A menu of downloads, each made when it is clicked, and the button that copies the link."""
    name = _name(scenes)
    with st.popover("Export", icon=":material/download:"):
        download("Figure of all models (PNG)", partial(figure, scenes, rows, words), f"{name}.png", "image/png")
        for scene, asked in zip(scenes, readings, strict=True):
            made = compute.trace(scene.case, scene.progress)
            arrays = partial(compute.maps_file, scene.case, made, asked)
            download(
                f"Maps of {scene.case.called} (NPZ)", arrays, f"{stem(scene)}-maps.npz", "application/octet-stream"
            )
        answers = partial(comparing.answers_file, [s.case for s in scenes], scenes[0].truth or None)
        download("Predictions (JSON)", answers, f"{name}-predictions.json", "application/json")
    copy_link(key="link")


def numbers(scenes: Sequence[CompareScene], spectra: Sequence[Sequence[Spectrum]]) -> None:
    """The numbers of the position codes and of the spectra, as buttons."""
    cases, name = [scene.case for scene in scenes], _name(scenes)
    table = partial(comparing.tartan_file, cases, spectra)
    values = partial(comparing.numbers_file, cases, spectra, scenes[0].view.head)
    for label, make, ending, mime in (
        ("Tartan numbers (CSV)", table, "tartan.csv", "text/csv"),
        ("Codes and spectra (JSON)", values, "encodings.json", "application/json"),
    ):
        st.download_button(
            label,
            make,
            file_name=f"{name}-{ending}",
            mime=mime,
            icon=":material/download:",
            on_click="ignore",
        )


def figure(scenes: Sequence[CompareScene], rows: Rows, words: str) -> bytes:
    """The input and the maps of every model as a figure for papers: a PNG, on white."""
    drawn = [
        Row(
            name=scene.case.called,
            drawn=draw(
                scene.sample,
                [one.values for one in row],
                [one.range for one in row],
                colours=scene.paint.colours,
                strength=scene.paint.strength,
            ),
            blocks=tuple(one.block for one in row),
            ranges=tuple(one.range for one in row),
            summaries=tuple(one.summary for one in row),
        )
        for scene, row in zip(scenes, rows, strict=True)
    ]
    return comparison_png(drawn, title=f"{scenes[0].sample.name}: {words}")


def _name(scenes: Sequence[CompareScene]) -> str:
    return text.filename(scenes[0].sample.name, *(scene.case.called for scene in scenes))
