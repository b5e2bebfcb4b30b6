"""Why a latent reads a spot, and how much content and position explain: the scores of a run, part by part."""

from __future__ import annotations

import numpy as np
import streamlit as st

from perceiver.analysis.formatting import number, signed
from perceiver.analysis.latents import ElementReader
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.reading import ContentAlong
from perceiver.analysis.split_shares import shares_sentence
from perceiver.lens.split import Colour
from perceiver.plots.split import (
    Piece,
    along_figure,
    score_figure,
    score_text,
    share_told,
    shares_figure,
    shares_text,
)

from ..components import Row, ranking
from ..services import split as service
from ..services.samples import axis_words
from ..session import state, text
from ..views.base import Paint
from ..views.chart import chart
from . import downloads
from .context import ExploreContext

TOP = 5
"""Parts of a score that are listed on their own, at least."""

SHARES = (
    "The scores of a latent over all elements are the sum of the scores of the parts. The share of a part is its "
    "covariance with the whole over the variance of the whole; shares add up to 100 %, and one below 0 works against "
    "the others. Scores are those before the softmax."
)
READS = (
    "The vector that the cross-attention adds to this latent is a sum over the same parts; the share of a part is its "
    "projection on that vector over its square length. Content and position codes are means weighted by attention."
)

ALONE = Paint("magma", None)
"""Codes are of places, whatever the input shows there."""


def choices(context: ExploreContext) -> dict[str, str]:
    """The parts that the maps can be of, as text and in words, with the one that is shown; a part that this model does
    not have is left, with a note."""
    chosen = context.view.split
    if not service.is_possible(context.case, chosen):
        state.reset("split", "The link shows a part of the scores that this model does not have; showing the whole.")
        st.rerun()
    offered = service.choices(context.case)
    if chosen == service.WHOLE or chosen in offered:
        return offered
    return {service.WHOLE: "all", **offered, chosen: service.name(context.case, chosen)}


def why(context: ExploreContext, selection: MapSelection, strongest: ElementReader) -> None:
    """Why a latent attends to the marked element: its score there, part by part. The latent is the one whose maps are
    shown, or else the one that attends most."""
    case, view, spot = context.case, context.view, context.modality.spot
    assert view.pick is not None
    block, latent = strongest.block, strongest.latent
    if selection.latent is not None:
        block, latent = view.block, selection.latent
    found = service.score(case, block, latent, view.pick, view.head, context.progress)
    bundles = service.bundles(case)
    terms = found.terms(TOP, service.axis_names(case))
    pieces = [Piece(one.name, one.excess, one.bundle) for one in terms]
    which, multiple = f"latent {latent + 1} of block {block + 1}", found.weight * len(context.sample.content)
    if found.excess < 0:
        heading = f"Why the score of {which} is low here"
    else:
        heading = f"Why {which} attends to it" if multiple >= 1 else f"The score of {which} here"
    st.markdown(f"**{heading}**")
    side = "above" if found.excess >= 0 else "below"
    st.caption(
        f"Its score here is {number(abs(found.excess))} {side} its mean over the {context.modality.noun}, the sum of "
        f"the parts; its weight is {number(multiple)} × uniform. Choose a part to see its map."
    )
    told = f"Score of {which} at this {spot}: {score_text(pieces)}."
    chart(lambda: score_figure(pieces, list(bundles)), key="score_parts", alt=told)
    most = max(abs(one.excess) for one in terms) or 1.0
    ranking(
        [
            Row(one.name, one.excess / most, signed(one.excess), chosen=one.text == view.split != service.WHOLE)
            for one in terms
        ],
        key="score_terms",
        label=f"Parts of the score of {which}",
        on_pick=lambda index: _show(terms[index].text, block, latent),
        signed=True,
    )
    st.download_button(
        "All parts (CSV)",
        lambda: service.score_csv(case, block, latent, view.pick or 0, view.head),
        f"{downloads.stem(context)}-score.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
    )


