"""A second checkpoint over the same inputs: where the two disagree."""

from __future__ import annotations

import streamlit as st

from perceiver.analysis.formatting import number
from perceiver.dataset import Disagreements
from perceiver.errors import PerceiverError

from ...services import dataset, models
from ...session import controls, text
from .choice import DataSetContext
from .examples import MOST, show_wall


def show(context: DataSetContext) -> None:
    """The choice of the second checkpoint, the counts, and the inputs of which the predictions differ."""
    if context.folder is not None:
        st.caption(
            "Two checkpoints are compared over held-out examples; over files, `perceiver dataset` compares them."
        )
        return
    possible = dataset.with_analysis(context.others, context.analysis)
    if not possible:
        st.caption("No other checkpoint here has an analysis of the same inputs.")
        return
    names: dict[str | None, str] = {None: "none", **{key: models.display_name(key) for key in possible}}
    controls.select("Second checkpoint", "rival", names, context.view.rival, width=320)
    if context.view.rival is None or context.view.rival not in possible:
        if context.view.rival is not None:
            st.caption("Its analysis is of other inputs.")
        return
    try:
        other = dataset.kept(context.view.rival)
        assert other is not None
        found = dataset.compared(context.analysis, other)
    except PerceiverError as error:
        st.error(text.plain(str(error)), icon=":material/error:")
        return
    _counts(found)
    if not len(found.differ):
        st.caption("All predictions are the same.")
        return
    rows = found.differ[:MOST].tolist()
    st.markdown(f"**Inputs with different predictions**, the surest first :small[{len(found.differ):,} in all]")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show_wall(context, rows, key="rival_examples")
    with right:
        table = context.analysis.examples
        st.dataframe(
            [
                {
                    "Input": table.names[row] or table.keys[row],
                    "True": context.names[table.labels[row]] if table.labels[row] >= 0 else "",
                    found.names[0]: context.names[context.analysis.predicted[row]],
                    found.names[1]: text.label(other.about.classes[other.predicted[place]]),
                }
                for row, place in zip(rows, found.matched.tolist(), strict=False)
            ],
            hide_index=True,
            height=330,
        )


def _counts(found: Disagreements) -> None:
    a, b = map(text.plain, found.names)
    st.markdown(f"The predictions differ for **{len(found.differ):,}** of {found.inputs:,} inputs.")
    if found.difference is None or found.p_value is None:
        return
    mean = found.difference
    st.markdown(
        f"Right: both {found.both:,}, only {a} {found.first:,}, only {b} {found.second:,}, neither {found.neither:,}. "
        f"The accuracy of {a} less that of {b} is **{100 * mean.value:+.1f} percentage points** "
        f"(95 % interval {100 * mean.low:+.1f} to {100 * mean.high:+.1f})."
    )
    st.caption(
        f"McNemar's exact test: p = {number(found.p_value)}. It takes all inputs for independent, which those of one "
        "group are not; the interval is over groups."
    )
