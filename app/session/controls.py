"""Widgets bound to a field of the session's view: they show what it holds and change it when they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from . import state

NONE = ""
"""What stands for None in a list: Streamlit takes None itself for nothing chosen yet."""


def _bind(field: str, value: Any) -> dict[str, Any]:
    key = f"control_{field}"
    st.session_state[key] = value
    return {"key": key, "on_change": _changed, "args": (field, key)}


def _changed(field: str, key: str) -> None:
    state.change(**{field: st.session_state[key]})


def segments(label: str, field: str, names: Mapping[Any, str], value: Any, **more: Any) -> None:
    """One of a few options, all in sight."""
    st.segmented_control(
        label, list(names), format_func=names.__getitem__, required=True, **_bind(field, value), **more
    )


def select(label: str, field: str, names: Mapping[Any, str], value: Any, **more: Any) -> None:
    """One of some options in a list; None may be one of them."""
    key = f"control_{field}"
    st.session_state[key] = NONE if value is None else value
    st.selectbox(
        label,
        [NONE if one is None else one for one in names],
        format_func=lambda one: names[None if one == NONE else one],
        key=key,
        on_change=_selected,
        args=(field, key),
        **more,
    )


def _selected(field: str, key: str) -> None:
    chosen = st.session_state[key]
    state.change(**{field: None if chosen == NONE else chosen})


def slider(label: str, field: str, bounds: Sequence[int], value: int, **more: Any) -> None:
    """A whole number between two others, in steps of the third."""
    low, high, step = bounds
    st.slider(label, low, high, step=step, **_bind(field, value), **more)


def number(label: str, field: str, count: int, value: int, **more: Any) -> None:
    """One of `count` things, counted from 1 on the page and from 0 in the view."""
    key = f"control_{field}"
    st.session_state[key] = value + 1
    st.number_input(label, 1, count, step=1, key=key, on_change=_numbered, args=(field, key), **more)


def _numbered(field: str, key: str) -> None:
    state.change(**{field: st.session_state[key] - 1})
