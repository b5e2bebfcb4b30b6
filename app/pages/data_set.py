"""Data set: one checkpoint over its held-out examples, or over a folder of files."""

from __future__ import annotations

import streamlit as st

from app.sections.context import run_guarded
from app.sections.dataset import curves, examples, latents, overview, rival
from app.sections.dataset.choice import choose
from app.sections.one_section import choose_section

SECTIONS = {
    "examples": "Examples",
    "curves": "Blocks and bands",
    "importance": "Latents",
    "maps": "Mean maps",
    "rival": "Another checkpoint",
}

COLUMNS = (13, 10, 9)
"""Widths of the confusion matrix, the map of examples and one example."""


def page() -> None:
    """The accuracy, the confusions, the map of examples, one of them, and one section of what holds over all."""
    context = choose()
    if context is None:
        return
    overview.headline(context)
    matrix, places, one = st.columns(COLUMNS, gap="medium")
    with matrix:
        overview.matrix(context)
    with places:
        overview.examples_map(context)
    with one:
        examples.one(context)
    titles = {name: title for name, title in SECTIONS.items() if name != "maps" or context.analysis.maps is not None}
    match choose_section(context.view, titles, anchors={"latents": "importance"}):
        case "curves":
            curves.show(context)
        case "importance":
            latents.show(context)
        case "maps":
            latents.mean_maps(context)
        case "rival":
            rival.show(context)
        case _:
            examples.listed(context)


run_guarded(page)
