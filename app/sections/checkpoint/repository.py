"""A repository on the hub: looked up, fetched when the visitor asks for it, then shown like any other checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import streamlit as st

from perceiver.errors import CheckpointError

from ...services import checkpoints, fetching
from ...services.checkpoints import Hub
from ...services.public import limits
from ...services.queueing import Progress
from ...session import text
from . import words
from .summary import summary

if TYPE_CHECKING:
    from perceiver.checkpoints.hub import Listing


def repository(asked: Hub, listing: Listing) -> str | None:
    """A repository that was looked up: fetched if necessary, then its summary. Returns the key of the opened model."""
    if not listing.cached:
        listing = fetching.cached(Hub(asked.repository, listing.commit)) or listing  # it may have come meanwhile
    if listing.cached:
        return summary(checkpoints.on_hub(asked, listing.commit), dict(asked.answers))
    st.header(text.plain(asked.name), anchor=False)
    kind = listing.config.get("model_type")
    words.table(
        [
            *([("Model type", kind)] if isinstance(kind, str) else []),
            ("Weights", f"{listing.weights}, {words.megabytes(listing.size)}"),
            ("Revision", listing.commit),
        ]
    )
    largest = limits().fetched_bytes
    if listing.size > largest:
        st.error(
            f"Its weights are larger than {words.megabytes(largest)}, the most that is fetched here.",
            icon=":material/error:",
        )
        return None
    coming = _coming(listing)
    progress = Progress()
    if coming and not coming.done:
        _watch(coming, progress)
    if coming and coming.error:
        words.refused(coming.error)
    # As many elements as while it is fetched: what is left over on the page would stay there until the end.
    st.button(
        f"Fetch {words.megabytes(listing.size)}",
        type="primary",
        icon=":material/download:",
        on_click=_fetch,
        args=(listing,),
    )
    st.caption("It goes into this machine’s cache of the hub. More about it is told before it is opened.")
    return None


def _fetch(listing: Listing) -> None:
    st.session_state["open_fetch"] = fetching.fetch(listing.repo_id, listing.commit)


def _stop(coming: fetching.Fetch) -> None:
    coming.stop()
    st.session_state.pop("open_fetch", None)


def _coming(listing: Listing) -> fetching.Fetch | None:
    """The transfer of a repository that this session began, or that another session is making."""
    mine: fetching.Fetch | None = st.session_state.get("open_fetch")
    if mine and (mine.repository, mine.commit) == (listing.repo_id, listing.commit):
        return mine
    return fetching.coming(listing.repo_id, listing.commit)


def _watch(coming: fetching.Fetch, progress: Progress) -> NoReturn:
    """Shows the progress of a transfer until it ends; it goes on when the visitor does something else."""
    # One visitor's download is not another's to stop.
    mine = st.session_state.get("open_fetch") is coming
    st.button("Stop", icon=":material/close:", on_click=_stop, args=(coming,), disabled=not mine)
    st.caption("It goes on while you look at something else.")
    while not coming.wait(0.25):
        progress.step(coming.share or 0.0, text.plain(coming.words))
    st.rerun()


def looked_up(asked: Hub) -> Listing | None:
    """What the hub says about a repository, asked once per session; None, with a message, when it says nothing."""
    place = st.empty()  # always there, so that what follows keeps its place
    held = st.session_state.get("open_listing")
    if held and held[0] == (asked.repository, asked.revision):
        listing: Listing = held[1]
        return listing
    try:
        with place, st.spinner(f"Looking up {asked.repository}"):
            found = fetching.look(asked)
    except CheckpointError as error:
        words.refused(error)
        return None
    st.session_state["open_listing"] = ((asked.repository, asked.revision), found)
    return found
