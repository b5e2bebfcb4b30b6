"""What can be taken away from the Explain page: the figure, the maps, the numbers, the curves, the link."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from perceiver.analysis.explanation import Question
from perceiver.plots.drawing import draw
from perceiver.plots.explanations import NAMES, areas_text, below_one_another
from perceiver.plots.figures import figure_png

from ...components import copy_link
from ...services import compute, explaining
from ...services.compute import BlockMap
from ..export import download, stem
from ..scene import Scene
from . import words


def menu(scene: Scene, question: Question, names: tuple[str, ...], maps: Mapping[str, BlockMap]) -> None:
    """A menu of downloads, each made when it is clicked, and the button that copies the link."""
    case, name = scene.case, stem(scene)
    logits = compute.trace(case, scene.progress).logits.numpy()
    with st.popover("Export", icon=":material/download:"):
        drawn = partial(figure, scene, question, names, maps)
        download("Figure (PNG)", drawn, f"{name}-explained.png", "image/png")
        arrays = partial(explaining.maps_file, case, question)
        download("Maps and coordinates (NPZ)", arrays, f"{name}-explained.npz", "application/octet-stream")
        numbers = partial(explaining.numbers_file, case, question, logits)
        download("Scores (JSON)", numbers, f"{name}-explained.json", "application/json")
        curves = partial(explaining.curves_file, case, question)
        download("Deletion and insertion (CSV)", curves, f"{name}-curves.csv", "text/csv")
    copy_link(key="link")


def figure(scene: Scene, question: Question, names: tuple[str, ...], maps: Mapping[str, BlockMap]) -> bytes:
    """The input and the maps of all methods as a figure for papers, those from 0 above the signed ones: a PNG, on
    white."""
    scores = explaining.scores(scene.case, question)
    heading = f"{scene.sample.name}, {scene.case.called}: what {words.asks(question, names)} rests on"
    sides = [{key: one for key, one in maps.items() if one.range.signed is side} for side in (False, True)]
    sheets: list[bytes] = []
    for side in filter(None, sides):
        ranges = [one.range for one in side.values()]
        sheets.append(
            figure_png(
                draw(
                    scene.sample,
                    [one.values for one in side.values()],
                    ranges,
                    colours=scene.paint.colours,
                    strength=scene.paint.strength,
                ),
                ranges,
                [NAMES[key] for key in side],
                [one.summary for one in side.values()],
                title=heading if not sheets else "",
                footer=areas_text({key: scores[key] for key in (*side, "random") if key in scores}),
            )
        )
    return below_one_another(sheets)
