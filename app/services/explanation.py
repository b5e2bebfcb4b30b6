"""Explanations of an answer, step by step: class relevance, attributions, how faithful their maps are, and clusters of
latents.

Results are kept for all visitors who ask the same about the same input.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar, cast

import streamlit as st

from perceiver.analysis.explanation import Explanation, Question, explain_by, methods_for
from perceiver.analysis.faithfulness import Faithfulness, faithfulness, random_faithfulness
from perceiver.analysis.latents import (
    Concentration,
    LatentGroup,
    Movement,
    cluster_latents,
    concentration,
    latent_groups,
    movement,
)
from perceiver.analysis.relevance import Relevance
from perceiver.trace import Trace

from . import inference, models
from .caching import Once
from .inference import Case
from .queueing import Progress

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


def class_relevance(case: Case, question: Question, progress: Progress) -> Relevance:
    """The relevance of the input for the class, block by block. Raises InputError when the input cannot be read."""
    found = explain(case, question, "relevance", progress).relevance
    assert found is not None
    return found


def known(case: Case, question: Question, key: str) -> Explanation | None:
    """The map of a method if it is computed already. Does no work."""
    return cast("Explanation | None", _held(case.model, case.key, question.map_key(key)).value)


def explain(case: Case, question: Question, key: str, progress: Progress) -> Explanation:
    """The map of a method. Raises InputError when the input cannot be read."""
    trace = inference.trace(case, progress)
    return _once(case, question.map_key(key), partial(_explain, case, question, key, trace, progress), progress)


def _explain(case: Case, question: Question, key: str, trace: Trace, progress: Progress) -> Explanation:
    model, sample = models.get(case.model), inference.read(case)
    return explain_by(
        model, sample, trace, key, question, progress=lambda share, words: progress.step(share or 0.0, words)
    )


def scores(case: Case, question: Question) -> dict[str, Faithfulness]:
    """The faithfulness scores that are known: by method, and "random". Does no work."""
    wanted = (*methods(case), "random")
    found = {key: _held(case.model, case.key, question.score_key(key)).value for key in wanted}
    return {key: score for key, score in found.items() if score is not None}


def missing(case: Case, question: Question) -> tuple[str, ...]:
    """The work that is left: slow maps, then scores."""
    maps = tuple(key for key in methods(case) if known(case, question, key) is None)
    have = scores(case, question)
    return (*maps, *(f"score {key}" for key in (*methods(case), "random") if key not in have))


def continue_work(case: Case, question: Question, progress: Progress) -> None:
    """Works for about PATIENCE seconds on what is missing. Each step is queued and reports progress."""
    began = time.monotonic()
    total = 2 * len(methods(case)) + 1
    for step in (left := missing(case, question)):
        done = total - len(left) + left.index(step)
        if step.startswith("score "):
            key = step.removeprefix("score ")
            progress.step(
                done / total, f"Testing the maps: {done - len(methods(case))} of {len(methods(case)) + 1} tested"
            )
            _once(case, question.score_key(key), partial(_score, case, question, key, progress), progress)
        else:
            explain(case, question, step, progress)
        if time.monotonic() - began > PATIENCE:
            return


def _score(case: Case, question: Question, key: str, progress: Progress) -> Faithfulness:
    model, sample = models.get(case.model), inference.read(case)
    if key == "random":
        return random_faithfulness(model, sample, question.target, seeds=SEEDS, steps=STEPS)
    found = known(case, question, key)
    assert found is not None  # maps come before scores
    return faithfulness(model, sample, found.values, question.target, steps=STEPS)


def latent_clusters(
    case: Case, block: int, count: int, head: int | None, progress: Progress
) -> tuple[LatentGroup, ...]:
    """The latents of a block in clusters with similar maps, the largest first."""
    trace = inference.trace(case, progress)
    count = min(count, trace.record(block).latents)

    def make() -> tuple[LatentGroup, ...]:
        progress.step(0.9, f"Comparing the latents of block {block + 1}")
        found, narrow = cluster_latents(trace, block, count, head), concentration(trace, block, head)
        return latent_groups(trace, block, found, narrow, head)

    return _once(case, ("clusters", block, count, head), make, progress)


def map_movement(case: Case, head: int | None, progress: Progress) -> Movement:
    """How the map of every latent moves from block to block."""
    trace = inference.trace(case, progress)
    return _once(case, ("moves", head), lambda: movement(trace, head), progress)


def concentrations(case: Case, head: int | None, progress: Progress) -> tuple[Concentration, ...]:
    """How concentrated the maps of all latents are, block by block."""
    trace = inference.trace(case, progress)
    return _once(case, ("narrow", head), lambda: tuple(concentration(trace, b, head) for b in trace.blocks), progress)
