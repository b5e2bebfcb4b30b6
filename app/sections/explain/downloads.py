"""The menu of downloads of explanations: the figure, the maps, the scores and the curves, and the copied link."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from perceiver.analysis.explanation import Question
from perceiver.analysis.methods import METHODS
from perceiver.plots.block_maps import BlockMap
from perceiver.plots.explanations import areas_text, below_one_another
from perceiver.plots.figures import block_maps_figure

from ...components import copy_link
from ...services import explanation
from ..context import ExplainContext
from ..downloads import EXPORT, download, stem
from .methods import known_maps
from .question import question_text


def menu(context: ExplainContext, question: Question, names: tuple[str, ...]) -> None:
    """A menu of files, each made when it is clicked; a figure only of maps that are known."""
    case, name = context.case, stem(context)
    with st.popover("Export", icon=":material/download:", help=EXPORT):
        if explanation.known(case, question).maps:
            download(
                "Figure (PNG)",
                lambda: figure(context, question, names, known_maps(context, question)),
                f"{name}-explained.png",
                "image/png",
            )
        arrays = partial(explanation.maps_npz, case, question)
        download("Maps and coordinates (NPZ)", arrays, f"{name}-explained.npz", "application/octet-stream")
        numbers = partial(explanation.numbers_json, case, question)
        download("Scores (JSON)", numbers, f"{name}-explained.json", "application/json")
        curves = partial(explanation.faithfulness_csv, case, question)
        download("Deletion and insertion (CSV)", curves, f"{name}-curves.csv", "text/csv")
    copy_link(key="link")


def figure(context: ExplainContext, question: Question, names: tuple[str, ...], maps: Mapping[str, BlockMap]) -> bytes:
    """The input and the maps of all methods as a figure for papers, signed ones below: a PNG, on white."""
    scores = explanation.known(context.case, question).scores
    heading = f"{context.sample.name}, {context.case.model_name}: what {question_text(question, names)} rests on"
    sides = [{key: one for key, one in maps.items() if one.range.signed is side} for side in (False, True)]
    sheets: list[bytes] = []
    for side in filter(None, sides):
        sheets.append(
            block_maps_figure(
                context.sample,
                list(side.values()),
                [METHODS[key].label for key in side],
                colours=context.paint.colours,
                strength=context.paint.strength,
                title=heading if not sheets else "",
                footer=areas_text({key: scores[key] for key in (*side, "random") if key in scores}),
            )
        )
    return below_one_another(sheets)
