"""What an answer rests on, worked out step by step: class relevance, gradients, whether their maps hold, and which
latents read alike.

What was worked out is kept for everyone who asks the same of the same input.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
import streamlit as st
from jaxtyping import Float

from perceiver import export
from perceiver.analysis.explanation import Explanation, Explanations, Question, explain_by, methods_for
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
from perceiver.lens.context import layout_of
from perceiver.trace import Trace

from . import compute
from .compute import Case, Slot
from .progress import Progress

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds of work after which the page is drawn anew with what has been found."""

STEPS, SEEDS = 20, 8
"""Points of the curves, and random orders that stand for chance."""


@st.cache_resource(show_spinner=False, max_entries=256)
def _slot(model: str, key: str, what: tuple[Hashable, ...]) -> Slot[Any]:
    return Slot()


def _once(case: Case, what: tuple[Hashable, ...], make: Callable[[], T], progress: Progress) -> T:
    return cast(T, _slot(case.model, case.key, what).once(make, progress))


def keys(case: Case) -> tuple[str, ...]:
    """The methods that make sense for a model, quick ones first."""
    return methods_for(compute.config(case.model))


def class_relevance(case: Case, question: Question, progress: Progress) -> Relevance:
    """What the class depends on, block by block. Raises InputError when the input cannot be read."""
    found = explained(case, question, "relevance", progress).relevance
    assert found is not None
    return found


def known(case: Case, question: Question, key: str) -> Explanation | None:
    """A map, where it was computed already. Does no work."""
    return cast("Explanation | None", _slot(case.model, case.key, question.map_key(key)).value)


def explained(case: Case, question: Question, key: str, progress: Progress) -> Explanation:
    """A map. Raises InputError when the input cannot be read."""
    trace = compute.trace(case, progress)
    return _once(case, question.map_key(key), partial(_explain, case, question, key, trace, progress), progress)


def _explain(case: Case, question: Question, key: str, trace: Trace, progress: Progress) -> Explanation:
    model, sample = compute.opened(case.model), compute.read(case)
    return explain_by(
        model, sample, trace, key, question, progress=lambda share, words: progress.step(share or 0.0, words)
    )


def scores(case: Case, question: Question) -> dict[str, Faithfulness]:
    """How well the maps hold, as far as it is known: by method, and "random". Does no work."""
    wanted = (*keys(case), "random")
    found = {key: _slot(case.model, case.key, question.score_key(key)).value for key in wanted}
    return {key: score for key, score in found.items() if score is not None}


def missing(case: Case, question: Question) -> tuple[str, ...]:
    """What is still to be worked out: slow maps, then scores."""
    maps = tuple(key for key in keys(case) if known(case, question, key) is None)
    have = scores(case, question)
    return (*maps, *(f"score {key}" for key in (*keys(case), "random") if key not in have))


def go_on(case: Case, question: Question, progress: Progress) -> None:
    """Works on what is missing for about PATIENCE seconds. Each step takes its turn at the gate and reports."""
    began = time.monotonic()
    total = 2 * len(keys(case)) + 1
    for step in (left := missing(case, question)):
        done = total - len(left) + left.index(step)
        if step.startswith("score "):
            key = step.removeprefix("score ")
            progress.step(done / total, f"Testing the maps: {done - len(keys(case))} of {len(keys(case)) + 1} tested")
            _once(case, question.score_key(key), partial(_score, case, question, key, progress), progress)
        else:
            explained(case, question, step, progress)
        if time.monotonic() - began > PATIENCE:
            return


def _score(case: Case, question: Question, key: str, progress: Progress) -> Faithfulness:
    model, sample = compute.opened(case.model), compute.read(case)
    if key == "random":
        return random_faithfulness(model, sample, question.target, seeds=SEEDS, steps=STEPS)
    found = known(case, question, key)
    assert found is not None  # maps come before scores
    return faithfulness(model, sample, found.values, question.target, steps=STEPS)


def groups(case: Case, block: int, count: int, head: int | None, progress: Progress) -> tuple[LatentGroup, ...]:
    """The latents of a block in clusters of similar maps, the largest first."""
    trace = compute.trace(case, progress)
    count = min(count, trace.record(block).latents)

    def make() -> tuple[LatentGroup, ...]:
        progress.step(0.9, f"Comparing the latents of block {block + 1}")
        found, narrow = cluster_latents(trace, block, count, head), concentration(trace, block, head)
        return latent_groups(trace, block, found, narrow, head)

    return _once(case, ("groups", block, count, head), make, progress)


def moves(case: Case, head: int | None, progress: Progress) -> Movement:
    """How every latent's map moves from block to block."""
    trace = compute.trace(case, progress)
    return _once(case, ("moves", head), lambda: movement(trace, head), progress)


def concentrations(case: Case, head: int | None, progress: Progress) -> tuple[Concentration, ...]:
    """How many elements every latent reads, block by block."""
    trace = compute.trace(case, progress)
    return _once(case, ("narrow", head), lambda: tuple(concentration(trace, b, head) for b in trace.blocks), progress)


def maps_file(case: Case, question: Question) -> bytes:
    """The maps that are known, the relevance of every block, and the places of the elements, as NPZ."""
    buffer = io.BytesIO()
    layout = layout_of(compute.read(case))
    export.explanations_npz(buffer, _explanations(case, question), compute.origin(case), layout)
    return buffer.getvalue()


def numbers_file(case: Case, question: Question, logits: Float[np.ndarray, "classes"]) -> bytes:
    """The question, what each block holds of the relevance, and how well each map holds, as JSON."""
    labels = compute.config(case.model).labels
    values = export.explanations_json(_explanations(case, question), logits, labels, compute.origin(case))
    return json.dumps(values, indent=2, ensure_ascii=False).encode()


def curves_file(case: Case, question: Question) -> bytes:
    """The deletion and insertion curves that are known, as CSV."""
    return export.faithfulness_csv(scores(case, question)).encode()


def _explanations(case: Case, question: Question) -> Explanations:
    """All that is known so far."""
    tested = scores(case, question)
    found = [one for key in keys(case) if (one := known(case, question, key)) is not None]
    maps = tuple(replace(one, score=tested.get(one.method)) for one in found)
    return Explanations(question, keys(case), maps, tested.get("random"))
