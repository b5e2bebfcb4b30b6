"""Accuracy after each block, content against position in the scores, and accuracy with bands removed."""

from __future__ import annotations

import streamlit as st

from perceiver.analysis.formatting import percent
from perceiver.plots.dataset import Interval, MeanLine, means_figure, means_text
from perceiver.studies.base import Mean

from ...views.chart import chart
from .choice import DataSetContext


def show(context: DataSetContext) -> None:
    """The three figures side by side, those that the model and the data have."""
    columns = st.columns(3, gap="medium")
    with columns[0]:
        _accuracy(context)
    with columns[1]:
        _parts(context)
    with columns[2]:
        _bands(context)


def _accuracy(context: DataSetContext) -> None:
    st.markdown("**Accuracy after each block**")
    means = context.analysis.accuracy
    if not means:
        st.caption("No labels are known.")
        return
    line = MeanLine("accuracy", tuple(range(1, len(means) + 1)), tuple(map(_interval, means)))
    _figure("accuracy", [line], "Block", "Accuracy", {at: str(int(at)) for at in line.at}, "block ")
    st.caption("The head applied to the latents after every block. Bars are 95 % intervals over groups.")


def _parts(context: DataSetContext) -> None:
    st.markdown("**Content and position in the scores**")
    groups = list(dict.fromkeys(one.group for one in context.analysis.shares))
    if not groups:
        st.caption("The scores are constant.")
        return
    lines = []
    for group in groups:
        its = [one for one in context.analysis.shares if one.group == group]
        at = tuple(float(one.block + 1) for one in its)
        lines.append(MeanLine(group, at, tuple(_interval(one.share) for one in its)))
    blocks = {float(block + 1): str(block + 1) for block in context.analysis.about.blocks}
    _figure("parts", lines, "Block", "Share of the variance", blocks, "block ")
    st.caption(
        "How much of the variance of the scores over the elements the content and the position channels explain."
    )


def _bands(context: DataSetContext) -> None:
    st.markdown("**Bands removed from the position encoding**")
    bands = context.analysis.bands
    if not bands:
        st.caption("This position encoding has no bands.")
        return
    # Cut-offs are spaced evenly: their frequencies are those of every so many bands.
    names = {float(i): "none" if one.cycles is None else f"≥ {one.cycles:.3g}" for i, one in enumerate(bands)}
    at = tuple(names)
    lines = []
    if all(one.accuracy is not None for one in bands):
        known = [one.accuracy for one in bands if one.accuracy is not None]
        lines.append(MeanLine("accuracy", at, tuple(map(_interval, known))))
    lines.append(MeanLine("same prediction", at, tuple(_interval(one.agrees) for one in bands)))
    _figure("bands", lines, "Removed, cycles", "Share of inputs", names, "removed ")
    st.caption("All bands from a frequency upwards are set to zero, on every axis.")


def _figure(key: str, lines: list[MeanLine], axis: str, title: str, ticks: dict[float, str], prefix: str) -> None:
    words = means_text(lines, {at: f"{prefix}{name}" for at, name in ticks.items()})
    chart(lambda: means_figure(lines, axis=axis, title=title, ticks=ticks), key=f"means_{key}", alt=words)
    with st.popover("As a table", icon=":material/table_rows:", key=f"table_{key}"):
        st.dataframe(
            [
                {
                    axis: ticks[at],
                    "": line.name,
                    title: percent(one.value),
                    "95 % interval": f"{percent(one.low)} to {percent(one.high)}",
                }
                for line in lines
                for at, one in zip(line.at, line.means, strict=True)
            ],
            hide_index=True,
        )


def _interval(mean: Mean) -> Interval:
    return Interval(mean.value, mean.low, mean.high)
