"""Figures of a checkpoint over a data set: confusion matrix, map of examples, mean maps, and means with intervals."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float, Float64, Int, Int64, UInt8

from ..analysis.formatting import number, percent_interval
from . import colour
from .style import ACCENT, CONTRAST, FOURTH, GREY, THIRD, styled

MATRIX = "viridis"
"""The colours of a confusion matrix."""

COLOURS = (ACCENT, CONTRAST, THIRD, FOURTH, GREY)
SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "pentagon")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


PLANE = 270
"""Side of the map of examples in pixels, which is worked with before it is drawn."""

CHARACTER, LINE = 7.5, 15
"""Width and height of a character of a class's name in pixels."""

SHIFTS = (17, -17, 32, -32)
"""How far from its place a class's name can be written, in pixels; the first is best."""


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MeanLine:
    """Means with their intervals at some places of an axis."""

    name: str
    at: tuple[float, ...]
    means: tuple[Interval, ...]


@dataclass(frozen=True, eq=False)
class Places:
    """Examples on a plane.

    places   of each example
    labels   its class; -1 where it is not known
    right    whether the prediction is its class
    words    shown under the pointer
    samples  whether it is a bundled sample, which is drawn as a star
    """

    places: Float[np.ndarray, "n 2"]
    labels: Int[np.ndarray, "n"]
    predicted: Int[np.ndarray, "n"]
    right: Bool[np.ndarray, "n"]
    words: tuple[str, ...] = field(repr=False)
    samples: Bool[np.ndarray, "n"]


def confusion_picture(counts: Int[np.ndarray, "true predicted"]) -> UInt8[np.ndarray, "true predicted 3"]:
    """The share of each prediction among the inputs of a class, one pixel a cell; a row without inputs is dark."""
    return colour.paint(np.sqrt(confusion_shares(counts)), MATRIX)


def confusion_shares(counts: Int[np.ndarray, "true predicted"]) -> Float64[np.ndarray, "true predicted"]:
    """The share of each prediction among the inputs of a class; 0 for a class without inputs."""
    totals = counts.sum(1, keepdims=True)
    return counts / np.maximum(totals, 1)


def confusion_text(counts: Int[np.ndarray, "classes classes"], names: Sequence[str], top: int = 3) -> str:
    """The most frequent confusions as text: at most `top` by name, and of equally frequent ones all or none."""
    wrong = counts * (1 - np.eye(len(counts), dtype=counts.dtype))
    if not wrong.any():
        return "No input of a known class is confused with another."
    told: list[str] = []
    left, rest = top, ""
    for often in np.unique(wrong[wrong > 0])[::-1].tolist():
        cells = np.argwhere(wrong == often)
        if len(cells) > left:
            rest = f"{len(cells)} {'others' if told else 'pairs of classes'} {_times(often)} each"
            break
        told.extend(f"{names[i]} as {names[j]} ({often})" for i, j in cells)
        left -= len(cells)
        if not left:
            break
    return f"The most frequent confusions: {'; '.join(filter(None, (', '.join(told), rest)))}."


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def examples_figure(
    shown: Places, names: Sequence[str], *, by: str, chosen: int | None = None, height: int = 400
) -> go.Figure:
    """Examples on a plane, coloured by "class" (the true one where it is known) or "right" and wrong; in the former a
    name stands where the examples of a class have their median.

    chosen  an example that is circled

    The `customdata` of a point is the row of the example. Raises ValueError for another `by`.
    """
    figure = go.Figure()
    for name, rows, paint, symbol in _parts(shown, names, by):
        figure.add_trace(_dots(shown, rows, name, paint, symbol, 7))
    if shown.samples.any():
        figure.add_trace(_dots(shown, np.flatnonzero(shown.samples), "bundled sample", CONTRAST, "star", 13))
    if chosen is not None:
        ring = {"color": CONTRAST, "symbol": "circle-open", "size": 18, "line": {"width": 3}}
        x, y = shown.places[chosen]
        figure.add_trace(go.Scatter(x=[x], y=[y], mode="markers", marker=ring, hoverinfo="skip", showlegend=False))
    if by == "class":
        _name_classes(figure, shown, names)
    figure.update_xaxes(visible=False, fixedrange=False)
    figure.update_yaxes(visible=False, fixedrange=False, scaleanchor="x")
    figure.update_layout(dragmode="pan", hovermode="closest")
    return styled(figure, height=height, legend=by == "right", top=28 if by == "right" else 4)


