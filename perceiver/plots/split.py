"""Figures of scores split into parts: the parts of one score, and the share of each part by block."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from ..analysis.formatting import percent, signed
from .style import ACCENT, CONTRAST, FOURTH, GREY, SMALL, THIRD, styled

COLOURS = (CONTRAST, THIRD, FOURTH)
"""Of the axes; content has the accent of its own."""

HEIGHT = 44
"""Of the bar of one score, in CSS pixels."""


@dataclass(frozen=True)
class Piece:
    """One part of a score.

    name    in words
    value   signed
    bundle  that it belongs to, which gives its colour: "content", "axis:1", "position"; "" for several
    """

    name: str
    value: float
    bundle: str


def score_text(pieces: Sequence[Piece]) -> str:
    """The parts of a score as text: "content +2.1, height band 3 +1.4"."""
    return ", ".join(f"{one.name} {signed(one.value)}" for one in pieces)


def score_figure(pieces: Sequence[Piece], bundles: Sequence[str]) -> go.Figure:
    """The parts of one score as a stacked bar: those above 0 to the right, those below to the left.

    bundles  all, in the order of their colours
    """
    figure = go.Figure()
    for one in pieces:
        figure.add_trace(
            go.Bar(
                x=[one.value],
                y=[""],
                orientation="h",
                name=html.escape(one.name),
                marker={
                    "color": colour_of(one.bundle, bundles),
                    "line": {"color": "rgba(255,255,255,0.7)", "width": 1},
                },
                text=[html.escape(one.name)],
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                hovertemplate=f"{html.escape(one.name)}: {signed(one.value)}<extra></extra>",
            )
        )
    figure.add_vline(0, line={"color": GREY, "width": 3})
    figure.update_layout(barmode="relative", bargap=0.1, uniformtext={"minsize": SMALL, "mode": "hide"})
    figure.update_xaxes(showticklabels=False, zeroline=True)
    figure.update_yaxes(showticklabels=False, showgrid=False)
    return styled(figure, height=HEIGHT, top=2, legend=False)


def shares_figure(
    shares: Mapping[str, Float[np.ndarray, "blocks"]],
    names: Mapping[str, str],
    blocks: Sequence[int],
    chosen: int | None = None,
) -> go.Figure:
    """The share of every bundle of parts by block, stacked; negative ones below 0.

    shares  by bundle, in the order of their colours
    names   of the bundles in words
    chosen  the block that is marked
    """
    figure = go.Figure()
    labels = [f"<b>Block {block + 1}</b>" if block == chosen else f"Block {block + 1}" for block in blocks]
    for bundle, values in shares.items():
        name = html.escape(names[bundle])
        figure.add_trace(
            go.Bar(
                x=labels,
                y=list(values),
                name=name,
                marker={"color": colour_of(bundle, list(shares))},
                text=[share_told(float(value)) for value in values],
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                hovertemplate=f"%{{x}}, {name}: %{{text}}<extra></extra>",
            )
        )
    figure.update_layout(barmode="relative", bargap=0.25, uniformtext={"minsize": SMALL, "mode": "hide"})
    figure.update_yaxes(title_text="Share of the variance", tickformat=".0%", nticks=5)
    return styled(figure, height=230)


def along_figure(
    places: Float[np.ndarray, "n"], read: Float[np.ndarray, "n"], average: Float[np.ndarray, "n"], axis: str
) -> go.Figure:
    """The content that a latent reads along an axis, and its mean in the input.

    places  of the values along the axis
    axis    title of the horizontal axis
    """
    figure = go.Figure()
    lines = (("read", read, ACCENT, "solid"), ("mean of the input", average, GREY, "dash"))
    for name, values, colour, dash in lines:
        line = {"color": colour, "dash": dash, "width": 2}
        figure.add_trace(go.Scatter(x=places, y=values, name=name, mode="lines", line=line))
    figure.update_xaxes(title_text=axis)
    figure.update_yaxes(title_text="Content", nticks=4)
    return styled(figure, height=230)


def shares_text(
    shares: Mapping[str, Float[np.ndarray, "blocks"]], names: Mapping[str, str], blocks: Sequence[int]
) -> str:
    """The content of `shares_figure` as text."""
    rows = []
    for i, block in enumerate(blocks):
        each = ", ".join(f"{names[bundle]} {share_told(float(values[i]))}" for bundle, values in shares.items())
        rows.append(f"Block {block + 1}: {each}.")
    return " ".join(rows)


def share_told(share: float) -> str:
    """A share as text; that of scores which are constant is not defined."""
    return percent(share) if math.isfinite(share) else "not defined"


def colour_of(bundle: str, bundles: Sequence[str]) -> str:
    """The colour of a bundle of parts."""
    if bundle == "content":
        return ACCENT
    others = [one for one in bundles if one not in ("content", "embedding")]
    return COLOURS[others.index(bundle) % len(COLOURS)] if bundle in others else GREY
