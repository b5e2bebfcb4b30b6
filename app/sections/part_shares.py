"""The attention on each part of an input of several modalities: on the sound and on the picture of a clip."""

from __future__ import annotations

import streamlit as st

from perceiver.plots.part_shares import part_shares_figure, part_shares_text

from ..services import maps
from ..services.samples import describe
from ..session import state
from ..views.chart import chart
from .context import ExploreContext

HELP = (
    "A dot is a latent of the block, the diamond their mean. Uniform attention gives each part its share of the "
    "elements; press a dot to see the maps of its latent."
)


def show(context: ExploreContext) -> None:
    """The share of every block and latent on one part; nothing for inputs with a single one."""
    words = describe(context.sample.modality).parts
    named = [part.name for part in context.sample.parts if part.name in words]
    if len(named) < 2:
        return
    part = named[0]
    title = " and ".join(f"the {words[name]}" for name in named)
    st.subheader(f"Attention to {title}", anchor=False, help=HELP)
    found = maps.parts(context.case, context.view.head, context.progress)
    at = found.names.index(part)
    drawn = (found.latents[at], found.blocks, float(found.uniform[at]), words[part])
    told = part_shares_text(*drawn)
    st.markdown(told)
    chart(
        lambda: part_shares_figure(*drawn),
        key="part_shares",
        alt=told,
        on_select=_choose,
    )


def _choose() -> None:
    """Callback: the latent of the dot that was pressed."""
    points = st.session_state["part_shares"]["selection"]["points"]
    if points and points[0].get("customdata"):
        block, latent = (int(number) for number in points[0]["customdata"])
        state.change(block=block, reduce="latent", latent=latent)
