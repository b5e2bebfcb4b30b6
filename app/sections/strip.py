"""The strip on the first screen of every page: the model input, the maps of the blocks, and the prediction, from left
to right as the data flows. On a phone they stand below each other in the same order."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

WIDTH = 930
"""Width in CSS pixels that the proportions are worked out for: a window of 1280 with the sidebar open."""

ANSWER = 200
GAP = 10

TILE = 72
"""Least width of a map in CSS pixels: eight fit beside the input and the prediction."""


SMALL = 148
"""Greatest width of a map in CSS pixels where several strips stand below each other."""


def columns(
    blocks: int, *, key: str = "flow", widest: int = WIDTH
) -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]:
    """Columns for the input, for the maps of `blocks` blocks, and for the prediction; the input is as wide as a map.

    widest  greatest width of a map in CSS pixels; the prediction takes the room that is left
    """
    gaps = (blocks - 1) * GAP
    width = min((WIDTH - ANSWER - gaps) / (blocks + 1), widest)
    maps_width = blocks * width + gaps
    with st.container(key=key):
        given, maps, answer = st.columns([width, maps_width, WIDTH - width - maps_width], gap="small")
    return given, maps, answer


def heading(text: str, help: str | None = None) -> None:
    """The heading of a column, as Markdown."""
    st.markdown(f"**{text}**", help=help)
