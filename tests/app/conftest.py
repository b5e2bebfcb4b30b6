"""The app in Streamlit's own harness, over a folder of tiny checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.services import explanation
from app.session import state
from perceiver import Perceiver
from tests.app import folder

SCRIPT = Path(__file__).parents[2] / "streamlit_app.py"
PATIENCE = 60


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder.build(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(autouse=True)
def charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are drawn, as for a visitor who has come to one: the harness has no window."""
    monkeypatch.setattr(state, "draws_charts", lambda: True)


@pytest.fixture(autouse=True)
def _short_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deletion and insertion curves of few points, which the tests of the library compute in full."""
    monkeypatch.setattr(explanation, "STEPS", 3)
    monkeypatch.setattr(explanation, "SEEDS", 2)


@pytest.fixture
def caches() -> Iterator[None]:
    """Nothing is remembered from another test, nor kept for the next."""
    for cache in (st.cache_data, st.cache_resource):
        cache.clear()
    yield
    for cache in (st.cache_data, st.cache_resource):
        cache.clear()


@pytest.fixture
def app(checkpoints: Path, caches: None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(checkpoints))
    return AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Perceiver]:
    """Grows by the model each time one is run."""
    seen: list[Perceiver] = []
    trace = Perceiver.trace
    monkeypatch.setattr(
        Perceiver, "trace", lambda self, *args, **more: (seen.append(self), trace(self, *args, **more))[1]
    )
    return seen
