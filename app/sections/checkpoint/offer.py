"""A link to a checkpoint from the hub that nobody has opened here yet."""

from __future__ import annotations

import streamlit as st

from ...services import fetching
from ...services.checkpoints import Hub
from ...session import state, text
from ...session.view import CompareView
from . import words
from .repository import looked_up, repository


def offer(asked: Hub, instead: str | None) -> None:
    """The summary with a button that opens the checkpoint. Nothing is looked up or fetched before the visitor asks.

    instead  the model to show in its place
    """
    _, middle, _ = st.columns([1, 6, 1])
    with middle, st.container(border=True):
        listing = fetching.cached(asked)
        looked = st.session_state.get("open_listing")
        if listing is None and looked and looked[0] == (asked.repository, asked.revision):
            listing = looked[1]
        if listing is None:
            st.header(text.plain(asked.name), anchor=False)
            st.markdown(
                "This link shows a model from the Hugging Face hub that is not on this machine. Nothing is fetched "
                "before you ask for it."
            )
            if st.button("Look it up", type="primary", icon=":material/search:"):
                listing = looked_up(asked)
                if listing is not None:
                    st.rerun()
            st.caption(words.FORMATS)
        else:
            st.caption("This link shows a model that is not open here yet.")
            opened = repository(asked, listing)
            if opened:
                _show(asked, opened)
        if instead is not None:
            st.button(
                f"Show {text.plain(instead)} instead", type="tertiary", on_click=_leave, args=(asked.key, instead)
            )


def _show(asked: Hub, opened: str) -> None:
    """Puts the opened model in place of the one that the link named: with other answers it has another key."""
    view = state.view(CompareView)
    others = tuple(opened if one == asked.key else one for one in view.others)
    model = opened if view.model == asked.key else view.model
    state.replace(model=model, others=others)
    state.publish()
    st.rerun()


def _leave(key: str, instead: str) -> None:
    view = state.view(CompareView)
    others = tuple(one for one in view.others if one != key)
    state.change(model=instead if view.model == key else view.model, others=others)
