"""Figure of predictions over time for a long input, with a text alternative."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ..analysis.formatting import clock, percent
from ..analysis.timeline import Timeline
from .axes import time_axis
from .style import ACCENT, CONTRAST, GREY, GRID, THIRD, styled

MOST = 4
"""Maximum number of classes with a curve."""

STYLES = ((ACCENT, "solid", "circle"), (CONTRAST, "dash", "diamond"), (THIRD, "dot", "square"), (GREY, "dashdot", "x"))
POINTS = 240
"""Maximum number of points of a curve; for more windows several share a point."""


def timeline_figure(
    timeline: Timeline, labels: Sequence[str], *, duration: float, window: tuple[float, float] | None = None
) -> go.Figure:
    """The probabilities of the leading classes at the middle of each window, with gaps for silent windows; for long
    inputs the mean over several windows (`per_point`).

    duration  of the whole input, in seconds
    window    start and stop of the selected window in seconds, which is shaded

    The `customdata` of a point is the start of its window; of several windows, the one in which the class is most
    probable. Raises ValueError if the numbers of labels and classes differ.
    """
    if len(labels) != timeline.probabilities.shape[1]:
        raise ValueError(f"there are {len(labels)} labels for {timeline.probabilities.shape[1]} classes")
    figure = go.Figure()
    for kind, (colour, dash, symbol) in zip(timeline.leading(MOST), STYLES, strict=False):
        figure.add_trace(_curve(timeline, kind, html.escape(labels[kind]), colour, dash, symbol))
    if window:
        # The line makes a window visible that is thinner than a pixel.
        shade = {"fillcolor": GRID, "line": {"color": GREY, "width": 1}, "layer": "below"}
        figure.add_vrect(x0=window[0], x1=min(window[1], duration), **shade)
    axis = time_axis(0.0, duration, wanted=8)
    figure.update_xaxes(
        range=[0, duration],
        tickvals=[tick.value for tick in axis.ticks],
        ticktext=[tick.label for tick in axis.ticks],
        title_text=axis.unit,
    )
    figure.update_yaxes(title_text="Probability", range=[0, 1.05], tickformat=".0%", nticks=4)
    return styled(figure, height=250)


def timeline_text(timeline: Timeline, labels: Sequence[str]) -> str:
    """The content of `timeline_figure` as text. Raises as it does."""
    if len(labels) != timeline.probabilities.shape[1]:
        raise ValueError(f"there are {len(labels)} labels for {timeline.probabilities.shape[1]} classes")
    heard = timeline.probabilities[~timeline.silent]
    if not len(heard):
        return "There is no signal in any window, so there is nothing to tell."
    wins = np.bincount(heard.argmax(axis=1), minlength=len(labels))
    shares = [f"{labels[i]} in {percent(wins[i] / len(heard))}" for i in timeline.leading(MOST) if wins[i]]
    text = f"The answer over {len(heard):,} windows: {', '.join(shares)}."
    longest = max((s for s in timeline.stretches() if s.answer is not None), key=lambda s: s.stop - s.start)
    assert longest.answer is not None
    text += (
        f" The longest stretch of one answer is {labels[longest.answer]}, "
        f"{clock(longest.start, 1)} to {clock(longest.stop, 1)}."
    )
    if silent := int(timeline.silent.sum()):
        are = "window holds" if silent == 1 else "windows hold"
        text += f" {silent:,} more {are} no signal."
    return text


def per_point(timeline: Timeline) -> int:
    """The number of windows per point of the curves, so that there are at most POINTS."""
    return max(1, math.ceil(len(timeline) / POINTS))


def _curve(timeline: Timeline, kind: int, name: str, colour: str, dash: str, symbol: str) -> go.Scatter:
    """The means over groups of windows; each point stores the window of its group with the highest probability."""
    together = per_point(timeline)
    firsts = np.arange(0, len(timeline), together)
    lasts = np.minimum(firsts + together, len(timeline)) - 1
    starts, stops = timeline.starts[firsts], timeline.stops[lasts]
    heard = np.where(timeline.silent, 0.0, timeline.probabilities[:, kind])
    counts = np.add.reduceat(~timeline.silent, firsts, dtype=np.float64)
    means = np.full(len(firsts), np.nan)
    np.divide(np.add.reduceat(heard, firsts), counts, out=means, where=counts > 0)
    clearest = [first + int(heard[first : last + 1].argmax()) for first, last in zip(firsts, lasts, strict=True)]
    return go.Scatter(
        x=(starts + stops) / 2,
        y=means,
        name=name,
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"color": colour, "symbol": symbol, "size": 7 if len(firsts) <= POINTS / 2 else 4},
        customdata=timeline.starts[clearest],
        text=[f"{clock(a, 1)} to {clock(b, 1)}" for a, b in zip(starts, stops, strict=True)],
        hovertemplate="%{text}: %{y:.1%}",
        connectgaps=False,
    )
