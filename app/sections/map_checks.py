"""How the maps did against random order, untrained models and other seeds: a few words under each small map, and the
figures under the large one.

Quick checks begin once the page rests, in a rerun of their own part of it, which whatever the visitor does next ends.
"""

from __future__ import annotations

import streamlit as st

from perceiver.analysis.map_checks import ALIKE, MapCheck, figures, reason, why_unchecked
from perceiver.analysis.maps import MapSelection
from perceiver.errors import PerceiverError

from ..services import failures
from ..services import map_checks as service
from ..services.queueing import Progress
from ..session import text
from . import predictions
from .context import ExploreContext, run_guarded
from .on_request import Request

UNDER_MAPS = (
    "The last line under a map says how it did in its checks on this input: stable, weak, or no better than random."
)
HELP = (
    "Three checks on this input. Random order: removing the elements with the most weight has to lower the probability "
    "of the answer faster than removing random ones. Random weights: untrained models of the same size have to draw "
    "other maps. Another seed: the same model trained with another seed, if it is here, has to draw a similar map. "
    "Stable: all are passed. Weak: the first is, and another is not."
)

REST = 1.5
"""Seconds without a rerun of the page after which quick checks begin."""

_DRAWN = "map_checks_drawn"
"""The key in the session that says that the whole page is being drawn, and not the part that checks maps alone."""

_FAILED = "map_checks_failed"
"""The key in the session of the task that failed, with the message."""


def words(context: ExploreContext, selection: MapSelection) -> dict[int, str]:
    """How the map of each block did, in a few words; empty for maps that are not checked."""
    if context.view.show != "blocks" or why_unchecked(selection):
        return {}
    found = service.known(context.case, selection)
    if found is not None:
        return {one.block: one.verdict for one in found.checks}
    state = "checking …" if _request(context, selection).wanted else "not checked"
    return dict.fromkeys(context.config.cross_attention_blocks, state)


def show(context: ExploreContext, block: int, selection: MapSelection) -> None:
    """How the map of a block did and why, with its figures; what starts the checks where they are not done."""
    if context.view.show != "blocks":
        return
    if why := why_unchecked(selection):
        st.caption(f"This map is not checked: {why}.", help=HELP)
        return
    found = service.known(context.case, selection)
    if found is not None:
        _show(context, found.of(block))
        return
    request = _request(context, selection)
    task, message = st.session_state.get(_FAILED, ("", ""))
    if request.wanted:
        st.caption("The maps are checked against random order, untrained models and other seeds.", help=HELP)
    elif task == request.task:
        st.error(text.plain(message), icon=":material/error:")
    # The buttons stand outside of the part that is rerun by itself, which their presses would not end.
    if request.show().progress is not None:
        st.session_state[_DRAWN] = True
        st.fragment(_check, run_every=REST)(context, selection, request)


def _request(context: ExploreContext, selection: MapSelection) -> Request:
    case = context.case
    return Request(
        "map_checks",
        repr((case.model, case.key, selection)),
        "Check the maps",
        service.seconds_left(case, selection),
        alone=service.automatic(),
    )


def _check(context: ExploreContext, selection: MapSelection, request: Request) -> None:
    """Checks the maps, unless the whole page is being drawn, and then draws the page with the results."""
    if st.session_state.pop(_DRAWN, False) or not request.wanted:
        return
    request.start()
    st.session_state.pop(_FAILED, None)
    progress = Progress()

    def check() -> None:
        try:
            service.check(context.case, selection, progress)
        except Exception as error:
            request.cancel()  # otherwise the next run would fail in the same way
            # What is drawn here is gone with the next run of this part.
            message = str(error) if isinstance(error, PerceiverError) else failures.sentence(error)
            st.session_state[_FAILED] = (request.task, message)
        st.rerun()

    run_guarded(check)


def _show(context: ExploreContext, check: MapCheck) -> None:
    """The verdict of a check and its reason, with the figures on demand."""
    st.markdown(f"Checked on this input: **{check.verdict}**. {text.plain(reason(check))}", help=HELP)
    answer = predictions.answer_name(context)
    deletion, chance, untrained, seeds = map(text.plain, figures(check))
    with st.expander("Figures of the checks"):
        st.markdown(
            f"- **Random order:** mean P({answer}) while the elements are removed, those with the highest values "
            f"first: {deletion}; in random order {chance}.\n"
            f"- **Random weights:** rank correlation with the maps of {len(check.untrained)} untrained models, "
            f"whichever its sign: {untrained}.\n"
            f"- **Another seed:** {_seeds(check, seeds)}\n\n"
            f"In brackets: where 95 % of random orders lie, the 95 % confidence interval over untrained models, and "
            f"the lowest and highest of several seeds. Maps are alike from a rank correlation of {ALIKE} on."
        )


def _seeds(check: MapCheck, figure: str) -> str:
    """The figure of the other seeds in words."""
    if not check.other_seeds:
        return "no checkpoint of the same recipe with another seed is here."
    names = text.listed([text.plain(name) for name in check.other_seeds])
    return f"rank correlation with the map of {names}: {figure}."
