"""The position encodings: similarity of positions, how many dimensions they span, and their channels as maps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from perceiver.analysis.compare import central_element
from perceiver.analysis.encodings import CodePattern, code_parts
from perceiver.plots.encodings import gram_figure, gram_text, wave

from ...components import Tile
from ...services import ablation, comparison, models
from ...services.comparison import Pattern
from ...services.samples import axis_words, describe
from ...session import state, text
from ...views.base import Paint
from ...views.chart import chart
from .. import strip
from ..context import CompareContext
from .maps import LIMITS
from .models import mark, name

EFFECTIVE = (
    "The eigenvalues of the Gram matrix of all position encodings, over their sum. The effective number is the "
    "exponential of their entropy: 1 where all lie along one direction, as many as there are channels where all count "
    "alike."
)
ALONE = Paint("viridis", None)


def similarity(contexts: Sequence[CompareContext]) -> None:
    """Which positions are alike to each model, whatever the input shows, and how many dimensions they span."""
    with _maps_of_similarity(contexts):
        _dimensions(contexts)


def _maps_of_similarity(contexts: Sequence[CompareContext]) -> DeltaGenerator:
    """Similarity to the encoding of the marked element, or of the central one; returns the room that is left beside."""
    first = contexts[0]
    chosen = central_element(first.sample) if first.view.pick is None else first.view.pick
    strip.heading(
        "Similarity of position encodings",
        "The position encoding of every element, which the model gets beside its content: the cosine of its angle to "
        "that of one element.",
        note=f"to that of {text.plain(_where(first, chosen))}",
    )
    columns = st.columns(max(3, len(contexts)), gap="medium")
    for column, context in zip(columns, contexts, strict=False):
        element = central_element(context.sample) if context.view.pick is None else context.view.pick
        with column:
            st.markdown(f"**{name(context)}**")
            context.modality.large(
                context.sample,
                comparison.similarity(context.case, element),
                ALONE,
                f"Similarity of the position encodings in {context.case.model_name} to {_where(context, element)}",
                element,
                partial(mark, context, first),
                key=f"alike_{context.case.model}",
                hint=f"Pick another {context.modality.spot} to compare the others with its encoding.",
                limit=LIMITS[len(columns)],
            )
    return columns[len(contexts)] if len(contexts) < len(columns) else st.container()


def _dimensions(contexts: Sequence[CompareContext]) -> None:
    """The spectra of the Gram matrices of all models, and the effective dimensions."""
    grams = {context.case.model: comparison.gram(context.case) for context in contexts}
    told = gram_text({s.case.model_name: (grams[s.case.model].effective, s.config.position_channels) for s in contexts})
    st.markdown("**Dimensions** :small[of these encodings]", help=EFFECTIVE)
    chart(lambda: gram_figure({model: gram.shares for model, gram in grams.items()}), key="gram", alt=told)
    st.caption(text.plain(told))


def channels(contexts: Sequence[CompareContext]) -> None:
    """A few channels or components of every encoding over the input, and a slider for which."""
    most = max(1, *(code_parts(context.config) for context in contexts))
    asked = contexts[0].view.band
    band = min(most - 1, code_parts(contexts[0].config) // 2 if asked is None else asked)
    st.session_state["band"] = band + 1
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        strip.heading(
            "Channels of the position encodings", "What the model gets of the position of every element of the input."
        )
        if most > 1:
            st.slider(
                "Band, or component of a learned encoding",
                1,
                most,
                key="band",
                on_change=_change_band,
                width=420,
                help="Which frequency of Fourier features, or which principal component of learned positions, is "
                "shown.",
            )
    found = [comparison.patterns(context.case, band) for context in contexts]
    wide = max(map(len, found))
    for context, patterns in zip(contexts, found, strict=True):
        chosen = min(band, code_parts(context.config) - 1)
        tiles = [
            Tile(_title(context, one.part), alt=f"{context.case.model_name}: {_title(context, one.part)}")
            for one in patterns
        ]
        at = [i for i, one in enumerate(patterns) if one.part.index == chosen and _chooses(one.part)]
        st.markdown(f"**{name(context)}** :small[{text.plain(_channels_text(context))}]")
        if not patterns:
            continue
        context.modality.row(
            context.sample,
            [one.map for one in patterns],
            [*tiles, *[Tile("", empty=True)] * (wide - len(patterns))],
            ALONE,
            at[0] if at else None,
            None,
            partial(_choose, patterns),
            key=f"parts_{context.case.model}",
            name=f"Parts of the position encoding of {context.case.model_name}",
            tile=100,
        )
        if any(np.isnan(one.part.values).any() for one in patterns):
            words = " or of the ".join(describe(context.sample.modality).parts.values())
            st.caption(f"Grey: the channel does not apply there. It is of an axis of the {words}.")
        if any(_aliased(context, one.part) for one in patterns):
            st.caption("More cycles than half the steps between elements cannot be shown: they appear as fewer.")


def _channels_text(context: CompareContext) -> str:
    encoding = models.encoding(context.case.model)
    if encoding.bands():
        return "the sine of the lowest, the chosen and the highest band of each axis"
    if encoding.coordinate_channels():
        return "the coordinate of each axis"
    if context.config.position_channels:
        return "the leading components over all places, and the chosen one"
    return "no position channels: nothing tells places apart"


def _title(context: CompareContext, one: CodePattern) -> str:
    if one.axis is None:
        return f"Component {one.index + 1}"
    axis = axis_words(comparison.axes(context.case)[one.axis]).direction
    return wave(one.frequency, axis) if one.frequency else axis.capitalize()


def _aliased(context: CompareContext, one: CodePattern) -> bool:
    """Whether the frequency of a band is too high for the grid."""
    elements = None if one.axis is None else ablation.axes(context.case)[one.axis].elements
    return elements is not None and one.frequency > (elements - 1) / 2


def _where(context: CompareContext, element: int) -> str:
    return context.modality.element(element, context.sample)


def _chooses(one: CodePattern) -> bool:
    return one.axis is None or one.frequency > 0


def _choose(patterns: Sequence[Pattern], index: int) -> None:
    if _chooses(patterns[index].part):
        state.change(band=patterns[index].part.index)


def _change_band() -> None:
    state.change(band=st.session_state["band"] - 1)
