"""Does it hold: what becomes of the class when the elements that a map marks are taken away, or put in."""

from __future__ import annotations

import streamlit as st

from perceiver.analysis.explanation import Question
from perceiver.plots.explanations import NAMES, Direction, course_figure, faithfulness_text

from ...services import explaining
from ...services.progress import Progress
from ...session import text
from ..scene import Scene

HEIGHT = 380


def holds(scene: Scene, question: Question, names: tuple[str, ...]) -> Progress:
    """The curves as far as they are known, and what they say. Returns the place where progress is shown."""
    scores = explaining.scores(scene.case, question)
    label = names[question.target]
    st.caption(
        "Deletion takes the elements that a map marks most out of the input, so that the model reads the rest; "
        f"insertion lets it read them alone. The curves follow the probability of “{text.plain(label)}”: a map that "
        "marks what the class rests on brings it down early on the left, and up early on the right. "
        f"{text.CAVEAT}"
    )
    with st.container():  # has its place whatever it holds, so that what stands below keeps its own
        progress = Progress()
        if "random" in scores and len(scores) > 1:
            st.markdown(text.plain(faithfulness_text(scores, label)))
    strong = scene.view.by if scene.view.by in scores else "relevance"
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
