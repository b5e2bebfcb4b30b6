"""Figures: plotly for the page (bars and curves), matplotlib for files (the sheet of maps)."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from ..analysis.formatting import percent
from ..analysis.summary import MapSummary
from .block_maps import BlockMap
from .drawing import draw
from .drawing.base import Drawable, Drawn
from .scale import ColourRange
from .sheet import save, sheet
from .style import ACCENT, CONTRAST, GREY, THIRD, styled

Form = Literal["png", "svg", "pdf"]
"""The file formats of figures."""


def prediction_bars(
    probabilities: Float[np.ndarray, "classes"], labels: Sequence[str], truth: int | None = None, top: int = 5
) -> go.Figure:
    """Bars of the most probable classes, best on top; the true class gets a check mark and is always included.

    Raises ValueError if the numbers of labels and probabilities differ or there is no class `truth`.
    """
    rows = _ranked(probabilities, labels, truth, top)
    places = list(range(len(rows), 0, -1))
    names = [_name(labels[i], rank, true=i == truth, top=top) for rank, i in rows]
    values = [float(probabilities[i]) for _, i in rows]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=places,
            orientation="h",
            width=0.62,
            marker={"color": [ACCENT if rank == 1 else GREY for rank, _ in rows], "cornerradius": 3},
            text=[percent(v) for v in values],
            textposition="outside",
            cliponaxis=False,
            customdata=[f"{html.escape(labels[i])}, rank {rank}" for rank, i in rows],
            hovertemplate="%{customdata}: %{x:.4f}<extra></extra>",
        )
    )
    figure.update_xaxes(range=[0, 1], visible=False)
    figure.update_yaxes(tickvals=places, ticktext=names, showgrid=False, zeroline=False)
    figure.update_yaxes(range=[0.4, len(rows) + 0.6], ticks="outside", ticklen=6, tickcolor="rgba(0,0,0,0)")
    return styled(figure, height=34 * len(rows) + 16, right=64, top=4, legend=False)


def prediction_text(
    probabilities: Float[np.ndarray, "classes"], labels: Sequence[str], truth: int | None = None, top: int = 3
) -> str:
    """The content of `prediction_bars` as text. Raises as it does."""
    rows = _ranked(probabilities, labels, None, top)
    text = "Predictions: " + ", ".join(f"{labels[i]} {percent(float(probabilities[i]))}" for _, i in rows) + "."
    if truth is not None:
        ranks = {i: rank for rank, i in _ranked(probabilities, labels, truth, len(labels))}
        text += f" The true label, {labels[truth]}, is ranked {ranks[truth]} of {len(labels)}."
    return text


def block_curve(
    probabilities: Float[np.ndarray, "blocks classes"],
    labels: Sequence[str],
    *,
    truth: int | None = None,
    entropies: Sequence[float | None] | None = None,
    num_inputs: int | None = None,
) -> go.Figure:
    """The probability of the final class when the head is applied to the latents after each block.

    truth       also drawn, dashed, if it is another class
    entropies   mean entropy in nats of the latents' maps, one per block; None for a block without a cross-attention
    num_inputs  M, to draw ln M, the entropy of a uniform map

    Raises ValueError if labels, blocks or classes do not match.
    """
    _check(probabilities[-1], labels, truth)
    if entropies is not None and len(entropies) != len(probabilities):
        raise ValueError(f"there are {len(entropies)} entropies for {len(probabilities)} blocks")
    blocks = list(range(1, len(probabilities) + 1))
    panels = 1 if entropies is None else 2
    figure = make_subplots(rows=panels, cols=1, shared_xaxes=True, vertical_spacing=0.16)
    final = int(np.argmax(probabilities[-1]))
    followed = [(final, ACCENT, "solid", "circle")]
    if truth is not None and truth != final:
        followed.append((truth, CONTRAST, "dash", "diamond"))
    for i, colour, dash, symbol in followed:
        name = html.escape(labels[i]) + (" ✓ (true)" if i == truth else "")
        figure.add_trace(_curve(blocks, probabilities[:, i].tolist(), name, colour, dash, symbol, ".1%"), row=1, col=1)
    figure.update_yaxes(title_text="Probability", range=[0, 1.05], tickformat=".0%", nticks=4, row=1, col=1)
    if entropies is not None:
        name = "entropy of the maps"
        figure.add_trace(_curve(blocks, list(entropies), name, THIRD, "solid", "square", ".2f"), row=2, col=1)
        figure.update_traces(showlegend=False, row=2, col=1)
        figure.update_yaxes(title_text="Map entropy (nats)", rangemode="tozero", nticks=4, row=2, col=1)
        if num_inputs is not None:
            label = {"text": "ln M: all read alike", "textposition": "start", "yanchor": "bottom"}
            figure.add_hline(math.log(num_inputs), line={"color": GREY, "dash": "dot"}, label=label, row=2, col=1)
            figure.update_yaxes(range=[0, 1.25 * math.log(num_inputs)], row=2, col=1)
    figure.update_xaxes(range=[0.8, len(blocks) + 0.2], dtick=max(1, len(blocks) // 8))
    figure.update_xaxes(title_text="Block", row=panels, col=1)
    return styled(figure, height=210 if panels == 1 else 330)


def block_text(
    probabilities: Float[np.ndarray, "blocks classes"], labels: Sequence[str], entropies: Sequence[float | None] = ()
) -> str:
    """The content of `block_curve` as text."""
    _check(probabilities[-1], labels, None)
    final = int(np.argmax(probabilities[-1]))
    text = f"Probability of {labels[final]} after each block: "
    text += ", ".join(percent(float(p)) for p in probabilities[:, final]) + "."
    if any(entropy is not None for entropy in entropies):
        told = ("none" if entropy is None else f"{entropy:.2f}" for entropy in entropies)
        text += f" Mean entropy of the maps in nats: {', '.join(told)}."
    return text


def figure_png(
    drawn: Drawn,
    ranges: Sequence[ColourRange],
    titles: Sequence[str],
    summaries: Sequence[MapSummary],
    *,
    columns: int | None = None,
    title: str = "",
    footer: str = "",
) -> bytes:
    """The publication figure as a PNG on white at 200 dots per inch: the input, then every map, without interpolation.

    drawn     the input and the maps as pictures (`drawing.draw`)
    ranges, titles, summaries  one per map; ranges from one call of `ColourScale.limits`
    columns   panels per row, including the input; None is up to five
    footer    additional text below the figure; the description of the scale is always included

    Raises ValueError if the numbers of maps, ranges, titles and summaries differ.
    """
    arranged = sheet(drawn, ranges, titles, summaries, columns=columns, title=title, footer=footer)
    return save(arranged.draw(), "png", title)


def block_maps_figure(
    sample: Drawable,
    maps: Sequence[BlockMap],
    titles: Sequence[str],
    *,
    form: Form = "png",
    colours: str = "magma",
    strength: float | None = None,
    title: str = "",
    footer: str = "",
) -> bytes:
    """`figure_png` or `figure_vector` of an input and maps on a common scale.

    form               "png", "svg" or "pdf"
    colours, strength  as in `drawing.draw`
    """
    ranges = [one.range for one in maps]
    drawn = draw(sample, [one.values for one in maps], ranges, colours=colours, strength=strength)
    summaries = [one.summary for one in maps]
    if form == "png":
        return figure_png(drawn, ranges, titles, summaries, title=title, footer=footer)
    return figure_vector(drawn, ranges, titles, summaries, form=form, title=title, footer=footer)


def figure_vector(
    drawn: Drawn,
    ranges: Sequence[ColourRange],
    titles: Sequence[str],
    summaries: Sequence[MapSummary],
    *,
    form: Literal["svg", "pdf"],
    columns: int | None = None,
    title: str = "",
    footer: str = "",
) -> bytes:
    """`figure_png` as SVG or PDF: text and lines are vectors, pictures keep their exact cells."""
    arranged = sheet(drawn, ranges, titles, summaries, columns=columns, title=title, footer=footer)
    return save(arranged.draw(), form, title)


def _check(probabilities: Float[np.ndarray, "classes"], labels: Sequence[str], truth: int | None) -> None:
    if len(labels) != len(probabilities):
        raise ValueError(f"there are {len(labels)} labels for {len(probabilities)} classes")
    if truth is not None and not 0 <= truth < len(labels):
        raise ValueError(f"there is no class {truth}; they run from 0 to {len(labels) - 1}")


def _ranked(
    probabilities: Float[np.ndarray, "classes"], labels: Sequence[str], truth: int | None, top: int
) -> list[tuple[int, int]]:
    """(rank from 1, class) of the first `top` classes, and of the true one."""
    _check(probabilities, labels, truth)
    order = np.argsort(-probabilities, kind="stable").tolist()
    return [(rank, i) for rank, i in enumerate(order, start=1) if rank <= top or i == truth]


def _name(label: str, rank: int, *, true: bool, top: int) -> str:
    """The name of a row, escaped for plotly."""
    short = html.escape(label if len(label) <= 26 else f"{label[:25].rstrip()}…")
    if not true:
        return short
    return f"<b>✓ {short}</b> (true{f', rank {rank}' if rank > top else ''})"


def _curve(
    blocks: list[int], values: Sequence[float | None], name: str, colour: str, dash: str, symbol: str, form: str
) -> go.Scatter:
    return go.Scatter(
        x=blocks,
        y=list(values),
        name=name,
        mode="lines+markers",
        line={"color": colour, "dash": dash, "width": 2},
        marker={"color": colour, "symbol": symbol, "size": 8},
        hovertemplate=f"block %{{x}}: %{{y:{form}}}",
    )
