"""Elements of the input erased by hand: the tools, and the input on which they are marked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Bool
from streamlit.delta_generator import DeltaGenerator

from perceiver.analysis.erasure import LONGEST, MOST_REGIONS, ElementMask, Erasure
from perceiver.analysis.region import Region
from perceiver.errors import ConfigError

from ...components import BrushWidth
from ...services import ablation, models
from ...session import controls, state, text
from ...session.view import AblateView
from ...views.base import Brush
from .. import strip
from ..context import AblateContext

TOOLS: Mapping[str, str] = {"box": "Box", "fine": "Fine", "medium": "Medium", "wide": "Wide", "lasso": "Lasso"}
BRUSHES: Mapping[str, BrushWidth] = {"fine": 0.03, "medium": 0.08, "wide": 0.2, "lasso": "lasso"}
"""The tools that paint."""

ONLY: Mapping[str, str] = {"inside": "Erase", "outside": "Keep"}
WAYS: Mapping[str, str] = {"remove": "Remove", "mean": "Mean", "blur": "Blur"}
WAYS_HELP = (
    "Remove: their rows leave the input array, and the model runs on those that are left. Mean, blur: they keep their "
    "position, and the mean content of the others, or a blur of the input, replaces theirs."
)


def erased(context: AblateContext) -> Erasure | None:
    """What the view erases; nothing where it erases nothing, or what this input does not allow."""
    return _resolved(context)[0]


def tools(context: AblateContext) -> None:
    """What marks elements, what becomes of them, and the buttons that undo, redo and clear."""
    view, history = context.view, _history(context)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="erase_tools"):
        st.session_state.setdefault("erase_tool", "medium")
        st.segmented_control(
            "Tool",
            list(TOOLS),
            format_func=lambda tool: "Turn" if tool == "box" and _is_cloud(context) else TOOLS[tool],
            required=True,
            key="erase_tool",
            help="A box, a brush of three widths, or a lasso, which is drawn around elements. "
            f"{_when(context)} What is marked adds to what was marked before.",
        )
        controls.segments(
            "Marked elements", "only", ONLY, view.only, help="Erase them, or keep only these and erase all others."
        )
        ways = _ways(context)
        if len(ways) > 1:
            names = {way: WAYS[way] for way in ways}
            controls.segments("Erase by", "erasing", names, _way(context), help=WAYS_HELP)
        for name in ("undo", "redo"):
            st.button(
                name.capitalize(),
                disabled=not history[name],
                on_click=_step,
                args=(context, name),
                key=f"erase_{name}",
            )
        st.button("Clear", disabled=not view.erase, on_click=_set, args=(context, ""), key="erase_clear")


def canvas(context: AblateContext) -> DeltaGenerator:
    """The input with the erased elements hatched, to mark more of them. Returns the place for `count`."""
    found, _ = _resolved(context)
    sample, tool = context.sample, st.session_state.get("erase_tool", "box")
    how = "Drag over it to mark elements."
    if tool == "lasso":
        how = "Drag around elements: they are marked once you let go."
    if tool == "box" and _is_cloud(context):
        how = "Press Select region and drag over the points to mark them."
    strip.heading("Model input", f"The input array, as the model read it. {how}")
    inside: Bool[np.ndarray, "M"] | None = None
    if found is not None and _is_cloud(context):
        inside = ~found.mask.marked
    elif found is not None:
        sample = dataclasses.replace(sample, erased=found.mask.marked.reshape(sample.shape))
    size = BRUSHES.get(tool)
    through = size is not None and bool(st.session_state.get("erase_through"))
    context.modality.seen(
        sample,
        None,
        lambda element: None,
        hint=how,
        inside=inside,
        on_region=lambda region: _boxed(context, region),
        brush=Brush(
            size,
            lambda stroke, live: _painted(context, stroke, live),
            live=models.is_bundled(context.case.model),
            through=through,
        )
        if size
        else None,
    )
    place = st.container()
    reaches = context.modality.reaches(context.sample)
    if reaches and size:
        st.session_state.setdefault("erase_through", False)
        st.segmented_control(
            "Brush and lasso mark",
            [False, True],
            format_func=lambda through: reaches[through],
            required=True,
            key="erase_through",
            help="What is seen under them, or all elements at the same place.",
        )
    return place


def count(context: AblateContext) -> None:
    """How many elements are erased, or why none are where the view names regions."""
    found, said = _resolved(context)
    if found is not None:
        said = f"Erased: {found.words()}."
    st.caption(text.plain(said))


def _resolved(context: AblateContext) -> tuple[Erasure | None, str]:
    """The erasure of the view, and why there is none where the view names regions."""
    view = context.view
    if not view.erase:
        return None, ""
    try:
        return ablation.erasure(context.case, view.erase, keep=view.only == "outside", by=_way(context)), ""
    except ConfigError as error:
        return None, text.sentence(str(error))


def _when(context: AblateContext) -> str:
    """When the answer follows, in a sentence."""
    if models.is_bundled(context.case.model):
        return "The answer follows a brush while you draw; a box and a lasso mark once you let go."
    return "All of them mark once you let go."


def _is_cloud(context: AblateContext) -> bool:
    """Whether the elements are free points, which are turned to be seen."""
    return context.sample.coordinates is not None


def _ways(context: AblateContext) -> tuple[str, ...]:
    """The ways to erase that an input allows."""
    if not context.config.content_channels:
        return ("remove",)
    return ("remove", "mean") if _is_cloud(context) else ("remove", "mean", "blur")


def _way(context: AblateContext) -> Any:
    return context.view.erasing if context.view.erasing in _ways(context) else "remove"


def _painted(context: AblateContext, stroke: Bool[np.ndarray, "M"], live: bool) -> None:
    """Callback: marks the elements of a stroke, besides those that were marked when it began.

    live  the stroke is still drawn
    """
    history = _history(context)
    before = history["before"] if history["before"] is not None else _regions()
    marked = _marked(context, before)
    after = before
    if stroke.any():
        after = ElementMask.of(stroke if marked is None else stroke | marked).text()
    if live:
        history["before"] = before
        if len(after) <= LONGEST:
            state.change_in_passing(erase=after)
        return
    # What the stroke has marked so far is no step of its own.
    history["before"] = None
    state.change(erase=before)
    if after != before:
        _set(context, after)


def _boxed(context: AblateContext, region: Region | None) -> None:
    """Callback: marks the elements of a region, besides those that are marked; None clears all."""
    if region is None:
        _set(context, "")
        return
    before, added = _marked(context, _regions()), _marked(context, region.text())
    if added is None:
        return
    if before is None:
        _set(context, region.text())
        return
    boxes, mask = f"{_regions()};{region.text()}", ElementMask.of(before | added).text()
    _set(context, boxes if len(boxes) < len(mask) and boxes.count(";") < MOST_REGIONS else mask)


def _regions() -> str:
    """What is marked now: a stroke may come before the page has drawn the one before."""
    return state.view(AblateView).erase


def _marked(context: AblateContext, regions: str) -> Bool[np.ndarray, "M"] | None:
    """The elements in some regions; None for no regions, and where this input has no element there."""
    try:
        return ablation.marked(context.case, regions) if regions else None
    except ConfigError:
        return None


def _set(context: AblateContext, regions: str) -> None:
    """Callback: marks other regions, which can be undone."""
    if len(regions) > LONGEST:
        state.add_notes(["These marks are too many for a link, so the last one is left out. Wider strokes take less."])
        return
    history = _history(context)
    history["undo"].append(_regions())
    history["redo"].clear()
    state.change(erase=regions)


def _step(context: AblateContext, way: str) -> None:
    """Callback: goes a step back or forth in what was marked."""
    history = _history(context)
    if not history[way]:
        return
    other = "redo" if way == "undo" else "undo"
    history[other].append(_regions())
    state.change(erase=history[way].pop())


def _history(context: AblateContext) -> dict[str, Any]:
    """What was marked before on this input, what was undone, and what was marked before the stroke that is drawn."""
    held: dict[str, Any] | None = st.session_state.get("erase_history")
    if held is None or held["of"] != context.case.key:
        held = st.session_state["erase_history"] = {"of": context.case.key, "undo": [], "redo": [], "before": None}
    return held
