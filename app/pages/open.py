"""Open: a checkpoint from the hub, from a folder or from files joins the models that can be looked at."""

from __future__ import annotations

import streamlit as st

from app import views
from app.sections.checkpoint.source import source
from app.sections.context import run_guarded
from app.services import models
from app.services.checkpoints import Hub
from app.session import state
from app.session.view import OpenView


def page() -> None:
    """The choice on the left, what the checkpoint is on the right."""
    view = state.current(OpenView)
    available = models.available(views.names())
    linked = None if view.model in available else Hub.parse(view.model)
    left, right = st.columns([34, 81], gap="medium")
    with left:
        opened = source(right, linked)
    if opened:
        kind = models.stored_config(opened).modality
        same = available.get(view.model) == kind
        state.change(model=opened, **({} if same else {"sample": "", "block": 0, "others": ()}))
        if not same:
            st.session_state.pop("source", None)
        st.switch_page("app/pages/explore.py")


run_guarded(page)
