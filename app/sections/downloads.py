"""The menu of downloads: the figure, the maps and the predictions, and the button that copies the link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from perceiver.analysis.maps import MapSelection
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.figures import block_maps_png
from perceiver.sample import Sample

from ..components import copy_link
from ..services import export
from ..session.view import View
from ..views.base import Paint
from .context import PageContext
from .maps import title


def menu(context: PageContext[View], selection: MapSelection, maps: Sequence[BlockMap], words: str) -> None:
    """A menu of files, each made when it is clicked."""
    case, sample = context.case, context.sample
    heading = f"{sample.name}, {case.model_name}: {words}"
    name = stem(context)
    with st.popover("Export", icon=":material/download:"):
        drawn = partial(figure, sample, maps, context.paint, heading)
        download("Figure (PNG)", drawn, f"{name}.png", "image/png")
        arrays = partial(export.maps_npz, case, selection)
        download("Maps and coordinates (NPZ)", arrays, f"{name}-maps.npz", "application/octet-stream")
        answers = partial(export.predictions_json, case, context.truth or None)
        download("Predictions (JSON)", answers, f"{name}-predictions.json", "application/json")
    copy_link(key="link")


def stem(context: PageContext[View]) -> str:
    """The name of the files without their endings."""
    return export.filename(context.sample.name, context.case.model_name)


def figure(sample: Sample, maps: Sequence[BlockMap], paint: Paint, heading: str) -> bytes:
    """The input and the row of maps as a figure for papers: a PNG, on white."""
    titles = [title(one) for one in maps]
    return block_maps_png(sample, maps, titles, colours=paint.colours, strength=paint.strength, title=heading)


def download(label: str, make: Callable[[], bytes], name: str, mime: str) -> None:
    """One line of the menu: the file is made when it is clicked."""
    st.download_button(label, make, file_name=name, mime=mime, on_click="ignore", type="tertiary", width="stretch")


def download_button(label: str, make: Callable[[], bytes], name: str, mime: str) -> None:
    """A button outside of the menu: the file is made when it is clicked."""
    st.download_button(label, make, file_name=name, mime=mime, icon=":material/download:", on_click="ignore")
