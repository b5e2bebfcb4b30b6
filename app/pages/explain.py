"""Explain: which parts of the input speak for a class, and whether the maps that say so are faithful."""

from __future__ import annotations

import streamlit as st

from app.sections.context import open_page, run_page
from app.sections.explain import downloads, faithfulness, latent_clusters, methods, relevance
from app.sections.explain.question import choose_question
from app.services import explanation
from app.session import state, text
from app.session.view import ExplainView


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    opened = open_page(ExplainView)
    if opened is None:
        return
    context, right = opened
    names = tuple(map(text.label, context.config.labels))
    with right:
        question = choose_question(context)
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"What “{text.plain(names[question.target])}” rests on", anchor=False, width="stretch")
        menu = st.container(horizontal=True, width="content")
    relevance.show(context, question, names)
    st.divider()
    st.subheader("Other ways to ask", anchor=False)
    maps = methods.show(context, question, names)
    with menu:
        downloads.menu(context, question, names, maps)
    st.divider()
    st.subheader("Does it hold?", anchor=False)
    progress = faithfulness.show(context, question, names)
    st.divider()
    st.subheader("Which latents read alike", anchor=False)
    latent_clusters.show(context)
    context.progress.done()
    # The rest takes longer, and whatever the visitor does next ends it.
    state.publish()
    if not explanation.known(context.case, question).complete:
        explanation.continue_work(context.case, question, progress)
        st.rerun()


run_page(page)
