"""Starts the app: `streamlit run streamlit_app.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

st.set_page_config(page_title="Perceiver Lens", page_icon=Path(__file__).parent / "app" / "icon.png", layout="wide")
page = st.navigation(
    [st.Page(f"app/pages/{name.lower()}.py", title=name) for name in ("Explore", "Explain", "Ablate", "Compare")],
    position="top",
)

st.html(Path(__file__).parent / "app" / "style.css")
st.title("Perceiver Lens", anchor=False)
st.markdown(
    "Show a trained Perceiver a picture, a sound or a point cloud: see what it recognises, and what every one of its "
    "blocks read."
)

# Pages need torch, and importing it takes seconds: the first visitor of a process sees that something is coming.
if "app.compute" not in sys.modules:
    place = st.empty()
    with place.container():
        st.caption("Starting: the first visit loads PyTorch.")
        st.skeleton(height=420)
    import app.compute  # noqa: F401

    place.empty()
page.run()
