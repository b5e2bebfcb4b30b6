"""A training run's accuracy curve as a small picture for the model card."""

from __future__ import annotations

import io
from collections.abc import Sequence

INK, LINE = "#30343b", "#3b5bdb"


def accuracy_curve(curve: Sequence[tuple[int, float]], chance: float) -> bytes:
    """A PNG of accuracy (0 to 1) against training steps, with a dashed line at chance.

    curve  (step, accuracy), in order
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(4.8, 2.4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(*zip(*curve, strict=True), color=LINE, linewidth=1.8, marker=".", markersize=5)
    axes.axhline(chance, color=INK, linewidth=0.8, linestyle=(0, (4, 4)))
    axes.annotate("chance", (curve[-1][0], chance), ha="right", va="bottom", fontsize=8, color=INK)
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("Training step", fontsize=9, color=INK)
    axes.set_ylabel("Validation accuracy", fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(alpha=0.25, linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
