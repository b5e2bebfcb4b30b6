"""The answers to all windows of an input that is longer than a model reads at once, in steps.

Results are kept for all visitors who look at the same input: a scan that was stopped continues from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import streamlit as st

from perceiver import modalities
from perceiver.analysis.formatting import clock
from perceiver.analysis.scan import scan
from perceiver.analysis.timeline import Timeline
from perceiver.errors import InputError
from perceiver.modalities import Scannable

from . import models
from .inference import Case
from .queueing import Progress, queue


@dataclass
class Scan:
    """A scan as far as it is done.

    total     windows of the input; 0 before the first step
    timeline  the answers to the first of them; None before the first step
    """

    total: int = 0
    timeline: Timeline | None = None
    _steps: Iterator[Timeline] | None = None

    @property
    def reached(self) -> int:
        """The number of windows that have an answer."""
        return 0 if self.timeline is None else len(self.timeline)

    @property
    def done(self) -> bool:
        """Whether all windows have an answer."""
        return 0 < self.total <= self.reached

    def step(self, case: Case, every: float) -> None:
        """Runs the next few windows. When the input cannot be read further, raises InputError and starts again."""
        if self._steps is None:
            model = models.get(case.model)
            config = model.config
            modality = modalities.get(config.modality)
            assert isinstance(modality, Scannable)
            windows = modality.scan(
                case.data, case.name, shape=config.input_shape, preprocess=config.preprocess, every=every
            )
            self.total, self._steps = len(windows), scan(model, windows, windows.seconds)
        try:
            made = next(self._steps)
        except InputError:
            self.timeline, self._steps = None, None
            raise
        self.timeline = made


@st.cache_resource(show_spinner=False, max_entries=8)
def _scan(model: str, digest: str, every: float) -> Scan:
    return Scan()


def scan_of(case: Case, every: float) -> Scan:
    """The scan of an input with a window every so many seconds, as far as it is done. Does no work."""
    return _scan(case.model, case.digest, every)


def finish(case: Case, every: float, progress: Progress) -> None:
    """Completes the scan of an input. Each step is queued and reports progress.

    Raises InputError when the input cannot be read to its end.
    """
    here = scan_of(case, every)
    began, before = time.monotonic(), here.reached
    while not here.done:
        with queue.turn(progress.wait):
            if not here.done:
                here.step(case, every)
        left = (time.monotonic() - began) / max(1, here.reached - before) * (here.total - here.reached)
        text = f"Window {here.reached:,} of {here.total:,}, about {clock(left, 0)} left"
        progress.step(here.reached / here.total, text)
