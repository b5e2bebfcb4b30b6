"""Figure of the attention on one part of an input of several, by block and latent, with a text alternative."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from ..analysis.formatting import percent
from .style import ACCENT, CONTRAST, GREY, styled

ROW, REST = 44, 110
"""Height of a block, and of the axis with its title, in pixels."""


def part_shares_figure(
    shares: Float64[np.ndarray, "blocks N"], blocks: Sequence[int], uniform: float, name: str
) -> go.Figure:
    """The share of the weight on one part: a dot for every latent of a block, a diamond for their mean, and a line for
    uniform attention. The `customdata` of a dot is its block and its latent.

    shares  of every latent of every block
    name    what the part is called: "sound"
    """
    count = shares.shape[1]
    # Dots are spread within their row by the order of the latents, so that equal shares stay apart.
    spread = np.linspace(-0.3, 0.3, count) if count > 1 else np.zeros(1)
    rows = np.repeat(np.arange(len(blocks)), count)
    latents = np.tile(np.arange(count), len(blocks))
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=shares.ravel(),
            y=rows + np.tile(spread, len(blocks)),
            mode="markers",
            name="Latents",
            marker={"color": ACCENT, "size": 7, "opacity": 0.65},
            customdata=np.stack([np.array(blocks)[rows], latents], axis=1),
            text=[f"Block {blocks[int(row)] + 1}, latent {i + 1}" for row, i in zip(rows, latents, strict=True)],
            hovertemplate="%{text}: %{x:.1%}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=shares.mean(axis=1),
            y=np.arange(len(blocks)),
            mode="markers",
            name="Mean of the block",
            marker={"color": CONTRAST, "size": 13, "symbol": "diamond", "line": {"color": "white", "width": 1.5}},
            text=[f"Block {block + 1}" for block in blocks],
            hovertemplate="%{text}: %{x:.1%}<extra></extra>",
        )
    )
    figure.add_vline(
        x=uniform,
        line={"color": GREY, "width": 1.5, "dash": "dash"},
        annotation_text=f"uniform {percent(uniform)}",
        annotation_position="bottom right" if uniform < 0.8 else "bottom left",
    )
    figure.update_xaxes(
        title_text=f"Share of the attention weight on the {html.escape(name)}", range=[-0.02, 1.02], tickformat=".0%"
    )
    figure.update_yaxes(
        tickvals=np.arange(len(blocks)),
        ticktext=[f"Block {block + 1}" for block in blocks],
        range=[len(blocks) - 0.5, -0.5],
        zeroline=False,
    )
    return styled(figure, height=REST + ROW * len(blocks))


def part_shares_text(shares: Float64[np.ndarray, "blocks N"], blocks: Sequence[int], uniform: float, name: str) -> str:
    """The content of `part_shares_figure` as text: "Share of the attention weight on the sound: block 1 62 % (latents
    12 % to 93 %); uniform attention: 16 %."""
    told: Sequence[str] = [
        f"block {block + 1} {percent(float(row.mean()))} (latents {percent(float(row.min()))} to "
        f"{percent(float(row.max()))})"
        for block, row in zip(blocks, shares, strict=True)
    ]
    return f"Share of the attention weight on the {name}: {', '.join(told)}; uniform attention: {percent(uniform)}."
