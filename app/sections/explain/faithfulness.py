"""The faithfulness of maps: the class while the elements that a map marks are deleted from the input, or inserted."""

from __future__ import annotations

from functools import partial

import streamlit as st

from perceiver.analysis.explanation import Question
from perceiver.analysis.random_order import Direction
from perceiver.plots.explanations import NAMES, course_figure, faithfulness_text

from ...services import explanation
from ...session import text
from ...views.chart import chart
from ..context import ExplainContext
from ..maps import CAVEAT
from ..on_request import Work
from .question import request


def show(context: ExplainContext, question: Question, names: tuple[str, ...], maps: Work | None) -> Work | None:
    """The curves that are known, and what they say. Returns the test that is left; None if all maps are tested.

    maps  the work on maps that are missing, which comes first
    """
    known = explanation.known(context.case, question)
    scores, untested = known.scores, len(known.scores) <= len(known.maps)
    label = names[question.target]
    st.caption(
        "Deletion takes the elements that a map marks most out of the input, so that the model reads the rest; "
        f"insertion lets it read them alone. The curves follow the probability of “{text.plain(label)}”: a map that "
        "marks what the class rests on brings deletion down early, and insertion up early. "
        f"{CAVEAT}"
    )
    work = None
    with st.container():  # always there, so that what stands below keeps its place
        if untested:
            first = maps.request.seconds if maps is not None and maps.progress is not None else 0.0
            left = explanation.test_left(context.case, question) + first
            work = request(context, question, "test", "Run the deletion and insertion test", left).show()
        if "random" in scores and len(scores) > 1:
            st.markdown(text.plain(faithfulness_text(scores, label)))
    strong = context.view.by if context.view.by in scores else "relevance"
    directions: tuple[Direction, ...] = ("deletion", "insertion")
    for column, direction in zip(st.columns(2, gap="medium"), directions, strict=True):
        with column:
            st.markdown(f"**{direction.title()}**")
            if not scores:
                st.caption("Not computed yet.")
                continue
            chart(
                partial(course_figure, scores, direction, strong=strong),
                key=direction,
                alt=f"{direction.title()}: areas under the curves. "
                + ", ".join(f"{NAMES[key]} {getattr(one, direction).area:.2f}" for key, one in scores.items()),
            )
    table = "The areas under the curves as numbers."
    with st.popover("As a table", icon=":material/table_rows:", disabled=not scores, help=table):
        st.dataframe(
            [
                {"Order": NAMES[key]}
                | {f"{one.title()}, area": f"{getattr(scores[key], one).area:.3f}" for one in directions}
                for key in NAMES
                if key in scores
            ],
            hide_index=True,
        )
    return work
