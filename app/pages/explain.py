"""Explain: which parts of the input speak for a class, and whether the maps that say so are faithful."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from app.components import echo
from app.sections.context import ExplainContext, run_page
from app.sections.explain import downloads, faithfulness, latent_clusters, methods, relevance, single_latents
from app.sections.explain.question import choose_question
from app.sections.on_request import Work
from app.sections.one_section import choose_section
from app.services import explanation
from app.services.queueing import Progress
from app.session import state, text
from app.session.view import ExplainView
from perceiver.analysis.explanation import Question

SECTIONS = {
    "relevance": "Relevance map",
    "methods": "Methods and faithfulness",
    "clusters": "Latent clusters",
    "latents": "Single latents",
}

Left = Sequence[tuple[Work | None, Callable[[Progress], None]]]
"""Work that is left, and what does it."""


def page(context: ExplainContext) -> None:
    """The question, the strip that answers it, and one section of evidence."""
    names = tuple(map(text.label, context.config.class_names))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width="stretch"):
            question = choose_question(context)
        menu = st.container(horizontal=True, width="content")
    found = relevance.strip_of_blocks(context, question, names)
    echo()
    left: Left = ()
    match choose_section(context.view, SECTIONS, anchors={"faithfulness": "methods"}):
        case "methods":
            left = _methods(context, question, names)
        case "clusters":
            latent_clusters.show(context)
        case "latents":
            of_latents = single_latents.show(context, question, names)
            left = [(work, partial(single_latents.finish, context, work)) for work in of_latents]
        case _:
            relevance.large(context, question, names, found)
    with menu:
        downloads.menu(context, question, names)
    context.progress.done()
    # The rest takes longer, and whatever the visitor does next ends it.
    state.publish()
    _finish(left)


def _methods(context: ExplainContext, question: Question, names: tuple[str, ...]) -> Left:
    """The maps of all methods, and how faithful they are. Returns the work that is left."""
    missing = methods.show(context, question, names)
    st.subheader("Faithfulness", anchor="faithfulness", divider="gray")
    test = faithfulness.show(context, question, names, missing)
    parts: tuple[tuple[Work | None, explanation.Part], ...] = ((missing, "maps"), (test, "test"))
    return [(work, partial(explanation.continue_work, context.case, question, part)) for work, part in parts]


def _finish(left: Left) -> None:
    """Does the work that was asked for, what is quick first, and draws the page again with each result."""
    wanted = [(work, go_on) for work, go_on in left if work is not None and work.progress is not None]
    for work, go_on in sorted(wanted, key=lambda one: one[0].request.seconds):
        assert work.progress is not None
        work.request.start()
        try:
            go_on(work.progress)
        except Exception:
            work.request.cancel()  # otherwise the next run would fail in the same way
            raise
        st.rerun()


run_page(ExplainView, page)
