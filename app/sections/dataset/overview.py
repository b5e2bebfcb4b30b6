"""The first screen: the accuracy with its interval, the confusion matrix, and the map of examples."""

from __future__ import annotations

import numpy as np
import streamlit as st

from perceiver.analysis.formatting import percent
from perceiver.plots import colour
from perceiver.plots.dataset import (
    MATRIX,
    Places,
    confusion_picture,
    confusion_shares,
    confusion_text,
    examples_figure,
)

from ...components import ColourBar, Grid, Ruler, Tick, map_canvas
from ...session import controls, state, text
from ...views.chart import chart
from .. import strip
from .choice import DataSetContext
from .examples import chosen

HEIGHT = 360
"""Of the map of examples, in CSS pixels."""

MATRIX_LIMIT = 400
"""Greatest width of the confusion matrix in CSS pixels."""

MOST_CLASSES = 60
"""Classes that the matrix can show; of more, those that occur most are shown."""

TICKS = 30
"""Names of classes along a side of the matrix; of more classes they are under the pointer only."""


def headline(context: DataSetContext) -> None:
    """The number of inputs, the accuracy with its interval, and chance."""
    found = context.analysis
    counted = int(found.examples.counted.sum())
    if not found.accuracy:
        st.markdown(
            f"**{counted:,}** {text.plain(found.about.data)} without labels: there are predictions and no accuracy."
        )
        return
    last, labelled = found.accuracy[-1], int(found.labelled.sum())
    groups = len(np.unique(found.examples.groups[found.labelled]))
    st.markdown(
        f"**{percent(last.value)} right** (95 % interval {percent(last.low)} to {percent(last.high)}) of "
        f"**{labelled:,}** {text.plain(found.about.data)} in {groups:,} independent groups; chance is "
        f"{percent(1 / len(context.names))}."
    )


def matrix(context: DataSetContext) -> None:
    """The confusion matrix; a click lists the inputs of a cell."""
    strip.heading("Confusion matrix")
    found = context.analysis
    counts = found.confusion
    if not counts.any():
        _predictions(context)
        return
    shown = _shown_classes(counts)
    part, names = counts[np.ix_(shown, shown)], [context.names[i] for i in shown]
    places, view = {label: place for place, label in enumerate(shown.tolist())}, context.view
    pick = None
    if view.true_class in places and view.predicted in places:
        pick = places[view.true_class] * len(shown) + places[view.predicted]
    words = confusion_text(counts, context.names)

    def picked(cell: int | None) -> None:
        true, predicted = (None, None) if cell is None else (int(shown[i]) for i in divmod(cell, len(shown)))
        state.change(true_class=true, predicted=predicted, example=None, section=view.with_section("examples"))

    shares = np.sqrt(confusion_shares(part))
    bottom = _ruler(names, "predicted") if max(map(len, names)) < 3 else None
    map_canvas(
        confusion_picture(part),
        key="confusion",
        label=f"Confusion matrix, true classes in rows and predictions in columns. {words} Arrow keys move.",
        hint=f"{'' if bottom else 'Columns are predictions. '}Click a cell to list its inputs.",
        on_pick=picked,
        pick=pick,
        values=part.astype(np.float32),
        shades=colour.index(shares).astype(np.uint8),
        bar=ColourBar(colour.table(MATRIX), (Tick(0, "0"), Tick(0.5, "25 %"), Tick(1, "100 %")), "of the true class"),
        measure="inputs",
        limit=MATRIX_LIMIT,
        grid=Grid(tuple(f"true {name}" for name in names), tuple(f"predicted {name}" for name in names)),
        left=_ruler(names, "true"),
        bottom=bottom,
    )
    st.caption(text.plain(words))


def _shown_classes(counts: np.ndarray) -> np.ndarray:
    """The classes that occur, at most MOST_CLASSES of them, in their order."""
    total = counts.sum(0) + counts.sum(1)
    return np.sort(np.argsort(-total, kind="stable")[: min(MOST_CLASSES, int((total > 0).sum()))])


def _ruler(names: list[str], unit: str) -> Ruler:
    if len(names) > TICKS:
        return Ruler((), unit)
    return Ruler(tuple(Tick((i + 0.5) / len(names), name) for i, name in enumerate(names)), unit)


def _predictions(context: DataSetContext) -> None:
    """How often each class is predicted, where no label is known."""
    counts = np.bincount(context.analysis.predicted, minlength=len(context.names))
    rows = [{"Predicted": context.names[i], "Inputs": int(counts[i])} for i in np.argsort(-counts) if counts[i]]
    st.dataframe(rows, hide_index=True, height=HEIGHT - 60)
    st.caption("No labels are known, so nothing can be confused: the predictions.")


def examples_map(context: DataSetContext) -> None:
    """The examples on a plane, near each other where they are alike to the model; a click shows one."""
    strip.heading(
        "Map of examples",
        "t-SNE of the mean of the latents after the last block: near examples are alike to the model; distances "
        "between far groups mean nothing. Drag to pan, turn the wheel to zoom.",
    )
    chart(
        lambda: examples_figure(
            places_of(context),
            context.names,
            by=context.view.colouring,
            chosen=chosen(context),
            height=HEIGHT,
        ),
        key="examples_map",
        alt=f"A map of {len(context.analysis.examples):,} examples by their mean latent.",
        on_select=_picked,
        zoom=True,
        at_once=True,
    )
    names = {"class": "Class", "right": "Right or wrong"}
    controls.segments("Colour", "colouring", names, context.view.colouring, label_visibility="collapsed")


def places_of(context: DataSetContext) -> Places:
    """The map of examples, with the words under the pointer."""
    table, names = context.analysis.examples, context.names
    words = []
    for i in range(len(table)):
        true = f"true {names[table.labels[i]]}, " if table.labels[i] >= 0 else ""
        name = f"{table.names[i] or table.keys[i]}: "
        predicted = int(context.analysis.predicted[i])
        words.append(f"{name}{true}predicted {names[predicted]} ({percent(float(table.probabilities[i, predicted]))})")
    return Places(
        places=table.places,
        labels=table.labels,
        predicted=context.analysis.predicted,
        right=context.analysis.right,
        words=tuple(words),
        samples=~table.counted,
    )


def _picked() -> None:
    points = st.session_state["examples_map"]["selection"]["points"]
    if points and "customdata" in points[0]:
        chosen = points[0]["customdata"]
        state.change(example=int(chosen[0] if isinstance(chosen, list) else chosen))
