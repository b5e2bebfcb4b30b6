"""Starts the app: `streamlit run streamlit_app.py`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.sections.header import header, load_libraries, start_workers

SIDEBAR = 304
"""Width of the sidebar in CSS pixels; on a phone it is closed at first."""

ASSETS = Path(__file__).parent / "app" / "assets"
PAGES = {
    "Explore": "Cross-attention of a trained Perceiver: which parts of an input every block reads, and how the answer "
    "forms.",
    "Explain": "Which parts of the input speak for a class, and a test of whether the maps that say so are right.",
    "Ablate": "Remove frequencies of the position encoding, or elements of the input: what happens to the answer.",
    "Compare": "Two to four Perceivers on one input: predictions, maps and position encodings.",
    "Data set": "One Perceiver over a whole data set: confusions, a map of the examples, latents, bands, and where two "
    "of them disagree.",
    "Open": "Open another Perceiver: from the Hugging Face hub, from a folder, or from files.",
}

st.set_page_config(
    page_title="Perceiver Lens", page_icon=ASSETS / "icon.png", layout="wide", initial_sidebar_state=SIDEBAR
)
st.html(ASSETS / "style.css")
pages = [st.Page(f"app/pages/{title.lower().replace(' ', '_')}.py", title=title) for title in PAGES]
page = st.navigation(pages, position="hidden")
header(pages, PAGES[page.title])
load_libraries()
page.run()
start_workers()
