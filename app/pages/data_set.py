"""Data set: one checkpoint over its held-out examples, or over a folder of files."""

from __future__ import annotations

import streamlit as st

from app.sections.context import run_guarded
from app.sections.dataset import curves, examples, latents, overview, rival
from app.sections.dataset.choice import choose
from app.sections.header import contents


def page() -> None:
    """The whole page, top to bottom."""
    context = choose()
    if context is None:
        return
    overview.headline(context)
    matrix, places = st.columns(2, gap="medium")
    with matrix:
        overview.matrix(context)
    with places:
        overview.examples_map(context)
    contents(
        {
            "examples": "Examples",
            "curves": "Blocks and bands",
            "latents": "Latents",
            "maps": "Mean maps",
            "rival": "Another checkpoint",
        }
    )
    listed, one = st.columns([3, 2], gap="medium")
    with listed:
        examples.listed(context)
    with one:
        examples.one(context)
    curves.show(context)
    latents.show(context)
    latents.mean_maps(context)
    rival.show(context)


run_guarded(page)
