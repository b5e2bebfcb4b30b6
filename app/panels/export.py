"""What can be taken away: the figure, the maps, the predictions, the link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import PurePath

import streamlit as st

from perceiver.sample import Sample

from .. import compute
from ..components import copy_link
from ..compute import BlockMap, Case, Reading
from ..progress import Progress
from ..views.base import ModalityView, Paint


def menu(
    case: Case,
    sample: Sample,
    reading: Reading,
    maps: Sequence[BlockMap],
    titles: Sequence[str],
    shown: ModalityView,
    paint: Paint,
    heading: str,
    truth: str | None,
    progress: Progress,
) -> None:
    """A menu of downloads, each made when it is clicked, and the button that copies the link."""
    made = compute.trace(case, progress)
    stem = f"{PurePath(sample.name).stem}-{case.model}"
    with st.popover("Export", icon=":material/download:"):
        _download(
            "Figure (PNG)", partial(shown.figure, sample, maps, titles, paint, heading), f"{stem}.png", "image/png"
        )
        _download(
            "Maps and coordinates (NPZ)",
            partial(compute.maps_file, case, made, reading),
            f"{stem}-maps.npz",
            "application/octet-stream",
        )
        _download(
            "Predictions (JSON)",
            partial(compute.predictions_file, case, made, truth),
            f"{stem}-predictions.json",
            "application/json",
        )
    copy_link(key="link")


def _download(label: str, make: Callable[[], bytes], name: str, mime: str) -> None:
    st.download_button(label, make, file_name=name, mime=mime, on_click="ignore", type="tertiary", width="stretch")
