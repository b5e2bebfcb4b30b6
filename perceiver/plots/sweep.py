"""Figure of the effect of each frequency of a position encoding, with a text alternative."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float64

from ..analysis.formatting import number, signed
from .style import ACCENT, CONTRAST, GREY, THIRD, styled

Measure = Literal["logit", "probability"]

STYLES = ((ACCENT, "circle"), (CONTRAST, "diamond"), (THIRD, "square"), (GREY, "x"))
GRADES = ((0.9, "closely"), (0.5, "roughly"), (-1.0, "hardly"))
"""How well estimates rank changes, from which Spearman's rank correlation on."""

FACTOR = 2.0
"""How many times larger or smaller than the change an estimate is that is said to be far off."""

MEASURES = {"logit": "Change of the logit", "probability": "Change of the probability"}


@dataclass(frozen=True)
class Line:
    """One curve: the effects of ablations against frequency.

    name         a short description
    frequencies  in cycles across the axis, ascending
    exact        exact changes; NaN if not known yet
    estimated    first-order changes; None without estimates
    links        link targets of the points
    chosen       the points of the current ablation
    """

    name: str
    frequencies: tuple[float, ...]
    exact: Float64[np.ndarray, "n"]
    estimated: Float64[np.ndarray, "n"] | None
    links: tuple[str, ...]
    chosen: Bool[np.ndarray, "n"]


def sweep_figure(lines: Sequence[Line], *, measure: Measure, axis: str, height: int = 300) -> go.Figure:
    """Changes against frequency: exact ones with markers, first-order estimates dotted, chosen points circled.

    axis  title of the horizontal axis

    The `customdata` of a point is its link. The range of the axes includes estimates, so that it does not change while
    exact values are added.
    """
    figure = go.Figure()
    for line, (colour, symbol) in zip(lines, STYLES, strict=False):
        name = html.escape(line.name)
        if line.estimated is not None:
            estimate = {"color": colour, "dash": "dot", "width": 1.5}
            figure.add_trace(_curve(line, line.estimated, name, measure, "estimated", colour, symbol, estimate))
        solid = {"color": colour, "width": 2}
        figure.add_trace(_curve(line, line.exact, name, measure, "exact", colour, symbol, solid))
    for line, (colour, _) in zip(lines, STYLES, strict=False):
        known = line.exact if line.estimated is None else np.where(np.isnan(line.exact), line.estimated, line.exact)
        ring = {"color": colour, "symbol": "circle-open", "size": 15, "line": {"width": 2}}
        at = np.asarray(line.frequencies)[line.chosen]
        figure.add_trace(go.Scatter(x=at, y=known[line.chosen], mode="markers", marker=ring, hoverinfo="skip"))
        figure.data[-1].update(showlegend=False)
    if any(line.estimated is not None for line in lines):
        figure.add_trace(_key("first-order estimate", mode="lines", line={"color": GREY, "dash": "dot", "width": 1.5}))
    if any(line.chosen.any() for line in lines):
        ring = {"color": GREY, "symbol": "circle-open", "size": 13, "line": {"width": 2}}
        figure.add_trace(_key("removed now", mode="markers", marker=ring))
    low, high = _reach(lines)
    last = max(line.frequencies[-1] for line in lines)
    figure.update_xaxes(title_text=axis, range=[0, last * 1.02 + 0.5])
    figure.update_yaxes(
        title_text=MEASURES[measure],
        range=[low, high],
        tickformat=".2~g" if measure == "logit" else ".0%",
        nticks=6,
        zeroline=True,
        zerolinecolor=GREY,
    )
    figure.update_layout(legend={"itemclick": False, "itemdoubleclick": False})
    return styled(figure, height=height)


def sweep_text(lines: Sequence[Line], name: str, measure: Measure, top: int = 3) -> str:
    """The content of `sweep_figure` as text: the frequencies with the largest effect on the class `name`.

    Uses exact values if all are known, else estimates.
    """
    exact = all(not np.isnan(line.exact).any() for line in lines)
    if not exact and any(line.estimated is None for line in lines):
        return f"What each frequency does to the {measure} of {name} is not known yet."
    found = [
        (float(change), line.name, frequency)
        for line in lines
        for change, frequency in zip(line.exact if exact else line.estimated, line.frequencies, strict=True)  # type: ignore[arg-type]
    ]
    strongest = sorted(found, key=lambda one: -abs(one[0]))[:top]
    parts = [f"{one}, {cycles(frequency)}: {change_text(change, measure)}" for change, one, frequency in strongest]
    most = "The largest changes" if exact else "The largest changes, as estimated,"
    return f"{most} of the {measure} of {name}: {'; '.join(parts)}."


