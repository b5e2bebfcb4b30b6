"""The pad to draw an input on. A drawing is an upload like any other, made of the strokes that the session holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import streamlit as st

from perceiver.errors import InputError

from ..components import Line, pad
from ..services import drawing, models
from ..services.inference import Case
from ..services.samples import digest
from ..session import state
from ..session.rules import UPLOADED
from ..session.view import View

PENS: Mapping[float, str] = {0.05: "Fine", 0.09: "Medium", 0.14: "Wide"}
"""Widths of the pen, as shares of the longer side."""

HOW = "Draw with a mouse, a finger or a pen. With a keyboard, upload a picture instead."


@dataclass(frozen=True)
class _Drawing:
    """What is drawn.

    page    that it was rendered on; None where it was not
    sample  that it became, as a view names it
    ink     chosen colours, "#rrggbb"; "" for those of the model
    """

    lines: tuple[Line, ...] = ()
    page: drawing.Page | None = None
    sample: str = ""
    ink: str = ""
    ground: str = ""


def show(view: View) -> None:
    """Draws the pad, the choice of the pen, the colours, and the way to save the drawing that is shown."""
    held, model = _held(), view.model
    page = _page(model)
    ink, ground = drawing.hexadecimal(page.ink), drawing.hexadecimal(page.ground)
    st.session_state.setdefault("pen", 0.09)
    pad(
        held.lines,
        key="pad",
        label=f"Drawing pad. {HOW}",
        hint=HOW,
        empty="Draw here",
        shape=(page.height, page.width),
        ink=ink,
        ground=ground,
        width=st.session_state["pen"],
        live=models.is_bundled(model),
        on_draw=lambda lines, live: _draw(model, replace(_held(), lines=lines), live),
    )
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        st.segmented_control("Pen", list(PENS), format_func=PENS.__getitem__, required=True, key="pen")
        for name, colour in (("ink", ink), ("ground", ground)):
            st.session_state[f"pad_{name}"] = colour
            st.color_picker(name.capitalize(), key=f"pad_{name}", on_change=_colour, args=(model, name))
    if is_drawing(view.sample) and (kept := state.upload(view.sample)):
        st.download_button(
            "Save the drawing (PNG)",
            kept[1],
            drawing.NAME,
            "image/png",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            help="The picture that the model reads, for the command line and notebooks.",
        )


def is_drawing(sample: str) -> bool:
    """Whether a view's sample is a drawing of this session, or one that is kept for its browser."""
    kept = state.upload(sample) if sample.startswith(UPLOADED) else None
    return kept is not None and kept[0] == drawing.NAME


def holds(sample: str) -> bool:
    """Whether what the pad shows is a view's sample."""
    return _held().sample == sample


def is_quick(case: Case) -> bool:
    """Whether a case is what the pad shows in a model that follows it: nothing is announced for it, so that the results
    stay in their place."""
    return holds(UPLOADED + case.digest) and models.is_bundled(case.model)


def redraw(model: str) -> None:
    """Shows what the pad holds, at the size and in the colours of a model."""
    held = _held()
    if held.lines:
        _draw(model, held)


def follow(view: View) -> None:
    """Renders the drawing that a view shows again where its model reads pictures of another size or other colours."""
    held = _held()
    if held.sample and held.sample == view.sample and held.page != _page(view.model):
        _draw(view.model, held)


def _held() -> _Drawing:
    found: _Drawing = st.session_state.get("drawing", _Drawing())
    return found


def _page(model: str) -> drawing.Page:
    return drawing.page(model, _held().ink, _held().ground)


def _draw(model: str, drawn: _Drawing, live: bool = False) -> None:
    """Callback: shows a drawing as the input, or no input where nothing is drawn.

    live  a stroke is still drawn
    """
    page = drawing.page(model, drawn.ink, drawn.ground)
    if not drawn.lines:
        st.session_state["drawing"] = replace(drawn, page=None, sample="")
        state.change(sample="")
        return
    try:
        data = drawing.picture(drawn.lines, page)
    except InputError as error:
        state.add_notes([f"This drawing cannot be read: {error}."])
        return
    sha256 = digest(data)
    st.session_state["drawing"] = replace(drawn, page=page, sample=UPLOADED + sha256)
    state.keep(sha256, drawing.NAME, data, passing=live)


def _colour(model: str, name: str) -> None:
    """Callback: draws in another colour, or on another ground."""
    drawn = replace(_held(), **{name: st.session_state[f"pad_{name}"]})
    if drawn.lines:
        _draw(model, drawn)
    else:
        st.session_state["drawing"] = drawn
