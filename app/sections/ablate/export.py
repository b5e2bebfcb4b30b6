"""What can be taken away from an ablation: the figures, the maps, the answers, the link."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from perceiver.analysis.ablation import Ablation
from perceiver.analysis.change import AnswerChange
from perceiver.plots.comparison import Row, comparison_png
from perceiver.plots.drawing import draw

from ...components import copy_link
from ...services import ablating
from ...services.ablating import BlockChange
from ...services.compute import BlockMap, Reading
from ..export import download, figure, stem
from ..scene import AblateScene


def menu(
    scene: AblateScene,
    off: Ablation,
    change: AnswerChange,
    asked: int,
    changes: Sequence[BlockChange],
    reading: Reading,
    words: str,
) -> None:
    """A menu of downloads, each made when it is clicked, and the button that copies the link."""
    case, moved = scene.case, [one.change for one in changes]
    differences = [one.difference for one in changes]
    heading = f"{scene.sample.name}, {case.called} without {off.text()}: {words}"
    name = f"{stem(scene)}-ablation"
    with st.popover("Export", icon=":material/download:"):
        both = partial(before_and_after, scene, changes, heading)
        download("Before and after (PNG)", both, f"{name}.png", "image/png")
        drawn = partial(figure, scene.sample, differences, scene.paint, f"{heading}, after less before")
        download("Differences (PNG)", drawn, f"{name}-differences.png", "image/png")
        arrays = partial(ablating.maps_file, case, off, moved, reading)
        download("Maps and coordinates (NPZ)", arrays, f"{name}-maps.npz", "application/octet-stream")
        answers = partial(ablating.answers_file, case, off, change, asked, moved)
        download("Answers and divergences (JSON)", answers, f"{name}.json", "application/json")
    copy_link(key="link")


def before_and_after(scene: AblateScene, changes: Sequence[BlockChange], title: str) -> bytes:
    """Two rows of maps on one scale, before and after, as a figure for papers: a PNG, on white."""
    rows = [
        _row(scene, name, maps)
        for name, maps in (("Before", [one.before for one in changes]), ("After", [one.after for one in changes]))
    ]
    return comparison_png(rows, title=title)


def _row(scene: AblateScene, name: str, maps: Sequence[BlockMap]) -> Row:
    ranges = tuple(one.range for one in maps)
    paint = scene.paint
    drawn = draw(scene.sample, [one.values for one in maps], ranges, colours=paint.colours, strength=paint.strength)
    return Row(name, drawn, tuple(one.block for one in maps), ranges, tuple(one.summary for one in maps))
