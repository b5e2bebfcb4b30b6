"""The queue for inference, and the line on the page that shows how far the work has come.

Visitors share the cores of the machine, so their runs of models take turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import streamlit as st

from . import visitors

STEP = 0.5
"""Seconds that a step of long work should take: its result is kept, the page reacts to the visitor, and others in the
queue get their turn."""

PATIENCE = 0.2
"""Seconds between two reports to the visitor who waits."""

DELAY = 0.4
"""Seconds of work before progress is shown: what is quicker should not flicker."""

PACE = 0.1
"""Least seconds between two reports with the same text that are shown."""


@dataclass(eq=False)
class _Ticket:
    """A place in the queue; `called` is set when its turn has come."""

    session: str
    called: threading.Event = field(default_factory=threading.Event)


class InferenceQueue:
    """Lets `permits` callers in at a time, round robin over the sessions.

    A permit goes to whoever waits, so an analysis, which takes a turn for each of its steps, comes after everybody else
    before its next step. Of several tickets of a session, the second waits for all other sessions.
    """

    def __init__(self, permits: int = 1) -> None:
        self._free = permits
        self._lock = threading.Lock()
        self._waiting: list[_Ticket] = []

    @contextmanager
    def turn(self, wait: Callable[[int], None]) -> Iterator[None]:
        """Holds a permit inside the `with`.

        wait  called every PATIENCE seconds while others hold the permits, with the caller's place in the queue from 1;
              what it raises (Streamlit stopping the run, for instance) ends the waiting
        """
        ticket = _Ticket(visitors.session())
        with self._lock:
            self._waiting.append(ticket)
            self._call()
        try:
            while not ticket.called.wait(PATIENCE):
                place = self._place(ticket)
                if place:
                    wait(place)
            yield
        finally:
            with self._lock:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                else:
                    self._free += 1
                    self._call()

    def _call(self) -> None:
        """Calls those whose turn it is."""
        while self._free and self._waiting:
            ticket, *self._waiting = _others_first(self._waiting)
            self._free -= 1
            ticket.called.set()

    def _place(self, ticket: _Ticket) -> int:
        """The place of a ticket from 1, if nobody comes; 0 when it was called."""
        with self._lock:
            left = list(self._waiting)
        for place in range(1, len(left) + 1):
            first, *left = _others_first(left)
            if first is ticket:
                return place
        return 0


def _others_first(waiting: Sequence[_Ticket]) -> list[_Ticket]:
    """The first ticket, then those of other sessions, then those of its own."""
    first, *others = waiting
    return [first, *sorted(others, key=lambda one: one.session == first.session)]


queue = InferenceQueue()
"""The queue of all inference of this process."""


class Progress:
    """A progress bar of its own on the page, empty until work takes longer than DELAY.

    over  a name, unique on the page, for a bar over a corner of the window: nothing moves when it comes and goes;
          "" for one in the flow of the page

    Every report is a point at which Streamlit may end the run, because the visitor has moved on or has closed the page.
    """

    def __init__(self, over: str = "") -> None:
        self._line = (st.container(key=f"progress_{over}") if over else st).empty()
        self._start = time.monotonic()
        self._last, self._text = 0.0, ""
        self._shown = False

    def step(self, share: float | None, text: str) -> None:
        """A share in [0, 1] of the work is done, None where it is not known; `text` says what comes next."""
        now = time.monotonic()
        if now - self._start >= DELAY and (text != self._text or now - self._last >= PACE):
            self._last, self._text = now, text
            self._line.progress(min(1.0, share or 0.0), text=text)
            self._shown = True

    def wait(self, place: int) -> None:
        """Other visitors are before this one in the queue."""
        self._line.progress(0.0, text=f"Waiting for the model: {ordinal(place)} in the queue.")
        self._shown = True

    def done(self) -> None:
        """Removes the bar."""
        if self._shown:
            self._line.empty()


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