def shares(context: ExploreContext, selection: MapSelection) -> None:
    """How much of the variance of the scores content and each axis explain, by block."""
    case, view = context.case, context.view
    bundles = service.bundles(case)
    if len(bundles) < 2:
        return
    found = service.shares(case, view.head, context.progress)
    st.subheader("What the scores are made of", anchor=False, help=SHARES)
    st.markdown(text.plain(shares_sentence(found).replace(" %", "\N{NO-BREAK SPACE}%")))
    one = selection.latent
    each = {bundle: found.of(bundle) if one is None else found.by_latent(bundle)[:, one] for bundle in bundles}
    whose = "all latents" if one is None else f"latent {one + 1}"
    figure, rows = st.columns([2, 1], gap="medium")
    with figure:
        alt = f"Share of the variance of the scores of {whose}. {shares_text(each, bundles, found.blocks)}"
        chart(lambda: shares_figure(each, bundles, found.blocks, view.block), key="split_shares", alt=alt)
    with rows:
        at = found.blocks.index(view.block)
        values = {part: float(np.clip(np.nan_to_num(each[part][at]), -1, 1)) for part in bundles}
        st.caption(f"Block {view.block + 1}, {whose}; choose one to see its maps.")
        ranking(
            [
                Row(
                    name,
                    values[part],
                    share_told(float(each[part][at])),
                    chosen=part == view.split,
                )
                for part, name in bundles.items()
            ],
            key="split_bundles",
            label=f"Share of the variance of the scores of block {view.block + 1}",
            on_pick=lambda index: state.change(split=list(bundles)[index]),
            signed=min(values.values()) < 0,
        )
        st.download_button(
            "Shares of the parts (CSV)",
            lambda: service.shares_csv(case, view.head),
            f"{downloads.stem(context)}-split.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            key="split_csv",
        )


def reads(context: ExploreContext, selection: MapSelection) -> None:
    """What the latent whose maps are shown reads in the view's block: content, and from where; nothing for maps of all
    latents."""
    if selection.latent is None:
        return
    case, view, latent = context.case, context.view, selection.latent
    found, names = service.read(case, view.block, latent, view.head, context.progress), service.bundles(case)
    st.subheader(f"What latent {latent + 1} of block {view.block + 1} reads", anchor=False, help=READS)
    given = ", ".join(f"{names[text]} {share_told(share)}" for text, share in found.shares.items())
    st.markdown(
        text.plain(
            f"Of what it takes: {given}, constant {share_told(found.constant)}.".replace(" %", "\N{NO-BREAK SPACE}%")
        )
    )
    where, content = st.columns(2, gap="medium")
    with where:
        if found.where is not None:
            st.caption("From where: similarity of the mean position code that it reads with the code of each element.")
            label = f"From where latent {latent + 1} of block {view.block + 1} reads"
            context.modality.large(
                context.sample, found.where, ALONE, label, view.pick, _pick, key="read_from", limit=320
            )
    with content:
        if found.colours is not None:
            _colours(found.colours)
        if found.along is not None:
            _along(context, found.along)


def _along(context: ExploreContext, along: ContentAlong) -> None:
    """The content that is read along an axis of the input."""
    words = axis_words(along.axis)
    st.caption(f"Mean content along {words.span}: weighted by attention, and in the whole {context.modality.noun}.")
    axis = f"{words.title} ({words.unit})" if words.unit else words.title
    alt = f"Content that is read along {words.span}, and its mean in the {context.modality.noun}."
    chart(lambda: along_figure(along.places, along.read, along.average, axis), key="read_along", alt=alt)


def _pick(element: int | None) -> None:
    """Callback: marks an element in place of a region."""
    state.change(pick=element, region="")


def _colours(colours: tuple[Colour, Colour]) -> None:
    """The mean colour that is read beside that of the picture, with their values."""
    box = "width:3rem;height:2rem;border:1px solid rgba(128,134,145,0.6)"
    rows = []
    for name, colour in zip(("read", "of the picture"), colours, strict=True):
        code = "#" + "".join(f"{round(float(value)):02x}" for value in colour)
        swatch = f'<div style="{box};background:{code}"></div><span>Mean colour {name}: {code}</span>'
        rows.append(f'<div style="display:flex;align-items:center;gap:0.5rem">{swatch}</div>')
    st.html(f'<div style="display:grid;gap:0.4rem">{"".join(rows)}</div>')


def _show(part: str, block: int, latent: int) -> None:
    """Callback: shows the maps of a part of one latent's scores; of the parts that are not listed there are none."""
    if part:
        state.change(split=part, block=block, reduce="latent", latent=latent)
