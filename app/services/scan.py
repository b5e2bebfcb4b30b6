"""The answers to all windows of an input that is longer than a model reads at once, in steps.

Results are kept for all visitors who look at the same input: a scan that was stopped continues from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import streamlit as st

from perceiver.analysis.formatting import clock
from perceiver.analysis.timeline import Timeline
from perceiver.errors import InputError
from perceiver.export import timeline as exports
from perceiver.lens import Scan, open_windows, scan_steps

from . import models
from .inference import Case, Options, decoding
from .queueing import Progress, queue


@dataclass
class HeldScan:
    """A scan as far as it has come, which all visitors share.

    known  None before the first step
    """

    known: Scan | None = None
    _steps: Iterator[Scan] | None = None

    @property
    def timeline(self) -> Timeline | None:
        """The answers to the first windows; None before the first step."""
        return None if self.known is None else self.known.timeline

    @property
    def total(self) -> int:
        """Windows of the input; 0 before the first step."""
        return 0 if self.known is None else self.known.total

    @property
    def reached(self) -> int:
        """Windows that have an answer."""
        return 0 if self.known is None else self.known.reached

    @property
    def done(self) -> bool:
        """Whether all windows have one."""
        return self.known is not None and self.known.done

    def step(self, case: Case, every: float) -> None:
        """Runs the next few windows.

        Whatever fails, the generator goes: a generator that raised is at its end, for every visitor. The next step
        begins another after the windows that are known. When the input cannot be read further, raises InputError with
        the name that this visitor gave the file, and the scan starts again.
        """
        try:
            steps = self._steps or _steps(case, every, self.timeline)
            self._steps = steps
            found = next(steps, None)
            if found is None:
                raise InputError(f"{case.name} ends after {self.reached} windows, earlier than it says")
            self.known = found
        except InputError as error:
            self.known, self._steps = None, None
            raise InputError(str(error).replace(_NAME + case.ending, case.name)) from error
        except BaseException:
            self._steps = None
            raise

    def rest(self) -> None:
        """Drops the generator, and the file that it holds. The next step opens the file again."""
        self._steps = None


_NAME = "file-of-another-visitor"
"""Stands for the name of the file in the generator, which goes on for visitors with other names."""


def _steps(case: Case, every: float, before: Timeline | None) -> Iterator[Scan]:
    model = models.get(case.model)
    windows = open_windows(
        model.config,
        case.data,
        name=_NAME + case.ending,
        every=every,
        options=dict(scan_options(case)),
        model_name=case.model_name,
        **decoding(case),
    )
    return scan_steps(model, windows, before=before)


def scan_options(case: Case) -> Options:
    """The reading options of an input that concern all of it: without the start of the window."""
    return tuple((name, value) for name, value in case.options if name != "start")


@st.cache_resource(show_spinner=False, max_entries=8)
def _scan(model: str, content: str, options: Options, every: float) -> HeldScan:
    return HeldScan()


def scan_of(case: Case, every: float) -> HeldScan:
    """The scan of an input with a window every so many seconds, as far as it is done. Does no work."""
    return _scan(case.model, case.content, scan_options(case), every)


def finish(case: Case, every: float, progress: Progress) -> None:
    """Completes the scan of an input. Each step is queued and reports progress.

    Raises InputError when the input cannot be read to its end.
    """
    here = scan_of(case, every)
    began, before = time.monotonic(), here.reached
    try:
        while not here.done:
            with queue.turn(progress.wait):
                if not here.done:
                    here.step(case, every)
            left = (time.monotonic() - began) / max(1, here.reached - before) * (here.total - here.reached)
            text = f"Window {here.reached:,} of {here.total:,}, about {clock(left, 0)} left"
            progress.step(here.reached / here.total, text)
    finally:
        # A visitor who stops or leaves must not leave the file in memory.
        here.rest()


def as_csv(case: Case, timeline: Timeline) -> bytes:
    """The probability of every class in every window of a scan."""
    return exports.timeline_csv(timeline, models.config(case.model).class_names).encode()
