"""Deletion and insertion over held-out examples: every kind of map compared with random order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..analysis.attribution import attribute
from ..analysis.faithfulness import Faithfulness, faithfulness_of_all, random_faithfulness
from ..analysis.methods import ATTRIBUTION_METHODS, RANDOM_LABEL, RELEVANCE_METHODS
from ..analysis.relevance import relevance
from ..model import Perceiver
from ..progress import ProgressCallback, ignore
from ..sample import Sample
from ..trace import Trace
from ..training.sets import Examples
from .base import Mean, sample

RANDOM = RANDOM_LABEL.lower()


@dataclass(frozen=True)
class Score:
    """The scores of one kind of map.

    deletion, insertion  mean areas; lower is better for deletion, higher for insertion
    deleted, inserted    improvement over random order on the same example: random minus map for deletion areas, map
                         minus random for insertion areas
    """

    method: str
    deletion: Mean
    insertion: Mean
    deleted: Mean
    inserted: Mean


def scores(
    model: Perceiver, examples: Examples, *, steps: int = 20, seeds: int = 4, progress: ProgressCallback = ignore
) -> tuple[Score, ...]:
    """Deletion and insertion of every kind of map for the predicted class, correct or not; random order comes last.

    steps  number of points of the curves
    seeds  number of random orders per example
    """
    found: dict[str, list[Faithfulness]] = {}
    for index in range(len(examples)):
        one = sample(examples, index, model.config)
        for name, course in faithfulness_of_all(model, one, maps(model, one), steps=steps).items():
            found.setdefault(name, []).append(course)
        found.setdefault(RANDOM, []).append(random_faithfulness(model, one, seeds=seeds, steps=steps))
        progress((index + 1) / len(examples), f"Testing maps: example {index + 1:,} of {len(examples):,}")
    groups = examples.group.numpy()
    areas = {
        name: (
            np.array([one.deletion.area for one in scored]),
            np.array([one.insertion.area for one in scored]),
        )
        for name, scored in found.items()
    }
    deletion, insertion = areas[RANDOM]
    return tuple(
        Score(
            method=name,
            deletion=Mean.of(deleted, groups),
            insertion=Mean.of(inserted, groups),
            deleted=Mean.of(deletion - deleted, groups),
            inserted=Mean.of(inserted - insertion, groups),
        )
        for name, (deleted, inserted) in areas.items()
    )


def maps(model: Perceiver, one: Sample) -> Mapping[str, Float[np.ndarray, "..."]]:
    """Every kind of map of an input, by name, for the predicted class."""
    trace = model.trace(model.inputs(one))
    found = {f"attention, {name}": values for name, values in _attention(trace).items()}
    for method in RELEVANCE_METHODS:
        found[f"relevance, {method}"] = relevance(model, one, method=method).total
    for attribution in ATTRIBUTION_METHODS:
        found[attribution.replace("_", " ")] = attribute(model, one, attribution).values
    return found


def _attention(trace: Trace) -> dict[str, Float[np.ndarray, "M"]]:
    def over(read: Callable[[int], Tensor]) -> Float[np.ndarray, "M"]:
        return np.mean([read(block).numpy() for block in trace.blocks], axis=0)

    by_block = {f"block {block + 1}": trace.map(block).numpy() for block in trace.blocks}
    return {
        "mean of blocks": trace.mean_map().numpy(),
        **(by_block if len(by_block) > 1 else {}),
        "largest over latents": over(lambda block: trace.map(block, reduce="max")),
        "weight by value": over(lambda block: trace.map(block, kind="value")),
    }
