"""The menu of downloads of an ablation: the figures, the maps and the answers, and the button that copies the link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import AnswerChange
from perceiver.analysis.maps import MapSelection
from perceiver.lens import BlockChange
from perceiver.plots.comparison import comparison_png, comparison_row
from perceiver.sample import Sample

from ...components import copy_link
from ...services import ablation
from ..context import AblateContext
from ..downloads import EXPORT, download, figure, stem


def menu(
    context: AblateContext,
    removed: Ablation,
    change: AnswerChange,
    target: int,
    changes: Sequence[BlockChange],
    selection: MapSelection,
    words: str,
) -> None:
    """A menu of files, each made when it is clicked."""
    case, moved = context.case, [one.change for one in changes]
    differences = [one.difference for one in changes]
    heading = f"{context.sample.name}, {case.model_name} without {_gone(removed)}: {words}"
    name = f"{stem(context)}-ablation"
    with st.popover("Export", icon=":material/download:", help=EXPORT):
        both = partial(before_and_after, context, ablation.sample_after(case, removed), changes, heading)
        download("Before and after (PNG)", both, f"{name}.png", "image/png")
        drawn = partial(figure, context.sample, differences, context.paint, f"{heading}, after minus before")
        download("Differences (PNG)", drawn, f"{name}-differences.png", "image/png")
        arrays = partial(ablation.maps_npz, case, removed, moved, selection)
        download("Maps and coordinates (NPZ)", arrays, f"{name}-maps.npz", "application/octet-stream")
        answers = partial(ablation.answers_json, case, removed, change, target, moved)
        download("Answers and divergences (JSON)", answers, f"{name}.json", "application/json")
    copy_link(key="link")


def _gone(removed: Ablation) -> str:
    """What is removed, in short: single elements by their number."""
    encoding = replace(removed, erased=None).text()
    return "; ".join(part for part in (encoding, removed.erased.words() if removed.erased else "") if part)


def before_and_after(context: AblateContext, after: Sample, changes: Sequence[BlockChange], title: str) -> bytes:
    """Two rows of maps on one scale, before and after, as a figure for papers: a PNG, on white.

    after  the input with the removed elements marked
    """
    paint = context.paint
    rows = [
        comparison_row(name, sample, maps, colours=paint.colours, strength=paint.strength)
        for name, sample, maps in (
            ("Before", context.sample, [one.before for one in changes]),
            ("After", after, [one.after for one in changes]),
        )
    ]
    return comparison_png(rows, title=title)
