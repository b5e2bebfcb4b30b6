"""Charts: plotly figures in the page's theme."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def chart(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    on_select: Callable[[], None] | None = None,
    place: DeltaGenerator | None = None,
    zoom: bool = False,
) -> None:
    """Draws a figure (`perceiver.plots`) without plotly's own buttons; text and grid get the colours of the theme.

    alt        the figure's content as text, for screen readers
    on_select  called when a point is clicked
    place      where it is drawn; None is here
    zoom       whether the mouse wheel zooms
    """
    where = st if place is None else place
    config = {"displayModeBar": False, "scrollZoom": zoom}
    if on_select is None:
        where.plotly_chart(figure, key=key, alt=alt, config=config, theme="streamlit")
    else:
        where.plotly_chart(
            figure, key=key, alt=alt, config=config, theme="streamlit", on_select=on_select, selection_mode="points"
        )
