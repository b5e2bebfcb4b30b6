"""A list of labelled bars, largest first, with optional selection of a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from .frame import asset, pack

_mount = st.components.v2.component(
    "perceiver_ranking", html=asset("ranking.html"), css=asset("ranking.css"), js=asset("frame.js", "ranking.js")
)


@dataclass(frozen=True)
class Row:
    """One bar: name, note, length in [0, 1] (from -1 where bars are signed), and value as text; `mark` is a place in
    [0, 1] that is marked on it."""

    name: str
    share: float
    text: str
    note: str = ""
    chosen: bool = False
    strong: bool = False
    mark: float | None = None


def ranking(
    rows: Sequence[Row],
    *,
    key: str,
    label: str,
    on_pick: Callable[[int], None] | None = None,
    short: bool = False,
    signed: bool = False,
) -> None:
    """Draws the rows; `on_pick`, if given, is called with the index of the selected row.

    short   the names are short, which leaves more room for the bars
    signed  bars begin at a line in the middle; those below 0 go to the left, in another colour
    """
    meta = {
        "label": label,
        "short": short,
        "signed": signed,
        "choosable": on_pick is not None,
        "rows": [asdict(row) for row in rows],
    }

    def picked() -> None:
        index = st.session_state[key]["pick"]
        if on_pick is not None and index is not None:
            on_pick(index)

    _mount(key=key, data=pack(meta), on_pick_change=picked)
