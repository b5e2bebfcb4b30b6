"""Widgets bound to a value of the session: they show it and change it when they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from . import state

NONE = ""
"""What stands for None in a list: Streamlit takes None itself for nothing chosen yet."""


def _bound(field: str, shown: Any, read: Callable[[Any], Any] = lambda value: value) -> dict[str, Any]:
    """Key and callback of a widget that shows `shown`; `read` makes the field's value of what it holds.

    The key is a new one when something else than the widget has set the value: the browser is not told of a new value
    while the widget is in a closed popover, and would send the old one with the next event.
    """
    renewed = st.session_state.setdefault("renewed_controls", {})
    key = _key(field, renewed)
    if st.session_state.get(key, shown) != shown:
        renewed[field] = renewed.get(field, 0) + 1
        key = _key(field, renewed)
    st.session_state[key] = shown
    return {"key": key, "on_change": lambda: state.change(**{field: read(st.session_state[key])})}


def _key(field: str, renewed: Mapping[str, int]) -> str:
    return f"control_{field}" + (f"_{renewed[field]}" if field in renewed else "")


def segments(
    label: str,
    field: str,
    names: Mapping[Any, str],
    value: Any,
    *,
    read: Callable[[Any], Any] = lambda value: value,
    **more: Any,
) -> None:
    """One of a few options, all in sight; `read` makes the field's value of an option."""
    st.segmented_control(
        label, list(names), format_func=names.__getitem__, required=True, **_bound(field, value, read), **more
    )


def select(label: str, field: str, names: Mapping[Any, str], value: Any, **more: Any) -> None:
    """One of some options in a list; None may be one of them."""
    st.selectbox(
        label,
        [NONE if one is None else one for one in names],
        format_func=lambda one: names[None if one == NONE else one],
        **_bound(field, NONE if value is None else value, lambda chosen: None if chosen == NONE else chosen),
        **more,
    )


def slider(label: str, field: str, bounds: Sequence[int], value: int, **more: Any) -> None:
    """A whole number between two others, in steps of the third."""
    low, high, step = bounds
    st.slider(label, low, high, step=step, **_bound(field, value), **more)


def number(label: str, field: str, count: int, value: int, **more: Any) -> None:
    """One of `count` things, counted from 1 on the page and from 0 in the view."""
    st.number_input(label, 1, count, step=1, **_bound(field, value + 1, lambda chosen: chosen - 1), **more)
