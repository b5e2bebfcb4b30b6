"""Compare: several models on one input, their maps and their position encodings."""

from __future__ import annotations

import streamlit as st

from app.sections.compare import encodings, maps, models, spectra
from app.sections.context import open_page, run_page
from app.session import state
from app.session.view import CompareView


def page() -> None:
    """The whole page, top to bottom; what is quick comes first."""
    opened = open_page(CompareView)
    if opened is None:
        return
    context, right = opened
    with right:
        contexts = models.choose_models(context)
        models.answers(contexts)
    st.divider()
    maps.show(contexts)
    st.divider()
    encodings.show(contexts)
    context.progress.done()
    # The rest may be slow, and whatever the visitor does next ends it.
    state.publish()
    st.divider()
    spectra.show(contexts)


run_page(page)