def _parts(shown: Places, names: Sequence[str], by: str) -> list[tuple[str, Int64[np.ndarray, "k"], str, str]]:
    """The name, the rows, the colour and the symbol of each set of points."""
    counted = ~shown.samples
    if by == "right":
        known = counted & (shown.labels >= 0)
        sets = (
            ("right", known & shown.right, ACCENT, "circle"),
            ("wrong", known & ~shown.right, CONTRAST, "x"),
            ("not known", counted & (shown.labels < 0), GREY, "circle-open"),
        )
        return [(name, np.flatnonzero(rows), paint, symbol) for name, rows, paint, symbol in sets if rows.any()]
    if by != "class":
        raise ValueError(f"examples are coloured by class or right, not by {by!r}")
    classes = np.where(shown.labels >= 0, shown.labels, shown.predicted)
    return [
        (
            html.escape(names[i]),
            np.flatnonzero(counted & (classes == i)),
            COLOURS[i % len(COLOURS)],
            SYMBOLS[i // len(COLOURS) % len(SYMBOLS)],
        )
        for i in np.unique(classes[counted]).tolist()
    ]


def _dots(shown: Places, rows: Int64[np.ndarray, "k"], name: str, paint: str, symbol: str, size: int) -> go.Scatter:
    return go.Scatter(
        x=shown.places[rows, 0],
        y=shown.places[rows, 1],
        mode="markers",
        name=name,
        marker={"color": paint, "symbol": symbol, "size": size, "opacity": 0.85},
        selected={"marker": {"opacity": 0.85}},
        unselected={"marker": {"opacity": 0.85}},
        customdata=rows.tolist(),
        text=[html.escape(shown.words[i]) for i in rows.tolist()],
        hovertemplate="%{text}<extra></extra>",
    )


def _name_classes(figure: go.Figure, shown: Places, names: Sequence[str]) -> None:
    """Writes the name of each class above where its examples have their median, or below where another name stands."""
    classes = np.where(shown.labels >= 0, shown.labels, shown.predicted)
    found = np.unique(classes[~shown.samples]).tolist()
    medians = np.array([np.median(shown.places[~shown.samples & (classes == i)], axis=0) for i in found])
    spread = float(np.ptp(shown.places, axis=0).max()) or 1.0
    shifts = name_shifts(medians * (PLANE / spread), [len(names[i]) for i in found])
    for i, (x, y), shift in zip(found, medians, shifts, strict=True):
        figure.add_annotation(
            x=float(x),
            y=float(y),
            text=f"<b>{html.escape(names[i])}</b>",
            showarrow=False,
            yshift=shift,
            captureevents=False,
        )


def name_shifts(places: Float[np.ndarray, "n 2"], lengths: Sequence[int]) -> list[int]:
    """How far above (below zero: below) its place each name is written, so that few names overlap.

    places   in pixels, upwards
    lengths  of the names in characters
    """
    taken: list[tuple[float, float, float]] = []  # middle and half of the width
    shifts = []
    for (x, y), length in zip(places.tolist(), lengths, strict=True):
        half = length * CHARACTER / 2
        near = [height for middle, height, other in taken if abs(x - middle) < half + other]
        covered = {shift: sum(abs(y + shift - height) < LINE for height in near) for shift in SHIFTS}
        shifts.append(min(SHIFTS, key=covered.__getitem__))  # the first of those that cover the fewest names
        taken.append((x, y + shifts[-1], half))
    return shifts


def means_figure(lines: Sequence[MeanLine], *, axis: str, title: str, ticks: Mapping[float, str], log: bool = False,
                 height: int = 230) -> go.Figure:  # fmt: skip
    """Means with their intervals as lines, in percent.

    axis, title  of the horizontal and the vertical axis
    ticks        names of the places of the horizontal axis
    """
    figure = go.Figure()
    for line, paint, dash, symbol in zip(lines, COLOURS, DASHES, SYMBOLS, strict=False):
        values = [one.value for one in line.means]
        figure.add_trace(
            go.Scatter(
                x=line.at,
                y=values,
                name=html.escape(line.name),
                mode="lines+markers",
                line={"color": paint, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 8},
                error_y={
                    "array": [one.high - one.value for one in line.means],
                    "arrayminus": [one.value - one.low for one in line.means],
                    "thickness": 1.5,
                },
                hovertemplate="%{y:.1%} (+%{error_y.array:.1%}, −%{error_y.arrayminus:.1%})<extra></extra>",
            )
        )
    figure.update_xaxes(
        title_text=axis, tickvals=list(ticks), ticktext=list(ticks.values()), type="log" if log else "linear"
    )
    figure.update_yaxes(title_text=title, rangemode="tozero", tickformat=".0%", nticks=5)
    return styled(figure, height=height, legend=len(lines) > 1)


def means_text(lines: Sequence[MeanLine], names: Mapping[float, str]) -> str:
    """The content of `means_figure` as text."""
    parts = []
    for line in lines:
        told = [
            f"{names[at]} {percent_interval(one.value, one.low, one.high)}"
            for at, one in zip(line.at, line.means, strict=True)
        ]
        parts.append(f"{line.name}: {', '.join(told)}.")
    return " ".join(parts)


def multiples_picture(
    values: Float[np.ndarray, "n rows columns"], top: float | None = None
) -> UInt8[np.ndarray, "n rows columns 3"]:
    """Mean maps in multiples of uniform attention, from 0 to `top`; dark where there is no element.

    top  by default the largest value of all maps
    """
    finite = np.nan_to_num(values, nan=0.0)
    highest = float(finite.max(initial=0.0)) if top is None else top
    unit = (finite / highest if highest > 0 else finite).clip(0, 1)
    return np.stack([colour.paint(one, MATRIX) for one in unit])


def multiples_text(values: Float[np.ndarray, "cells"]) -> str:
    """The range of a mean map as text."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "no input"
    return f"{number(float(finite.min()))} to {number(float(finite.max()))} × uniform"
