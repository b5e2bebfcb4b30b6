"""Whether the maps of an input can be relied on: the checks that are known, and the work on those that are not.

Results are kept for all visitors who look at the same maps of the same input.
"""

from __future__ import annotations

import time

import streamlit as st

from perceiver.analysis.formatting import about
from perceiver.analysis.map_checks import MapChecks, evaluations
from perceiver.analysis.maps import MapSelection
from perceiver.export.checks import checks_json

from . import inference, models, public
from .caching import Once
from .export import as_json
from .inference import Case
from .queueing import STEP, Progress, queue

AUTOMATIC = "PERCEIVER_CHECK_MAPS"
"""Set to 0, maps are checked on request alone, which leaves more of the time of a busy server to other work."""

KEPT = 2 / 3
"""The share of the input elements that is left in the mean over the points of a deletion curve."""


@st.cache_resource(show_spinner=False, max_entries=512)
def _held(model: str, key: str, selection: MapSelection, seeds: tuple[str, ...]) -> Once[MapChecks]:
    return Once()


def _of(case: Case, selection: MapSelection) -> Once[MapChecks]:
    return _held(case.model, case.key, selection, models.other_seeds(case.model))


def automatic() -> bool:
    """Whether quick checks may start by themselves."""
    return public.is_on(AUTOMATIC) is not False


def known(case: Case, selection: MapSelection) -> MapChecks | None:
    """The checks of the maps of all blocks; None where they are not complete. Does no work."""
    found = _of(case, selection).value
    return found if found is not None and found.complete else None


def seconds_left(case: Case, selection: MapSelection) -> float:
    """The estimated seconds until all maps are checked."""
    found, config = _of(case, selection).value, models.config(case.model)
    if found is None:
        seeds = len(models.other_seeds(case.model))
        left = evaluations(config.num_inputs, len(config.cross_attention_blocks), seeds)
    else:
        left = found.left
    return KEPT * left * inference.seconds(case)


def check(case: Case, selection: MapSelection, progress: Progress) -> None:
    """Checks the maps of all blocks. Each step is queued and kept; between the layers of a model, the visitor may stop
    it.

    Raises ConfigError for maps that cannot be checked.
    """
    run, held = inference.run(case, progress), _of(case, selection)

    def report(share: float | None, words: str) -> None:
        inference.stop_here()  # also while there is no progress to show yet
        progress.step(share, f"{words}, {about(seconds_left(case, selection))} left")

    while held.value is None or not held.value.complete:
        with queue.turn(progress.wait):
            began = time.monotonic()
            # Another visitor may have gone on with the same while this one waited.
            for found in run.check_steps(selection, resume=held.value, progress=report):
                held.value = found
                if time.monotonic() - began > STEP:
                    break


def numbers_json(case: Case, selection: MapSelection) -> bytes:
    """The verdict and the figures of every block, where they are known; else an empty list."""
    found, context = known(case, selection), inference.context(case)
    return as_json([] if found is None else checks_json(found, context.labels, context.origin))
