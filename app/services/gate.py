"""One gate for all inference of the process: visitors share the machine's cores, so they take turns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 0.2
"""Seconds between two looks at the gate, and so between two words to the one who waits."""


class Gate:
    """Lets `permits` callers through at a time."""

    def __init__(self, permits: int = 1) -> None:
        self._permits = threading.Semaphore(permits)
        self._lock = threading.Lock()
        self._waiting: list[object] = []

    @contextmanager
    def enter(self, wait: Callable[[int], None]) -> Iterator[None]:
        """Holds a permit inside the `with`.

        wait  called every PATIENCE seconds while others hold the permits, with one's place in the queue from 1; what it
              raises (Streamlit stopping the run, say) ends the waiting
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
