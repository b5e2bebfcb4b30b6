"""What an answer rests on, worked out step by step: class relevance, gradients, whether their maps hold, and which
latents read alike.

What was worked out is kept for everyone who asks the same of the same input.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
import streamlit as st
from jaxtyping import Float, Int

from perceiver import export, modalities
from perceiver.analysis.attribution import Attribution, Method, attribute
from perceiver.analysis.faithfulness import Faithfulness, faithfulness, random_faithfulness
from perceiver.analysis.latents import Alike, Concentration, Movement, alike, concentration, movement
from perceiver.analysis.relevance import Relevance, RelevanceMethod, relevance

from . import compute
from .compute import Case, Slot
from .progress import Progress

T = TypeVar("T")

METHODS = ("attention", "last", "relevance", "saliency", "input_x_gradient", "integrated_gradients")
ATTENTION = ("attention", "last")
SLOW = ("integrated_gradients",)
"""Maps that come after the others are on the page."""

PATIENCE = 2.0
"""Seconds of work after which the page is drawn anew with what has been found."""

STEPS, SEEDS = 20, 8
"""Points of the curves, and random orders that stand for chance."""


@dataclass(frozen=True)
class Question:
    """What is asked about an input: what speaks for the class `target`, or for it rather than for `against`."""

    target: int
    against: int | None = None
    method: RelevanceMethod = "gradient"


@dataclass(frozen=True)
class Explained:
    """One map of several over one input.

    key          its method, as `METHODS` names them
    values       in the shape of the input; the higher, the more an element speaks for the class
    signed       below 0 is what speaks against it
    attribution  where the map comes from gradients
    """

    key: str
    values: Float[np.ndarray, "*shape"]
    signed: bool
    attribution: Attribution | None = None

    @property
    def shares(self) -> Float[np.ndarray, "*shape"]:
        """Of the sum of all magnitudes: what different methods have in common."""
        values = np.asarray(self.values, dtype=np.float64)
        return values / (np.abs(values).sum() or 1.0)


@dataclass(frozen=True)
class Group:
    """Latents of a block that read alike.

    latents    the most concentrated first
    map        the mean of theirs, in the shape of the input
    effective  elements that they read as if alike, median over the latents
    """

    latents: Int[np.ndarray, "n"]
    map: Float[np.ndarray, "*shape"]
    effective: float


@st.cache_resource(show_spinner=False, max_entries=256)
def _slot(model: str, key: str, what: tuple[Hashable, ...]) -> Slot[Any]:
    return Slot()


def _once(case: Case, what: tuple[Hashable, ...], make: Callable[[], T], progress: Progress) -> T:
    return cast(T, _slot(case.model, case.key, what).once(make, progress))


def keys(case: Case) -> tuple[str, ...]:
    """The methods that make sense for a model, quick ones first."""
    one = len(compute.config(case.model).cross_attention_blocks) == 1
    return tuple(key for key in METHODS if not (one and key == "last"))


def class_relevance(case: Case, question: Question, progress: Progress) -> Relevance:
    """What the class rests on, block by block. Raises InputError when the input cannot be read."""
    return _once(case, _what("relevance", question), partial(_relevance, case, question, progress), progress)


def _relevance(case: Case, question: Question, progress: Progress) -> Relevance:
    model, sample = compute.opened(case.model), compute.read(case)
    return relevance(
        model,
        sample,
        question.target,
        question.against,
        method=question.method,
        report=lambda done, total: progress.step(done / total, "Going back from the class to the input"),
    )


def known(case: Case, question: Question, key: str) -> Explained | None:
    """A map, where it was worked out already. Does no work."""
    found = _slot(case.model, case.key, _what(key, question)).value
    return _explained(key, found) if found is not None else None


def explained(case: Case, question: Question, key: str, progress: Progress) -> Explained:
    """A map. Raises InputError when the input cannot be read."""
    if key in ATTENTION:
        trace = compute.trace(case, progress)
        made: Any = _once(case, _what(key, question), lambda: _attention(trace, key), progress)
    elif key == "relevance":
        made = class_relevance(case, question, progress)
    else:
        made = _once(case, _what(key, question), partial(_attribution, case, question, key, progress), progress)
    return _explained(key, made)


def _attention(trace: Any, key: str) -> Float[np.ndarray, "*shape"]:
    """Mean over latents, heads and all blocks, or of the last one."""
    return trace.mean_map(None if key == "attention" else trace.blocks[-1:]).numpy().reshape(trace.shape)


def _attribution(case: Case, question: Question, key: str, progress: Progress) -> Attribution:
    model, sample = compute.opened(case.model), compute.read(case)
    words = "Integrating gradients" if key == "integrated_gradients" else "Working out gradients"
    return attribute(
        model,
        sample,
        cast(Method, key),
        question.target,
        question.against,
        report=lambda done, total: progress.step(done / total, words),
    )


def _explained(key: str, made: Any) -> Explained:
    if isinstance(made, Attribution):
        return Explained(key, made.values, made.signed, made)
    if isinstance(made, Relevance):
        return Explained(key, made.total, made.against is not None)
    return Explained(key, made, signed=False)


def _what(key: str, question: Question) -> tuple[Hashable, ...]:
    """All that a map depends on."""
    if key in ATTENTION:
        return (key,)
    method = (question.method,) if key == "relevance" else ()
    return (key, question.target, question.against, *method)


def _scored(key: str, question: Question) -> tuple[Hashable, ...]:
    """All that a score depends on: it is the probability of one class that is followed."""
    return ("score", question.target, *(() if key == "random" else _what(key, question)))


def scores(case: Case, question: Question) -> dict[str, Faithfulness]:
    """How well the maps hold, as far as it is known: by method, and "random". Does no work."""
    wanted = (*keys(case), "random")
    found = {key: _slot(case.model, case.key, _scored(key, question)).value for key in wanted}
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
            _once(case, _scored(key, question), partial(_score, case, question, key, progress), progress)
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


def groups(case: Case, block: int, count: int, head: int | None, progress: Progress) -> tuple[Group, ...]:
    """The latents of a block in groups that read alike, the largest first."""
    trace = compute.trace(case, progress)
    count = min(count, trace.read(block).latents)

    def make() -> tuple[Group, ...]:
        progress.step(0.9, f"Comparing the latents of block {block + 1}")
        return _groups(trace, block, alike(trace, block, count, head), concentration(trace, block, head), head)

    return _once(case, ("groups", block, count, head), make, progress)


def _groups(trace: Any, block: int, found: Alike, narrow: Concentration, head: int | None) -> tuple[Group, ...]:
    count = int(found.cluster.max()) + 1
    sums = np.zeros((count, trace.inputs.shape[1]))
    step = max(1, compute.AT_A_TIME // trace.inputs.shape[1])
    for start in range(0, len(found.cluster), step):
        part = slice(start, min(start + step, len(found.cluster)))
        belongs = found.cluster[None, part] == np.arange(count)[:, None]
        sums += belongs @ trace.latent_maps(block, part, head=head).numpy().astype(np.float64)
    order = np.argsort(narrow.entropy, kind="stable")
    members = [order[found.cluster[order] == i] for i in range(count)]
    return tuple(
        Group(its, (total / len(its)).reshape(trace.shape), float(np.median(narrow.effective[its])))
        for its, total in zip(members, sums, strict=True)
    )


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
    export.explanations_npz(
        buffer,
        _explanations(case, question),
        target_class=question.target,
        against=question.against,
        relevance=_slot(case.model, case.key, _what("relevance", question)).value,
        **modalities.laid(compute.read(case)),
        **compute.about(case),
    )
    return buffer.getvalue()


def numbers_file(case: Case, question: Question, logits: Float[np.ndarray, "classes"]) -> bytes:
    """The question, what each block holds of the relevance, and how well each map holds, as JSON."""
    values = export.explanations_json(
        _explanations(case, question),
        logits,
        compute.config(case.model).labels,
        target=question.target,
        against=question.against,
        random=scores(case, question).get("random"),
        relevance=_slot(case.model, case.key, _what("relevance", question)).value,
        **compute.about(case),
    )
    return json.dumps(values, indent=2, ensure_ascii=False).encode()


def curves_file(case: Case, question: Question) -> bytes:
    """The deletion and insertion curves that are known, as CSV."""
    return export.faithfulness_csv(scores(case, question)).encode()


def _explanations(case: Case, question: Question) -> list[export.Explanation]:
    tested = scores(case, question)
    found = (known(case, question, key) for key in keys(case))
    return [
        export.Explanation(
            one.key,
            one.values,
            one.signed,
            tested.get(one.key),
            change=one.attribution.change if one.attribution else None,
            completeness=one.attribution.completeness if one.attribution else None,
        )
        for one in found
        if one is not None
    ]
