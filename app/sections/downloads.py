"""The menu of downloads: the figure, the maps and the predictions, and the button that copies the link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from perceiver.analysis.maps import MapSelection
from perceiver.plots.animation import ClipMap, Moving, clip_animation, clip_still
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.figures import Form, block_maps_figure
from perceiver.sample import Sample

from ..components import copy_link
from ..services import export, map_checks
from ..session.view import View
from ..views.base import Paint
from .context import PageContext
from .maps import title

EXPORT = "Figures for papers, and maps and numbers as files."
FORMS: Mapping[Form, str] = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
"""The formats of figures and their MIME types."""


PLAYED: Mapping[Moving, str] = {"mp4": "video/mp4", "gif": "image/gif"}
"""The formats of clips and their MIME types."""


def menu(context: PageContext[View], selection: MapSelection, maps: Sequence[BlockMap], words: str) -> None:
    """A menu of files, each made when it is clicked."""
    case, sample = context.case, context.sample
    heading = f"{sample.name}, {case.model_name}: {words}"
    name = stem(context)
    shown = next((one for one in maps if one.block == context.view.block), maps[0])
    with st.popover("Export", icon=":material/download:", help=EXPORT):
        figures("Figure", partial(figure, sample, maps, context.paint, heading), name)
        if len(maps) > 1:
            alone = partial(figure, sample, [shown], context.paint, heading)
            figures(f"{title(shown)} alone", alone, f"{name}-block-{shown.block + 1}")
        _clips(context, maps, heading, name)
        arrays = partial(export.maps_npz, case, selection)
        download("Maps and coordinates (NPZ)", arrays, f"{name}-maps.npz", "application/octet-stream")
        download("Maps (CSV)", partial(export.maps_csv, case, selection), f"{name}-maps.csv", "text/csv")
        if sample.coordinates is None:
            along = partial(export.profiles_csv, case, selection)
            download("Maps along each axis (CSV)", along, f"{name}-profiles.csv", "text/csv")
        if map_checks.known(case, selection):
            checks = partial(map_checks.numbers_json, case, selection)
            download("Checks of the maps (JSON)", checks, f"{name}-checks.json", "application/json")
        answers = partial(export.predictions_json, case, context.truth or None)
        download("Predictions (JSON)", answers, f"{name}-predictions.json", "application/json")
    copy_link(key="link")


def _clips(context: PageContext[View], maps: Sequence[BlockMap], heading: str, name: str) -> None:
    """Lines for a clip: its maps as they play, and at the moment that is shown."""
    moment, sample, paint = context.modality.moment(context.sample), context.sample, context.paint
    if moment is None:
        return
    drawn = [ClipMap(title(one), one.values, one.range) for one in maps]
    look: dict[str, Any] = {"colours": paint.colours, "strength": paint.strength, "title": heading}
    for form, mime in PLAYED.items():
        play = partial(clip_animation, sample, drawn, form=form, **look)
        download(f"Maps as they play ({form.upper()})", play, f"{name}.{form}", mime)
    still = partial(clip_still, sample, drawn, moment, **look)
    download("Maps at this moment (PNG)", still, f"{name}-{moment:.2f}s.png", "image/png")


def stem(context: PageContext[View]) -> str:
    """The name of the files without their endings."""
    return export.filename(context.sample.name, context.case.model_name)


def figures(label: str, make: Callable[[Form], bytes], name: str) -> None:
    """A line of the menu for each format of a figure."""
    for form, mime in FORMS.items():
        download(f"{label} ({form.upper()})", partial(make, form), f"{name}.{form}", mime)


def figure(sample: Sample, maps: Sequence[BlockMap], paint: Paint, heading: str, form: Form) -> bytes:
    """The input and the row of maps as a figure for papers, on white."""
    titles = [title(one) for one in maps]
    return block_maps_figure(
        sample, maps, titles, form=form, colours=paint.colours, strength=paint.strength, title=heading
    )


def download(label: str, make: Callable[[], bytes], name: str, mime: str) -> None:
    """One line of the menu: the file is made when it is clicked."""
    st.download_button(label, make, file_name=name, mime=mime, on_click="ignore", type="tertiary", width="stretch")


def download_button(label: str, make: Callable[[], bytes], name: str, mime: str) -> None:
    """A button outside of the menu: the file is made when it is clicked."""
    st.download_button(label, make, file_name=name, mime=mime, icon=":material/download:", on_click="ignore")
