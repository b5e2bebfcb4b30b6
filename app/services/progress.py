"""Progress that shows itself only when there is something to wait for, and lets Streamlit stop a run between steps."""

from __future__ import annotations

import time

import streamlit as st

DELAY = 0.4
"""Seconds of work before anything is shown: what is quicker should not flicker."""


class Progress:
    """A line of its own on the page, empty until work takes longer than DELAY.

    Every word shown is a point at which Streamlit may end the run, because the visitor has moved on.
    """

    def __init__(self) -> None:
        self._line = st.empty()
        self._start = time.monotonic()
        self._shown = False

    def step(self, share: float, text: str) -> None:
        """A share in [0, 1] of the work is done; `text` says what comes next."""
        if time.monotonic() - self._start >= DELAY:
            self._line.progress(min(1.0, share), text=text)
            self._shown = True

    def wait(self, place: int) -> None:
        """The inference gate is held by other visitors."""
        self._line.progress(0.0, text=f"Waiting for the model: place {place} in the queue.")
        self._shown = True

    def done(self) -> None:
        """Takes the line away."""
        if self._shown:
            self._line.empty()
