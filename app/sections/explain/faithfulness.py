"""The faithfulness of maps: the class while the elements that a map marks are deleted from the input, or inserted."""

from __future__ import annotations

import streamlit as st

from perceiver.analysis.explanation import Question
from perceiver.plots.explanations import NAMES, Direction, course_figure, faithfulness_text

from ...services import explanation
from ...services.queueing import Progress
from ...session import text
from ..context import ExplainContext
from ..maps import CAVEAT

HEIGHT = 380


def show(context: ExplainContext, question: Question, names: tuple[str, ...]) -> Progress:
    """The curves that are known, and what they say. Returns the bar that shows progress."""
    scores = explanation.known(context.case, question).scores
    label = names[question.target]
    st.caption(
        "Deletion takes the elements that a map marks most out of the input, so that the model reads the rest; "
        f"insertion lets it read them alone. The curves follow the probability of “{text.plain(label)}”: a map that "
        "marks what the class rests on brings it down early on the left, and up early on the right. "
        f"{CAVEAT}"
    )
    with st.container():  # always there, so that what stands below keeps its place
        progress = Progress()
        if "random" in scores and len(scores) > 1:
            st.markdown(text.plain(faithfulness_text(scores, label)))
    strong = context.view.by if context.view.by in scores else "relevance"
    directions: tuple[Direction, ...] = ("deletion", "insertion")
    for column, direction in zip(st.columns(2, gap="medium"), directions, strict=True):
        with column:
            st.markdown(f"**{direction.title()}**")
            if not scores:
                st.skeleton(height=HEIGHT)
                continue
            st.plotly_chart(
                course_figure(scores, direction, strong=strong),
                key=direction,
                config={"displayModeBar": False},
                alt=f"{direction.title()}: areas under the curves. "
                + ", ".join(f"{NAMES[key]} {getattr(one, direction).area:.2f}" for key, one in scores.items()),
            )
    with st.popover("As a table", icon=":material/table_rows:", disabled=not scores):
        st.dataframe(
            [
                {"Order": NAMES[key]}
                | {f"{one.title()}, area": f"{getattr(scores[key], one).area:.3f}" for one in directions}
                for key in NAMES
                if key in scores
            ],
            hide_index=True,
        )
    return progress
