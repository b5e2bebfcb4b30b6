"""Answers along an input that is longer than a model reads at once, worked out in steps.

What was worked out is kept for everyone who looks at the same input: a scan that was cut short goes on from there.
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
from perceiver.export import timeline_csv
from perceiver.modalities import Scannable

from . import compute
from .compute import Case
from .progress import Progress


@dataclass
class Scan:
    """A scan as far as it has come.

    total     windows of the input; 0 before the first step
    timeline  the answers to the first of them; None before the first step
    """

    total: int = 0
    timeline: Timeline | None = None
    _steps: Iterator[Timeline] | None = None

    @property
    def reached(self) -> int:
        """Windows that have an answer."""
        return 0 if self.timeline is None else len(self.timeline)

    @property
    def done(self) -> bool:
        """Whether all windows have one."""
        return 0 < self.total <= self.reached

    def step(self, case: Case, every: float) -> None:
        """Answers the next few windows. Raises InputError when the input cannot be read on; the next begins anew."""
        if self._steps is None:
            model = compute.opened(case.model)
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


def found(case: Case, every: float) -> Scan:
    """The scan of an input with windows `every` so many seconds, as far as it has come. Does no work."""
    return _scan(case.model, case.digest, every)


def finish(case: Case, every: float, progress: Progress) -> None:
    """Brings the scan of an input to its end. Each step takes its turn at the gate and reports.

    Raises InputError when the input cannot be read to its end.
    """
    here = found(case, every)
    began, before = time.monotonic(), here.reached
    while not here.done:
        with compute.gate.enter(progress.wait):
            if not here.done:
                here.step(case, every)
        left = (time.monotonic() - began) / max(1, here.reached - before) * (here.total - here.reached)
        text = f"Window {here.reached:,} of {here.total:,}, about {clock(left, 0)} left"
        progress.step(here.reached / here.total, text)


def answers_file(case: Case, timeline: Timeline) -> bytes:
    """The answers over time, every class of every window, as CSV."""
    return timeline_csv(timeline, compute.config(case.model).labels).encode()
