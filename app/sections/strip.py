"""The strip on the first screen of every page: the model input, the maps of the blocks, and the prediction, from left
to right as the data flows. On a phone they stand below each other in the same order."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

WIDTH = 888
"""Width in CSS pixels that the proportions are worked out for: a window of 1280 with the sidebar open, without the gaps
between the columns."""

ANSWER = 190
GAP = 10

INPUT = 112
"""Least width of the input in CSS pixels, also beside many maps."""

LARGE_INPUT = 300
"""Width of an input that is worked on, in CSS pixels."""

TILE = 60
"""Least width of a map in CSS pixels: eight fit in one row between the input and the prediction."""

SMALL = 148
"""Greatest width of a map in CSS pixels where more than the strip has to be on the first screen."""

TWO_STRIPS = 116
"""The same where the controls and two strips share the first screen."""


def columns(
    blocks: int, *, key: str = "flow", widest: int = WIDTH
) -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]:
    """Columns for the input, for the maps of `blocks` blocks, and for the prediction; the input is as wide as a map,
    but never too small to see what it shows.

    widest  greatest width of a map in CSS pixels; the prediction takes the room that is left
    """
    gaps = (blocks - 1) * GAP
    width = min((WIDTH - ANSWER - gaps) / (blocks + 1), widest)
    given_width = max(width, INPUT)
    maps_width = min(blocks * width + gaps, WIDTH - ANSWER - given_width)
    with st.container(key=key):
        given, maps, answer = st.columns([given_width, maps_width, WIDTH - given_width - maps_width], gap="small")
    return given, maps, answer


def before_and_after(blocks: int) -> tuple[DeltaGenerator, ...]:
    """Columns for the input, for the maps of a few blocks before and after a change, and for the prediction."""
    given_width = INPUT + GAP  # its heading fits into one line
    maps_width = min((WIDTH - given_width - ANSWER) / 2, blocks * TWO_STRIPS + (blocks - 1) * GAP)
    with st.container(key="flow"):
        return tuple(
            st.columns([given_width, maps_width, maps_width, WIDTH - given_width - 2 * maps_width], gap="small")
        )


def beside_input(blocks: int, *, key: str) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Columns for the maps of `blocks` blocks and for the prediction, one of two strips beside a large input."""
    room = WIDTH - LARGE_INPUT
    maps_width = min(room - ANSWER, blocks * (TWO_STRIPS + GAP))
    with st.container(key=key):
        maps, answer = st.columns([maps_width, room - maps_width], gap="small")
    return maps, answer


def heading(text: str, help: str | None = None, *, note: str = "") -> None:
    """The heading of a column, and a note beside it; both escaped for Markdown."""
    if not note:
        st.header(text, anchor=False, help=help, width="content")
        return
    with heading_beside(text, help):
        st.caption(note)


def heading_beside(text: str, help: str | None = None) -> DeltaGenerator:
    """The heading of a column, escaped for Markdown; returns the place beside it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(text, anchor=False, help=help, width="content")
        return st.container(width="content")
