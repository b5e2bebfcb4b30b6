"""Figures of what single latents do for a class, with text alternatives."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64, Int64

from ..analysis.formatting import percent, signed
from .style import ACCENT, CONTRAST, GREY, SMALL, styled

DIVERGING = ((0.0, CONTRAST), (0.5, "rgba(134,142,154,0.16)"), (1.0, ACCENT))
"""Colours of a share of the way: against it, none of it, all of it."""


def effects_figure(
    effects: Float64[np.ndarray, "N"], answers: Sequence[str], *, strong: int | None = None, height: int = 260
) -> go.Figure:
    """What the logit of a class loses without each latent: a bar per latent, the largest first. The `customdata` of a
    bar is its latent, from 0.

    answers  the most probable class without each latent
    strong   the latent that is followed, drawn in the second accent; None for none
    """
    order = np.argsort(-effects, kind="stable")
    hover = [f"latent {n + 1}: {signed(float(effects[n]))}, then {html.escape(answers[n])}" for n in order]
    figure = go.Figure(
        go.Bar(
            x=np.arange(1, len(order) + 1),
            y=effects[order],
            customdata=order,
            text=hover,
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
            marker={"color": [CONTRAST if n == strong else ACCENT for n in order]},
        )
    )
    figure.update_xaxes(title_text="Latents, by effect")
    figure.update_yaxes(title_text="Loss of the logit", zeroline=True, zerolinecolor=GREY, nticks=6)
    return styled(figure, height=height, legend=False, top=8)


def effects_text(
    effects: Float64[np.ndarray, "N"], answers: Int64[np.ndarray, "N"], answer: int, label: str, most: int = 3
) -> str:
    """The content of `effects_figure` as text.

    answers  the most probable class without each latent
    answer   with all
    label    of the class whose logit is followed
    """
    order = np.argsort(-effects, kind="stable")
    first = ", ".join(f"latent {n + 1} ({signed(float(effects[n]))})" for n in order[:most].tolist())
    flips, against = int((answers != answer).sum()), int((effects < 0).sum())
    latents = "one of them" if flips == 1 else f"{flips} of them"
    kept = f"the prediction changes without {latents}" if flips else "without any single one the prediction stays"
    return (
        f"The logit of “{label}” loses most without {first}. {len(effects) - against} of {len(effects)} latents speak "
        f"for the class, {against} against it; {kept}."
    )


def patching_figure(
    blocks: Sequence[int],
    recovered: Float64[np.ndarray, "blocks N"],
    *,
    strong: int | None = None,
    height: int = 240,
) -> go.Figure:
    """The share of the way that the state of each latent carries: a row per block, the latents with the largest shares
    first. The `customdata` of a cell is its latent, from 0. Shares that are not known yet are NaN.

    blocks  after which the state was exchanged, from 0
    strong  the latent that is marked; None for none
    """
    order = np.argsort(-np.nan_to_num(recovered, nan=-np.inf).max(0), kind="stable")
    known = np.abs(recovered[np.isfinite(recovered)])
    reach = max(1e-9, float(known.max(initial=0.0)))
    names = [f"after block {block + 1}" for block in blocks]
    hover = [
        [f"latent {n + 1}, {name}: {percent(float(share))}" for n, share in zip(order, row[order], strict=True)]
        for name, row in zip(names, recovered, strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=recovered[:, order],
            x=np.arange(1, len(order) + 1),
            y=names,
            customdata=np.broadcast_to(order, recovered.shape),
            text=hover,
            hovertemplate="%{text}<extra></extra>",
            zmin=-reach,
            zmax=reach,
            colorscale=DIVERGING,
            colorbar={"tickformat": ".0%", "thickness": 12, "outlinewidth": 0, "tickfont": {"size": SMALL}},
        )
    )
    if strong is not None:
        place = int(np.flatnonzero(order == strong)[0]) + 1
        figure.add_vrect(place - 0.5, place + 0.5, line={"color": CONTRAST, "width": 2}, fillcolor="rgba(0,0,0,0)")
    figure.update_xaxes(title_text="Latents, by their largest share")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return styled(figure, height=height, legend=False, top=8)


def patching_text(
    blocks: Sequence[int], recovered: Float64[np.ndarray, "blocks N"], whole: Float64[np.ndarray, "blocks"]
) -> str:
    """The content of `patching_figure` as text.

    whole  the share that all latents carry together, by block; NaN where it is not known yet
    """
    if np.isnan(recovered).all():
        return "No state has been exchanged yet."
    row, latent = np.unravel_index(int(np.nanargmax(recovered)), recovered.shape)
    together = ", ".join(
        f"{percent(float(share))} after block {block + 1}"
        for block, share in zip(blocks, whole, strict=True)
        if np.isfinite(share)
    )
    return (
        f"The states of all latents carry {together} of what the two inputs differ in; of single latents, latent "
        f"{latent + 1} after block {blocks[int(row)] + 1} carries most: {percent(float(recovered[row, latent]))}."
    )
