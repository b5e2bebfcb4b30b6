"""Explain: which parts of the input speak for a class, and whether the maps that say so are faithful."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.sections.context import ExplainContext, run_page
from app.sections.explain import downloads, faithfulness, latent_clusters, methods, relevance, single_latents
from app.sections.explain.question import choose_question
from app.sections.header import contents
from app.sections.on_request import Work
from app.services import explanation
from app.services.queueing import Progress
from app.session import state, text
from app.session.view import ExplainView


def page(context: ExplainContext) -> None:
    """The whole page, top to bottom; what is quick comes first."""
    names = tuple(map(text.label, context.config.class_names))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width="stretch"):
            question = choose_question(context)
        menu = st.container(horizontal=True, width="content")
    contents(
        {
            "methods": "Methods compared",
            "faithfulness": "Faithfulness",
            "clusters": "Latent clusters",
            "latents": "Single latents",
        }
    )
    relevance.show(context, question, names)
    st.subheader("Methods compared", anchor="methods", divider="gray")
    maps, missing = methods.show(context, question, names)
    with menu:
        downloads.menu(context, question, names, maps)
    st.subheader("Faithfulness", anchor="faithfulness", divider="gray")
    test = faithfulness.show(context, question, names, missing)
    st.subheader("Latent clusters", anchor="clusters", divider="gray")
    latent_clusters.show(context)
    st.subheader("Single latents", anchor="latents", divider="gray")
    of_latents = single_latents.show(context, question, names)
    context.progress.done()
    # The rest takes longer, and whatever the visitor does next ends it.
    state.publish()
    left: list[tuple[Work, Callable[[Progress], None]]] = []
    parts: tuple[tuple[Work | None, explanation.Part], ...] = ((missing, "maps"), (test, "test"))
    for work, part in parts:
        if work is not None:
            left.append((work, partial(explanation.continue_work, context.case, question, part)))
    left += [(work, partial(single_latents.finish, context, work)) for work in of_latents]
    for work, go_on in sorted(left, key=lambda one: one[0].request.seconds):
        if work.progress is not None:
            work.request.start()
            try:
                go_on(work.progress)
            except Exception:
                work.request.cancel()  # otherwise the next run would fail in the same way
                raise
            st.rerun()


run_page(ExplainView, page)
