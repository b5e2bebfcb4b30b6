"""Why a latent reads a spot, and how much content and position explain: the scores of a run, part by part."""

from __future__ import annotations

import numpy as np
import streamlit as st

from perceiver.analysis.formatting import number
from perceiver.analysis.latents import ElementReader
from perceiver.analysis.maps import MapSelection
from perceiver.analysis.split_shares import shares_sentence
from perceiver.plots.split import Piece, score_figure, score_text, share_told, shares_figure, shares_text, signed

from ..components import Row, chart, ranking
from ..services import export
from ..services import split as service
from ..session import state, text
from . import downloads
from .context import ExploreContext

TOP = 5
"""Parts of a score that are listed on their own."""

SHARES = (
    "The scores of a latent over all elements are the sum of the scores of the parts. The share of a part is its "
    "covariance with the whole over the variance of the whole; shares add up to 100 %, and one below 0 works against "
    "the others. Scores are those before the softmax."
)


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
    st.markdown(f"**Why latent {latent + 1} of block {block + 1} attends to it**")
    side = "above" if found.excess >= 0 else "below"
    st.caption(
        f"Its score here is {number(abs(found.excess))} {side} its mean over the {context.modality.noun}, the sum of "
        "the parts. Choose one to see its map."
    )
    told = f"Score of latent {latent + 1} of block {block + 1} at this {spot}: {score_text(pieces)}."
    chart(score_figure(pieces, list(bundles)), key="score_parts", alt=told)
    most = max(abs(one.excess) for one in terms) or 1.0
    ranking(
        [
            Row(one.name, abs(one.excess) / most, signed(one.excess), chosen=one.text == view.split != service.WHOLE)
            for one in terms
        ],
        key="score_terms",
        label=f"Parts of the score of latent {latent + 1} of block {block + 1}",
        on_pick=lambda index: _show(terms[index].text, block, latent),
    )
    st.download_button(
        "All parts (CSV)",
        lambda: export.score_csv(case, block, latent, view.pick or 0, view.head),
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
        chart(shares_figure(each, bundles, found.blocks, view.block), key="split_shares", alt=alt)
    with rows:
        at = found.blocks.index(view.block)
        st.caption(f"Block {view.block + 1}, {whose}; choose one to see its maps.")
        ranking(
            [
                Row(
                    name,
                    min(abs(np.nan_to_num(each[part][at])), 1.0),
                    share_told(float(each[part][at])),
                    chosen=part == view.split,
                )
                for part, name in bundles.items()
            ],
            key="split_bundles",
            label=f"Share of the variance of the scores of block {view.block + 1}",
            on_pick=lambda index: state.change(split=list(bundles)[index]),
        )
        st.download_button(
            "Shares of all blocks and latents (CSV)",
            lambda: export.split_csv(case, view.head),
            f"{downloads.stem(context)}-split.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            key="split_csv",
        )


def _show(part: str, block: int, latent: int) -> None:
    """Callback: shows the maps of a part of one latent's scores; of the parts that are not listed there are none."""
    if part:
        state.change(split=part, block=block, reduce="latent", latent=latent)
