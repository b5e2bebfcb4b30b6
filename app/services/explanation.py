"""Explanations of an answer, step by step: class relevance, attributions, how faithful their maps are, and clusters of
latents.

Results are kept for all visitors who ask the same about the same input.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, TypeVar, cast

import streamlit as st

from perceiver.analysis.explanation import Explanation, Explanations, Question, explain_by, methods_for
from perceiver.analysis.latents import (
    Concentration,
    LatentGroup,
    Movement,
    cluster_latents,
    latent_groups,
    movement,
)
from perceiver.analysis.methods import RANDOM
from perceiver.analysis.relevance import Relevance

from . import inference, maps, models
from .caching import Once
from .inference import Case
from .queueing import Progress, queue

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds of work after which the page is drawn again with the results so far."""

STEPS, SEEDS = 20, 8
"""Points of the deletion and insertion curves, and random orders for comparison."""


@st.cache_resource(show_spinner=False, max_entries=256)
def _held(model: str, key: str, what: tuple[Hashable, ...]) -> Once[Any]:
    return Once()


def _once(case: Case, what: tuple[Hashable, ...], make: Callable[[], T], progress: Progress) -> T:
    return cast(T, _held(case.model, case.key, what).get(make, progress))


def methods(case: Case) -> tuple[str, ...]:
    """The methods that make sense for a model, quick ones first."""
    return methods_for(models.config(case.model))


def known(case: Case, question: Question) -> Explanations:
    """The maps and scores that are known, as far as they are. Does no work."""

    def held(what: tuple[Hashable, ...]) -> Any:
        return _held(case.model, case.key, what).value

    asked = methods(case)
    maps = [one for key in asked if (one := held(question.map_key(key))) is not None]
    scored = tuple(replace(one, score=held(question.score_key(one.method))) for one in maps)
    return Explanations(question, asked, scored, held(question.score_key(RANDOM)))


def explain(case: Case, question: Question, key: str, progress: Progress) -> Explanation:
    """The map of a method. Raises InputError when the input cannot be read."""
    run = inference.run(case, progress)

    def make() -> Explanation:
        return explain_by(run.model, run.sample, run.trace, key, question, progress=progress.step)

    return _once(case, question.map_key(key), make, progress)


def class_relevance(case: Case, question: Question, progress: Progress) -> Relevance:
    """The relevance of the input for the class, block by block. Raises InputError when the input cannot be read."""
    found = explain(case, question, "relevance", progress).relevance
    assert found is not None
    return found


def continue_work(case: Case, question: Question, progress: Progress) -> None:
    """Works for about PATIENCE seconds on what is missing: maps, then scores. Each step is queued and reports
    progress."""
    began, run = time.monotonic(), inference.run(case, progress)
    while True:
        with queue.turn(progress.wait):
            # Another visitor may have gone on with the same while this one waited.
            steps = run.explain_steps(
                question, steps=STEPS, seeds=SEEDS, at_a_time=1, resume=known(case, question), progress=progress.step
            )
            grown = next(steps, None)
            if grown is None:
                return
            _keep(case, question, grown.found)
        if time.monotonic() - began > PATIENCE:
            return


def _keep(case: Case, question: Question, found: Explanations) -> None:
    for one in found.maps:
        # Attention is the same for every class; its score is not.
        _held(case.model, case.key, question.map_key(one.method)).value = replace(one, score=None)
    for key, score in found.scores.items():
        _held(case.model, case.key, question.score_key(key)).value = score


def latent_clusters(
    case: Case, block: int, count: int, head: int | None, progress: Progress
) -> tuple[LatentGroup, ...]:
    """The latents of a block in clusters with similar maps, the largest first."""
    trace = inference.trace(case, progress)
    count = min(count, trace.record(block).latents)
    narrow = maps.concentration(case, block, head, progress)

    def make() -> tuple[LatentGroup, ...]:
        progress.step(0.9, f"Comparing the latents of block {block + 1}")
        return latent_groups(trace, block, cluster_latents(trace, block, count, head), narrow, head)

    return _once(case, ("clusters", block, count, head), make, progress)


def map_movement(case: Case, head: int | None, progress: Progress) -> Movement:
    """How the map of every latent moves from block to block."""
    trace = inference.trace(case, progress)
    return _once(case, ("moves", head), lambda: movement(trace, head), progress)


def concentrations(case: Case, head: int | None, progress: Progress) -> tuple[Concentration, ...]:
    """How concentrated the maps of all latents are, block by block."""
    return tuple(maps.concentration(case, b, head, progress) for b in inference.trace(case, progress).blocks)
