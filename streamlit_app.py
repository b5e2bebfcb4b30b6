"""Starts the app: `streamlit run streamlit_app.py`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.sections.header import header, load_libraries

ASSETS = Path(__file__).parent / "app" / "assets"
PAGES = {
    "Explore": "Show a trained Perceiver a picture, a sound or a point cloud: see what it recognises, and what every "
    "one of its blocks read.",
    "Explain": "What an answer rests on: the parts of the input that speak for a class, and a test of whether they do.",
    "Ablate": "Take frequencies out of the position code and see what becomes of the answer and of the maps.",
    "Compare": "Two to four Perceivers on one input: their answers, their maps, and their position codes.",
    "Open": "Look into a Perceiver of someone else’s, or of your own: from the Hugging Face hub, or from its files.",
}

st.set_page_config(page_title="Perceiver Lens", page_icon=ASSETS / "icon.png", layout="wide")
st.html(ASSETS / "style.css")
pages = [st.Page(f"app/pages/{title.lower()}.py", title=title) for title in PAGES]
page = st.navigation(pages, position="hidden")
header(pages, PAGES[page.title])
load_libraries()
page.run()
