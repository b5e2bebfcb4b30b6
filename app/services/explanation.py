"""Explanations of an answer, step by step: class relevance, attributions, how faithful their maps are, and clusters of
latents.

Results are kept for all visitors who ask the same about the same input.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import replace
from typing import Any, Literal, TypeVar, cast

import streamlit as st

from perceiver.analysis.explanation import (
    Explanation,
    Explanations,
    Question,
    evaluations_left,
    explain_by,
    methods_for,
)
from perceiver.analysis.formatting import about
from perceiver.analysis.latents import (
    Concentration,
    LatentGroup,
    Movement,
    latent_groups,
    movement,
)
from perceiver.analysis.methods import RANDOM
from perceiver.analysis.relevance import Relevance
from perceiver.export import explanations as exports
from perceiver.lens import Explained
from perceiver.progress import ProgressCallback

from . import inference, maps, models
from .caching import Once
from .export import as_json
from .inference import Case
from .queueing import STEP, Progress, queue

T = TypeVar("T")

Part = Literal["maps", "test"]
"""What there is to do: compute the maps, or test how faithful they are."""

PATIENCE = 2.0
"""Seconds of work after which the page is drawn again with the results so far."""

STEPS, SEEDS = 20, 8
"""Points of the deletion and insertion curves, and random orders for comparison."""


@st.cache_resource(show_spinner=False, max_entries=1024)
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
    keys = [*map(question.map_key, asked), *map(question.score_key, (*asked, RANDOM))]
    begun = {key: state for key in keys if (state := held(("begun", key))) is not None}
    each = held(("each",)) or inference.seconds(case)
    return Explanations(question, asked, scored, held(question.score_key(RANDOM)), begun, each)


def maps_left(case: Case, question: Question, of: Collection[str] | None = None) -> float:
    """The estimated seconds until the maps of some methods, or of all, are known."""
    found = known(case, question)
    return _seconds(
        case, replace(found, methods=tuple(key for key in found.methods if of is None or key in of)), "maps"
    )


def test_left(case: Case, question: Question) -> float:
    """The estimated seconds until the maps that are known are tested, and random orders."""
    return _seconds(case, _known_maps(known(case, question)), "test")


def _known_maps(found: Explanations) -> Explanations:
    return replace(found, methods=tuple(one.method for one in found.maps))


def _evaluations(case: Case, found: Explanations, part: Part) -> int:
    elements = models.config(case.model).num_inputs
    return evaluations_left(found, elements, test=part == "test", steps=STEPS, seeds=SEEDS)


def _seconds(case: Case, found: Explanations, part: Part) -> float:
    return found.each * _evaluations(case, found, part)


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


def continue_work(case: Case, question: Question, part: Part, progress: Progress) -> None:
    """Works on the maps that are missing, or on the test of those that are known, until there is a result to be shown
    and about PATIENCE seconds have passed. Each step is queued and kept; between the layers of the model, reports to
    `progress` may stop it."""
    began, run = time.monotonic(), inference.run(case, progress)
    while True:
        with queue.turn(progress.wait):
            # Another visitor may have gone on with the same while this one waited.
            before = replace(known(case, question), identity=run.identity)
            before = _known_maps(before) if part == "test" else before
            steps = run.explain_steps(
                question,
                before.methods,
                test=part == "test",
                steps=STEPS,
                seeds=SEEDS,
                at_a_time=1,
                seconds=STEP,
                resume=before,
                progress=_report(case, before, part, progress),
            )
            grown = next(steps, None)
            if grown is None:
                return
            found = grown.found
            _keep(case, question, before, found)
        shown = len(found.maps) + len(found.scores) > len(before.maps) + len(before.scores)
        if shown and time.monotonic() - began > PATIENCE:
            return


def _report(case: Case, before: Explanations, part: Part, progress: Progress) -> ProgressCallback:
    """Reports with the share of all evaluations that are done before a step, and the time that is left."""
    fresh = replace(before, begun={}, random=None, maps=tuple(replace(one, score=None) for one in before.maps))
    left, total = _evaluations(case, before, part), _evaluations(case, fresh, part)
    told = f"{about(before.each * left)} left"
    return lambda _, words: progress.step(1 - left / max(total, 1), f"{words}, {told}")


def _keep(case: Case, question: Question, before: Explanations, found: Explanations) -> None:
    def hold(what: tuple[Hashable, ...], value: object) -> None:
        _held(case.model, case.key, what).value = value

    for one in found.maps:
        # Attention is the same for every class; its score is not.
        hold(question.map_key(one.method), replace(one, score=None))
    for key, score in found.scores.items():
        hold(question.score_key(key), score)
    for unfinished in {*before.begun, *found.begun}:
        hold(("begun", unfinished), found.begun.get(unfinished))
    hold(("each",), found.each)


def latent_clusters(
    case: Case, block: int, count: int, head: int | None, progress: Progress
) -> tuple[LatentGroup, ...]:
    """The latents of a block in clusters with similar maps, the largest first."""
    trace = inference.trace(case, progress)

    def make() -> tuple[LatentGroup, ...]:
        progress.step(0.9, f"Comparing the latents of block {block + 1}")
        return latent_groups(trace, block, count, head)

    return _once(case, ("clusters", block, count, head), make, progress)


def map_movement(case: Case, head: int | None, progress: Progress) -> Movement:
    """How the map of every latent moves from block to block."""
    trace = inference.trace(case, progress)
    return _once(case, ("moves", head), lambda: movement(trace, head), progress)


def concentrations(case: Case, head: int | None, progress: Progress) -> tuple[Concentration, ...]:
    """How concentrated the maps of all latents are, block by block."""
    return tuple(maps.concentration(case, b, head, progress) for b in inference.trace(case, progress).blocks)


def maps_npz(case: Case, question: Question) -> bytes:
    """The maps that are known, the relevance of every block, and the positions of the elements."""
    return _explained(case, question).npz()


def numbers_json(case: Case, question: Question) -> bytes:
    """The question, the share of the relevance in each block, and the faithfulness of each map."""
    return as_json(_explained(case, question).json())


def faithfulness_csv(case: Case, question: Question) -> bytes:
    """The deletion and insertion curves that are known."""
    return exports.faithfulness_csv(known(case, question).scores).encode()


def _explained(case: Case, question: Question) -> Explained:
    run = inference.run(case, Progress())
    return Explained(run.context, run.logits, known(case, question))
