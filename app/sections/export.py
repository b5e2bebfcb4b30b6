"""What can be taken away: the figure, the maps, the predictions, the link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from perceiver.plots.drawing import draw
from perceiver.plots.figures import figure_png
from perceiver.sample import Sample

from ..components import copy_link
from ..services import compute
from ..services.compute import BlockMap, Reading
from ..session import text
from ..session.view import View
from ..views.base import Paint
from .reading import title
from .scene import Scene


def menu(scene: Scene[View], asked: Reading, maps: Sequence[BlockMap], words: str) -> None:
    """A menu of downloads, each made when it is clicked, and the button that copies the link."""
    case, sample = scene.case, scene.sample
    made = compute.trace(case, scene.progress)
    heading = f"{sample.name}, {case.called}: {words}"
    name = stem(scene)
    with st.popover("Export", icon=":material/download:"):
        drawn = partial(figure, sample, maps, scene.paint, heading)
        download("Figure (PNG)", drawn, f"{name}.png", "image/png")
        arrays = partial(compute.maps_file, case, made, asked)
        download("Maps and coordinates (NPZ)", arrays, f"{name}-maps.npz", "application/octet-stream")
        answers = partial(compute.predictions_file, case, made, scene.truth or None)
        download("Predictions (JSON)", answers, f"{name}-predictions.json", "application/json")
    copy_link(key="link")


def stem(scene: Scene[View]) -> str:
    """How the files are called."""
    return text.filename(scene.sample.name, scene.case.called)


def figure(sample: Sample, maps: Sequence[BlockMap], paint: Paint, heading: str) -> bytes:
    """The input and the row of maps as a figure for papers: a PNG, on white."""
    ranges = [m.range for m in maps]
    drawn = draw(sample, [m.values for m in maps], ranges, colours=paint.colours, strength=paint.strength)
    return figure_png(drawn, ranges, [title(m) for m in maps], [m.summary for m in maps], title=heading)


def download(label: str, make: Callable[[], bytes], name: str, mime: str) -> None:
    """One line of the menu: the file is made when it is clicked."""
    st.download_button(label, make, file_name=name, mime=mime, on_click="ignore", type="tertiary", width="stretch")