def estimates_text(lines: Sequence[Line], correlations: Sequence[float], top: int = 3) -> str:
    """How well estimates agree with exact changes: the grade of their ranks (`GRADES`) in every curve, and how many of
    the `top` largest changes are estimated with the other sign or far off (`FACTOR`).

    correlations  Spearman's rank correlation of both in each curve; NaN where it is not defined

    Empty where no curve has both and a correlation.
    """
    pairs = [(line, line.estimated) for line in lines if line.estimated is not None and np.isfinite(line.exact).all()]
    ranks = []
    for line, correlation in zip(lines, correlations, strict=True):
        rho = round(correlation, 2)
        if not np.isnan(rho) and any(line is one for one, _ in pairs):
            grade = next(word for least, word in GRADES if rho >= least)
            ranks.append(f"{grade} for {line.name} (Spearman’s ρ = {rho:.2f})".replace("= -", "= −"))
    if not ranks:
        return ""
    exact = np.concatenate([line.exact for line, _ in pairs])
    estimates = np.concatenate([estimated for _, estimated in pairs])
    largest = [i for i in np.argsort(-np.abs(exact), kind="stable")[:top].tolist() if exact[i]]
    ratios = estimates[largest] / exact[largest]
    other = int((ratios < 0).sum())
    far = int((((ratios >= 0) & (ratios < 1 / FACTOR)) | (ratios > FACTOR)).sum())
    told = f"Ranks of estimated and exact changes agree {', '.join(ranks)}."
    faults = []
    if other:
        faults.append(f"{other} {'has' if other == 1 else 'have'} the other sign in the estimate")
    if far:
        faults.append(f"{far} {'differs' if far == 1 else 'differ'} from the estimate by more than a factor of two")
    return f"{told} Of the {len(largest)} largest changes, {' and '.join(faults)}." if faults else told


def change_text(change: float, measure: Measure, *, short: bool = False) -> str:
    """A signed change as text: +0.42, −3.63; for probabilities −12.3 percentage points, or −12.3 pp if `short`."""
    if measure == "logit":
        return signed(change)
    return f"{signed(100 * change)} {'pp' if short else 'percentage points'}"


def cycles(frequency: float) -> str:
    """A frequency as text."""
    return f"{number(frequency)} {'cycle' if frequency == 1 else 'cycles'}"


def _curve(
    line: Line,
    values: Float64[np.ndarray, "n"],
    name: str,
    measure: Measure,
    what: str,
    colour: str,
    symbol: str,
    stroke: dict[str, object],
) -> go.Scatter:
    exact = what == "exact"
    words = [
        f"{name}, {cycles(f)}: {change_text(v, measure)} {what}" if np.isfinite(v) else ""
        for f, v in zip(line.frequencies, values.tolist(), strict=True)
    ]
    size = 7 if len(values) <= 40 else 4
    return go.Scatter(
        x=line.frequencies,
        y=values,
        name=name,
        mode="lines+markers",
        line=stroke,
        marker={"color": colour, "symbol": symbol if exact else f"{symbol}-open", "size": size if exact else size - 1},
        # A click follows a link, so unselected points must not be dimmed.
        unselected={"marker": {"opacity": 1 if exact else 0.7}},
        opacity=1 if exact else 0.7,
        customdata=line.links,
        text=words,
        hovertemplate="%{text}<extra></extra>",
        connectgaps=False,
        legendgroup=name,
        showlegend=exact,
    )


def _key(name: str, **style: object) -> go.Scatter:
    """A trace that appears only in the legend."""
    return go.Scatter(x=[None], y=[None], name=name, hoverinfo="skip", **style)


def _reach(lines: Sequence[Line]) -> tuple[float, float]:
    """The axis range: all values and 0, with a margin; estimates far beyond all exact values are left out."""
    exact = np.concatenate([[0.0], *(line.exact for line in lines)])
    estimated = np.concatenate([[0.0], *(line.estimated for line in lines if line.estimated is not None)])
    low, high = float(np.nanmin(exact)), float(np.nanmax(exact))
    beyond = np.inf if np.isnan(exact).any() else 0.5 * (high - low)
    low, high = min(low, max(estimated.min(), low - beyond)), max(high, min(estimated.max(), high + beyond))
    room = 0.08 * (high - low) or 0.5
    return low - room, high + room
