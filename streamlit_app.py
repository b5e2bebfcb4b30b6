"""Starts the app: `streamlit run streamlit_app.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

st.set_page_config(page_title="Perceiver Lens", page_icon=Path(__file__).parent / "app" / "icon.png", layout="wide")
PAGES = {
    "Explore": "Show a trained Perceiver a picture, a sound or a point cloud: see what it recognises, and what every "
    "one of its blocks read.",
    "Explain": "What an answer rests on: the parts of the input that speak for a class, and a test of whether they do.",
    "Ablate": "Take frequencies out of the position code and see what becomes of the answer and of the maps.",
    "Compare": "Two to four Perceivers on one input: their answers, their maps, and their position codes.",
    "Open": "Look into a Perceiver of someone else’s, or of your own: from the Hugging Face hub, or from its files.",
}
pages = [st.Page(f"app/pages/{name.lower()}.py", title=name) for name in PAGES]
page = st.navigation(pages, position="hidden")

st.html(Path(__file__).parent / "app" / "style.css")
with st.container(horizontal=True, vertical_alignment="center"):
    st.title("Perceiver Lens", anchor=False, width="stretch")
    # Not Streamlit's own bar of pages, which hides itself behind a button on narrow screens.
    with st.container(horizontal=True, width="content", key="pages"):
        for one in pages:
            st.page_link(one, width="content")
st.markdown(PAGES[page.title])

# Pages need torch, and importing it takes seconds: the first visitor of a process sees that something is coming.
if "app.services.compute" not in sys.modules:
    place = st.empty()
    with place.container():
        st.caption("Starting: the first visit loads PyTorch.")
        st.skeleton(height=420)
    import app.services.compute  # noqa: F401

    place.empty()
page.run()
