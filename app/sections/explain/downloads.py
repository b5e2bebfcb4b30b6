"""The menu of downloads of explanations: the figure, the maps, the scores and the curves, and the copied link."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from perceiver.analysis.explanation import Question
from perceiver.plots.drawing import draw
from perceiver.plots.explanations import NAMES, areas_text, below_one_another
from perceiver.plots.figures import figure_png

from ...components import copy_link
from ...services import explanation, export, inference
from ...services.maps import BlockMap
from ..context import ExplainContext
from ..downloads import download, stem
from .question import question_text


def menu(context: ExplainContext, question: Question, names: tuple[str, ...], maps: Mapping[str, BlockMap]) -> None:
    """A menu of files, each made when it is clicked."""
    case, name = context.case, stem(context)
    logits = inference.trace(case, context.progress).logits.numpy()
    with st.popover("Export", icon=":material/download:"):
        drawn = partial(figure, context, question, names, maps)
        download("Figure (PNG)", drawn, f"{name}-explained.png", "image/png")
        arrays = partial(export.explanation_npz, case, question)
        download("Maps and coordinates (NPZ)", arrays, f"{name}-explained.npz", "application/octet-stream")
        numbers = partial(export.explanation_json, case, question, logits)
        download("Scores (JSON)", numbers, f"{name}-explained.json", "application/json")
        curves = partial(export.faithfulness_csv, case, question)
        download("Deletion and insertion (CSV)", curves, f"{name}-curves.csv", "text/csv")
    copy_link(key="link")


def figure(context: ExplainContext, question: Question, names: tuple[str, ...], maps: Mapping[str, BlockMap]) -> bytes:
    """The input and the maps of all methods as a figure for papers, signed ones below: a PNG, on white."""
    scores = explanation.scores(context.case, question)
    heading = f"{context.sample.name}, {context.case.model_name}: what {question_text(question, names)} rests on"
    sides = [{key: one for key, one in maps.items() if one.range.signed is side} for side in (False, True)]
    sheets: list[bytes] = []
    for side in filter(None, sides):
        ranges = [one.range for one in side.values()]
        sheets.append(
            figure_png(
                draw(
                    context.sample,
                    [one.values for one in side.values()],
                    ranges,
                    colours=context.paint.colours,
                    strength=context.paint.strength,
                ),
                ranges,
                [NAMES[key] for key in side],
                [one.summary for one in side.values()],
                title=heading if not sheets else "",
                footer=areas_text({key: scores[key] for key in (*side, "random") if key in scores}),
            )
        )
    return below_one_another(sheets)
