"""Explanations of an answer, step by step: class relevance, attributions, how faithful their maps are, and clusters of
latents.

Results are kept for all visitors who ask the same about the same input.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
import streamlit as st
from jaxtyping import Float, Int

from perceiver.analysis.attribution import Attribution, Method, attribute
from perceiver.analysis.faithfulness import Faithfulness, faithfulness, random_faithfulness
from perceiver.analysis.latents import Alike, Concentration, Movement, alike, concentration, movement
from perceiver.analysis.relevance import Relevance, RelevanceMethod, relevance

from . import inference, maps, models
from .caching import Once
from .inference import Case
from .queueing import Progress

T = TypeVar("T")

METHODS = ("attention", "last", "relevance", "saliency", "input_x_gradient", "integrated_gradients")
ATTENTION = ("attention", "last")
SLOW = ("integrated_gradients",)
"""Methods whose maps are computed when the others are on the page."""

PATIENCE = 2.0
"""Seconds of work after which the page is drawn again with the results so far."""

STEPS, SEEDS = 20, 8
"""Points of the deletion and insertion curves, and random orders for comparison."""


@dataclass(frozen=True)
class Question:
    """The class that is explained, and the class that it is contrasted with, if any."""

    target: int
    against: int | None = None
    method: RelevanceMethod = "gradient"


@dataclass(frozen=True)
class Explanation:
    """The map of one method.

    key          the method
    values       in the shape of the input; the higher, the more an element speaks for the class
    signed       values below 0 speak against the class
    attribution  the library's result where the map comes from gradients
    """

    key: str
    values: Float[np.ndarray, "*shape"]
    signed: bool
    attribution: Attribution | None = None

    @property
    def shares(self) -> Float[np.ndarray, "*shape"]:
        """The values divided by the sum of their magnitudes: a unit that all methods share."""
        values = np.asarray(self.values, dtype=np.float64)
        return values / (np.abs(values).sum() or 1.0)


@dataclass(frozen=True)
class LatentCluster:
    """Latents of a block with similar maps.

    latents    the most concentrated first
    map        the mean of theirs, in the shape of the input
    effective  effective number of elements that a latent reads, the median over the latents
    """

    latents: Int[np.ndarray, "n"]
    map: Float[np.ndarray, "*shape"]
    effective: float


@st.cache_resource(show_spinner=False, max_entries=256)
def _held(model: str, key: str, what: tuple[Hashable, ...]) -> Once[Any]:
    return Once()


def _once(case: Case, what: tuple[Hashable, ...], make: Callable[[], T], progress: Progress) -> T:
    return cast(T, _held(case.model, case.key, what).get(make, progress))


def methods(case: Case) -> tuple[str, ...]:
    """The methods that make sense for a model, quick ones first."""
    one = len(models.config(case.model).cross_attention_blocks) == 1
    return tuple(key for key in METHODS if not (one and key == "last"))


def class_relevance(case: Case, question: Question, progress: Progress) -> Relevance:
    """The relevance of the input for the class, block by block. Raises InputError when the input cannot be read."""
    return _once(case, _map_key("relevance", question), partial(_relevance, case, question, progress), progress)


def _relevance(case: Case, question: Question, progress: Progress) -> Relevance:
    model, sample = models.get(case.model), inference.read(case)
    return relevance(
        model,
        sample,
        question.target,
        question.against,
        method=question.method,
        report=lambda done, total: progress.step(done / total, "Going back from the class to the input"),
    )


def known(case: Case, question: Question, key: str) -> Explanation | None:
    """The map of a method if it is computed already. Does no work."""
    found = _held(case.model, case.key, _map_key(key, question)).value
    return _explanation(key, found) if found is not None else None


def known_relevance(case: Case, question: Question) -> Relevance | None:
    """The relevance of the input, block by block, if it is computed already. Does no work."""
    return cast("Relevance | None", _held(case.model, case.key, _map_key("relevance", question)).value)


def explain(case: Case, question: Question, key: str, progress: Progress) -> Explanation:
    """The map of a method. Raises InputError when the input cannot be read."""
    if key in ATTENTION:
        trace = inference.trace(case, progress)
        made: Any = _once(case, _map_key(key, question), lambda: _attention(trace, key), progress)
    elif key == "relevance":
        made = class_relevance(case, question, progress)
    else:
        made = _once(case, _map_key(key, question), partial(_attribution, case, question, key, progress), progress)
    return _explanation(key, made)


def _attention(trace: Any, key: str) -> Float[np.ndarray, "*shape"]:
    """The mean over latents and heads, and over all blocks or of the last one alone."""
    return trace.mean_map(None if key == "attention" else trace.blocks[-1:]).numpy().reshape(trace.shape)


def _attribution(case: Case, question: Question, key: str, progress: Progress) -> Attribution:
    model, sample = models.get(case.model), inference.read(case)
    words = "Integrating gradients" if key == "integrated_gradients" else "Working out gradients"
    return attribute(
        model,
        sample,
        cast(Method, key),
        question.target,
        question.against,
        report=lambda done, total: progress.step(done / total, words),
    )


def _explanation(key: str, made: Any) -> Explanation:
    if isinstance(made, Attribution):
        return Explanation(key, made.values, made.signed, made)
    if isinstance(made, Relevance):
        return Explanation(key, made.total, made.against is not None)
    return Explanation(key, made, signed=False)


def _map_key(key: str, question: Question) -> tuple[Hashable, ...]:
    """Everything that a map depends on."""
    if key in ATTENTION:
        return (key,)
    method = (question.method,) if key == "relevance" else ()
    return (key, question.target, question.against, *method)


def _score_key(key: str, question: Question) -> tuple[Hashable, ...]:
    """Everything that a score depends on: it follows the probability of one class."""
    return ("score", question.target, *(() if key == "random" else _map_key(key, question)))


def scores(case: Case, question: Question) -> dict[str, Faithfulness]:
    """The faithfulness scores that are known: by method, and "random". Does no work."""
    wanted = (*methods(case), "random")
    found = {key: _held(case.model, case.key, _score_key(key, question)).value for key in wanted}
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
            _once(case, _score_key(key, question), partial(_score, case, question, key, progress), progress)
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
) -> tuple[LatentCluster, ...]:
    """The latents of a block in clusters with similar maps, the largest first."""
    trace = inference.trace(case, progress)
    count = min(count, trace.record(block).latents)

    def make() -> tuple[LatentCluster, ...]:
        progress.step(0.9, f"Comparing the latents of block {block + 1}")
        return _clusters(trace, block, alike(trace, block, count, head), concentration(trace, block, head), head)

    return _once(case, ("clusters", block, count, head), make, progress)


def _clusters(
    trace: Any, block: int, found: Alike, narrow: Concentration, head: int | None
) -> tuple[LatentCluster, ...]:
    count = int(found.cluster.max()) + 1
    sums = np.zeros((count, trace.inputs.shape[1]))
    step = max(1, maps.AT_A_TIME // trace.inputs.shape[1])
    for start in range(0, len(found.cluster), step):
        part = slice(start, min(start + step, len(found.cluster)))
        belongs = found.cluster[None, part] == np.arange(count)[:, None]
        sums += belongs @ trace.latent_maps(block, part, head=head).numpy().astype(np.float64)
    order = np.argsort(narrow.entropy, kind="stable")
    members = [order[found.cluster[order] == i] for i in range(count)]
    return tuple(
        LatentCluster(its, (total / len(its)).reshape(trace.shape), float(np.median(narrow.effective[its])))
        for its, total in zip(members, sums, strict=True)
    )


def map_movement(case: Case, head: int | None, progress: Progress) -> Movement:
    """How the map of every latent moves from block to block."""
    trace = inference.trace(case, progress)
    return _once(case, ("moves", head), lambda: movement(trace, head), progress)


def concentrations(case: Case, head: int | None, progress: Progress) -> tuple[Concentration, ...]:
    """How concentrated the maps of all latents are, block by block."""
    trace = inference.trace(case, progress)
    return _once(case, ("narrow", head), lambda: tuple(concentration(trace, b, head) for b in trace.blocks), progress)
