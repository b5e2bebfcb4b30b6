"""The inputs of a cell of the confusion matrix, and one of them: its probabilities, and the way to Explore."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from perceiver.analysis.formatting import percent

from ...components import Row, Tile, map_canvas, ranking, wall
from ...services import dataset
from ...session import controls, state, text
from .. import strip
from .choice import DataSetContext

MOST = 120
"""Inputs that are listed."""

TOP = 4
"""Classes that are shown of an example, beside the true one."""

PICTURE = 96
"""Greatest width of the picture of one example in CSS pixels."""

EXPLORE = "app/pages/explore.py"


def listed(context: DataSetContext) -> None:
    """The inputs of the chosen classes as thumbnails, those the model is least sure of first."""
    view, found = context.view, context.analysis
    names: dict[int | None, str] = {None: "all", **dict(enumerate(context.names))}
    rows = found.members(view.true_class, view.predicted)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        controls.select(
            "True class",
            "true_class",
            names,
            view.true_class,
            width=190,
            help="Inputs of this class; a row of the matrix.",
        )
        controls.select(
            "Prediction",
            "predicted",
            names,
            view.predicted,
            width=190,
            help="Inputs with this prediction; a column of it.",
        )
        more = f" The first {MOST} of them are shown." if len(rows) > MOST else ""
        if len(rows):
            told = f"{len(rows):,} {'inputs' if len(rows) > 1 else 'input'}, the least sure prediction first.{more}"
        else:
            told = "No input has this true class and this prediction."
        st.caption(told)
    if len(rows):
        show_wall(context, rows[:MOST].tolist(), key="cell_examples")


def show_wall(context: DataSetContext, rows: Sequence[int], *, key: str, tall: int | None = 330) -> None:
    """Thumbnails of some inputs; a click shows one."""
    table, names, shown = context.analysis.examples, context.names, chosen(context)
    predicted = context.analysis.predicted
    tiles = []
    for row in rows:
        known = table.labels[row] >= 0
        wrong = known and predicted[row] != table.labels[row]
        true = names[table.labels[row]] if known else "not known"
        alt = f"{table.names[row] or table.keys[row]}: true {true}, predicted {names[predicted[row]]}"
        tiles.append(Tile(title=f"{'✗ ' if wrong else ''}{names[predicted[row]]}", alt=alt))
    wall(
        table.thumbnails[list(rows)],
        tiles,
        key=key,
        label="Examples",
        tile=64,
        dense=True,
        named=True,
        tall=tall,
        limit=72,
        fill=True,
        chosen=next((i for i, row in enumerate(rows) if row == shown), None),
        on_pick=lambda index: state.change(example=int(rows[index])),
    )


def chosen(context: DataSetContext) -> int | None:
    """The row of the input that is shown: the chosen one, or the first that is listed; None where none is."""
    view = context.view
    if view.example is not None:
        return view.example
    rows = context.analysis.members(view.true_class, view.predicted)
    return int(rows[0]) if len(rows) else None


def one(context: DataSetContext) -> None:
    """The chosen input: what it looks like, the leading classes, and whether it can be opened."""
    row, found = chosen(context), context.analysis
    strip.heading(
        "One example",
        "The input that is clicked in a list or on the map; else the least sure of those that are listed.",
    )
    if row is None:
        st.caption("No input has this true class and this prediction.")
        return
    table, names = found.examples, context.names
    label, shares = int(table.labels[row]), table.probabilities[row]
    pictures, words = st.columns([3, 5], gap="small")
    with pictures:
        name = table.names[row] or table.keys[row]
        map_canvas(
            table.thumbnails[row],
            key="example_picture",
            label=f"{name}, as the model reads it.",
            hint="",
            on_pick=lambda element: None,
            limit=PICTURE,
        )
    with words:
        st.markdown(f"**{text.plain(table.names[row] or table.keys[row])}**")
        predicted = int(found.predicted[row])
        true = "its class is not known" if label < 0 else f"the true class is **{text.plain(names[label])}**"
        st.markdown(f"Predicted **{text.plain(names[predicted])}**; {true}.")
        first = _first_block(found.examples.answers[row], predicted)
        st.caption(f"The prediction is this from block {first + 1} on.")
    order = np.argsort(-shares, kind="stable")[:TOP].tolist()
    if label >= 0 and label not in order:
        order.append(label)
    ranking(
        [
            Row(
                name=names[i],
                share=float(shares[i]),
                text=percent(float(shares[i])),
                note="true" if i == label else "",
                strong=i == predicted,
            )
            for i in order
        ],
        key="example_classes",
        label="Probability of the leading classes",
    )
    _open(context, row)


def _first_block(answers: np.ndarray, predicted: int) -> int:
    """The first block from which on the prediction stays the same."""
    others = np.flatnonzero(answers != predicted)
    return int(others[-1]) + 1 if len(others) else 0


def _open(context: DataSetContext, row: int) -> None:
    """The way to Explore for bundled samples and the visitor's files; why there is none for other examples."""
    table = context.analysis.examples
    if context.folder is not None:
        if st.button("Open in Explore", icon=":material/search:", key="open_example"):
            state.keep(*dataset.file_of(context.folder, row))
            st.session_state.pop("source", None)
            st.switch_page(EXPLORE)
    elif not table.counted[row]:
        if st.button("Open in Explore", icon=":material/search:", key="open_example"):
            state.change(sample=table.names[row])
            st.session_state.pop("source", None)
            st.switch_page(EXPLORE)
    else:
        nearest = nearest_sample(table.places, table.counted, row)
        st.caption(
            "It cannot be opened in Explore.",
            help="Of held-out examples only thumbnails come with the project. `perceiver data build` makes the data.",
        )
        if nearest is not None:
            st.button(
                "Show the nearest bundled sample",
                key="nearest_sample",
                type="tertiary",
                help=f"{text.plain(table.names[nearest])} comes with the project, and lies nearest on the map.",
                on_click=state.change,
                kwargs={"example": nearest},
            )


def nearest_sample(places: np.ndarray, counted: np.ndarray, row: int) -> int | None:
    """The bundled sample that lies nearest on the map; None where there is none."""
    others = np.flatnonzero(~counted)
    if not len(others):
        return None
    return int(others[np.argmin(((places[others] - places[row]) ** 2).sum(1))])
