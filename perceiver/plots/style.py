"""The look of every plotly figure: its colours, its type, and one template.

The colours of the lines and marks do not depend on the background: each has a contrast of at least 3:1 on white and on
a dark page. Text and grid have none of their own, so that a page's light or dark theme colours them.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

ACCENT, CONTRAST = "#2f86ab", "#d9730d"
"""The two accents: what a figure is about, and what it is compared with. Told apart with every colour blindness."""

THIRD, FOURTH, GREY = "#8f5fd0", "#6f8f2f", "#868e9a"
"""Further curves, and reference lines. Curves also differ in dash or symbol."""

GRID = "rgba(128,134,145,0.28)"
CLEAR = "rgba(0,0,0,0)"

SMALL = 13
"""The smallest type of a figure, in CSS pixels: tick labels and legends."""

LEFT, RIGHT, BOTTOM = 4, 8, 4
KEYS = 28
"""The margin above a figure that has its legend there, in CSS pixels."""

_AXIS: dict[str, Any] = {
    "automargin": True,
    "fixedrange": True,
    "gridcolor": GRID,
    "zerolinecolor": GRID,
    "tickfont": {"size": SMALL},
    "title": {"font": {"size": SMALL}, "standoff": 8},
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"size": SMALL},
        "colorway": [ACCENT, CONTRAST, THIRD, FOURTH, GREY],
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "hoverlabel": {"font": {"size": SMALL}},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": SMALL}},
        "xaxis": _AXIS | {"showgrid": False},
        "yaxis": _AXIS,
    }
)


def styled(figure: go.Figure, *, height: int, right: int = RIGHT, top: int = KEYS, legend: bool = True) -> go.Figure:
    """Gives a figure the template, its height and its margins; returns the same figure.

    height, right, top  in CSS pixels
    """
    figure.update_layout(
        template=TEMPLATE,
        height=height,
        margin={"l": LEFT, "r": right, "t": top, "b": BOTTOM},
        showlegend=legend,
        # A page that themes figures writes sizes, margins and backgrounds of its own into their template.
        font_size=SMALL,
        legend_font_size=SMALL,
        hoverlabel_font_size=SMALL,
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
    )
    sizes = {"tickfont_size": SMALL, "title_font_size": SMALL, "title_standoff": 8}
    figure.update_xaxes(**sizes)
    figure.update_yaxes(**sizes, gridcolor=GRID)
    return figure
