"""The reading options of point clouds: the up axis, the columns of a table, stray points, and which points are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
import streamlit as st
from jaxtyping import Float32, Int64, UInt8

from perceiver.analysis.formatting import count

from ..session import state

STRAYS = {"keep": "Keep", "drop": "Leave out"}
DRAWS = {"random": "At random", "farthest": "Spread out"}


class Points(Protocol):
    """The fields of a point cloud sample that are drawn."""

    seen: Float32[np.ndarray, "M 3"]
    original: Float32[np.ndarray, "n 3"]
    colours: UInt8[np.ndarray, "n 3"] | None
    up: str
    model_up: str
    count: int
    source: str
    nearest: Int64[np.ndarray, "n"]
    strays: int
    columns: tuple[str, ...]
    column_places: tuple[int, int, int] | None


def reading_options(points: Points, size: str, read: Mapping[str, str]) -> None:
    """The up axis; where they matter, the columns of a table, what is done with stray points, and how points are
    sampled.

    size  of the model input, in words
    read  reading options that are not at their default
    """
    names = {axis: f"{axis} (as trained)" if axis == points.model_up else axis for axis in "xyz"}
    _choice(
        "up",
        "Up in the file",
        names,
        points.up,
        written={points.model_up: "model"},
        help="No file says which way is up. The cloud is turned so that this axis points up as it did in training.",
        width="stretch",
    )
    if points.column_places is not None and len(points.columns) > 3:
        _choose_columns(points.columns, points.column_places)
    if points.strays:
        _choice(
            "strays",
            f"{count(points.strays)} stray point{'s' * (points.strays > 1)}",
            STRAYS,
            read.get("strays", "keep"),
            help="Points at exactly 0, 0, 0 that nothing supports, and points far from all others.",
        )
    if points.count > len(points.seen):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _choice(
                "draw",
                f"{size} of {count(points.count)}",
                DRAWS,
                read.get("draw", "random"),
                help="Spread out: each as far as possible from those drawn before it.",
            )
            seed = int(float(read.get("seed", "0")))
            args = ("seed", str(seed + 1))
            st.button("Draw others", on_click=state.choose, args=args, help="Other points, by another random seed.")


def _choice(
    option: str,
    label: str,
    names: Mapping[str, str],
    value: str,
    *,
    written: Mapping[str, str] | None = None,
    help: str,
    width: Literal["content", "stretch"] = "content",
) -> None:
    """A control of a reading option with a few values.

    names    of its values
    written  values that the option writes in another way
    """
    key = f"read_{option}"

    def chosen() -> None:
        picked = st.session_state[key]
        state.choose(option, (written or {}).get(picked, picked))

    st.session_state[key] = value
    st.segmented_control(
        label,
        list(names),
        format_func=names.__getitem__,
        required=True,
        key=key,
        on_change=chosen,
        help=help,
        width=width,
    )


def _choose_columns(names: Sequence[str], places: Sequence[int]) -> None:
    """Which columns of a table are x, y and z."""
    words = [f"{i}: {name}" if name else f"Column {i}" for i, name in enumerate(names, 1)]
    with st.container(horizontal=True):
        for axis, column in zip("xyz", places, strict=True):
            st.session_state[f"read_column_{axis}"] = column
            st.selectbox(
                axis,
                range(len(words)),
                format_func=words.__getitem__,
                key=f"read_column_{axis}",
                on_change=_column,
                args=("xyz".index(axis), places),
                help=f"The column of the table that holds {axis}.",
            )


def _column(axis: int, places: Sequence[int]) -> None:
    """Takes another column for an axis; where it was that of another axis, the two change places."""
    chosen, before = st.session_state[f"read_column_{'xyz'[axis]}"], places[axis]
    others = [before if column == chosen else column for column in places]
    others[axis] = chosen
    state.choose("columns", "-".join(str(column + 1) for column in others))
