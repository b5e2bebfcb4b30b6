"""The queue for inference, and the line on the page that shows how far the work has come.

Visitors share the cores of the machine, so their runs of models take turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

PATIENCE = 0.2
"""Seconds between two attempts to enter, and so between two reports to the visitor who waits."""

DELAY = 0.4
"""Seconds of work before progress is shown: what is quicker should not flicker."""


class InferenceQueue:
    """Lets `permits` callers in at a time."""

    def __init__(self, permits: int = 1) -> None:
        self._permits = threading.Semaphore(permits)
        self._lock = threading.Lock()
        self._waiting: list[object] = []

    @contextmanager
    def turn(self, wait: Callable[[int], None]) -> Iterator[None]:
        """Holds a permit inside the `with`.

        wait  called every PATIENCE seconds while others hold the permits, with the caller's place in the queue from 1;
              what it raises (Streamlit stopping the run, for instance) ends the waiting
        """
        if not self._permits.acquire(blocking=False):
            self._queue(wait)
        try:
            yield
        finally:
            self._permits.release()

    def _queue(self, wait: Callable[[int], None]) -> None:
        ticket = object()
        with self._lock:
            self._waiting.append(ticket)
        try:
            while not self._permits.acquire(timeout=PATIENCE):
                with self._lock:
                    place = self._waiting.index(ticket) + 1
                wait(place)
        finally:
            with self._lock:
                self._waiting.remove(ticket)


queue = InferenceQueue()
"""The queue of all inference of this process."""


class Progress:
    """A progress bar of its own on the page, empty until work takes longer than DELAY.

    Every report is a point at which Streamlit may end the run, because the visitor has moved on.
    """

    def __init__(self) -> None:
        self._line = st.empty()
        self._start = time.monotonic()
        self._shown = False

    def step(self, share: float | None, text: str) -> None:
        """A share in [0, 1] of the work is done, None where it is not known; `text` says what comes next."""
        if time.monotonic() - self._start >= DELAY:
            self._line.progress(min(1.0, share or 0.0), text=text)
            self._shown = True

    def wait(self, place: int) -> None:
        """Other visitors are before this one in the queue."""
        self._line.progress(0.0, text=f"Waiting for the model: place {place} in the queue.")
        self._shown = True

    def done(self) -> None:
        """Removes the bar."""
        if self._shown:
            self._line.empty()
