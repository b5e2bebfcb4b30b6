"""The part of a page that follows a stroke while it is drawn: it alone is run, and the rest of the page once the stroke
has ended.

The browser takes a few milliseconds for everything that is drawn again, so what a stroke does not change stands outside
of that part, which then draws into places of the page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from ..components import echo
from ..services import inference
from ..services.queueing import Progress
from ..session import state
from ..session.rules import UPLOADED
from ..session.view import View
from . import drawing_pad
from .context import PageContext, run_guarded

V = TypeVar("V", bound=View)
R = TypeVar("R")

_WHOLE = "page_is_drawn"
"""The key in the session that says that the whole page is being drawn."""


def strip_that_follows(context: PageContext[V], draw: Callable[[PageContext[V]], R], *, by_hand: bool = False) -> R:
    """Draws the strip; where a hand draws on the input, in a part of the page of its own. Returns what `draw` returns.

    draw     may draw into places of the page: into each of them in every run, and once all is worked out
    by_hand  elements of this input are marked in the strip
    """
    if not by_hand and not drawing_pad.is_quick(context.case):
        return draw(context)
    drawn: list[R] = []

    def part() -> None:
        progress = Progress(over="strip")
        if st.session_state.pop(_WHOLE, False):
            drawn.append(draw(context))
        else:
            of_input = by_hand and state.view(View).sample != context.view.sample
            if of_input or not state.is_passing():
                st.rerun()  # something else was changed here than by a stroke that is still drawn
            run_guarded(lambda: _follow(context, draw, progress))
        echo()

    st.session_state[_WHOLE] = True
    st.fragment(part)()
    return drawn[0]


def _follow(context: PageContext[V], draw: Callable[[PageContext[V]], object], progress: Progress) -> None:
    """Draws the strip of what a stroke has changed."""
    view, case = state.view(type(context.view)), context.case
    if view.sample.startswith(UPLOADED) and (kept := state.upload(view.sample)):
        name, data = kept
        case = dataclasses.replace(case, digest=view.sample.removeprefix(UPLOADED), name=name, data=data)
    draw(dataclasses.replace(context, view=view, case=case, sample=inference.read(case), progress=progress))
    progress.done()
