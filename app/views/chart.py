"""Charts: plotly figures in the page's theme, which are drawn once one of them comes into sight.

Plotly is most of what a browser would load for a page, and most pages have no chart on the first screen.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ..components import awaited
from ..session import state


def chart(
    figure: Callable[[], go.Figure],
    *,
    key: str,
    alt: str,
    on_select: Callable[[], None] | None = None,
    place: DeltaGenerator | None = None,
    zoom: bool = False,
    at_once: bool = False,
) -> None:
    """Draws a figure (`perceiver.plots`) without plotly's own buttons; text and grid get the colours of the theme.

    Until the first chart of a session comes into the window, an empty place with its description stands for each.

    figure     makes the figure; not called for an empty place
    alt        the figure's content as text, for screen readers
    on_select  called when a point is clicked
    place      where it is drawn; None is here
    zoom       whether the mouse wheel zooms
    at_once    whether it is on the first screen, and not waited for
    """
    if not (at_once or state.draws_charts()):
        with nullcontext() if place is None else place:
            awaited(key=f"{key}_place", label=alt, on_seen=state.draw_charts)
        return
    where = st if place is None else place
    config = {"displayModeBar": False, "scrollZoom": zoom}
    if on_select is None:
        where.plotly_chart(figure(), key=key, alt=alt, config=config, theme="streamlit")
    else:
        where.plotly_chart(
            figure(), key=key, alt=alt, config=config, theme="streamlit", on_select=on_select, selection_mode="points"
        )
