"""Evaluation on held-out examples: accuracy, its confidence interval, and further measures of the data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..checkpoints.cards.results import HeldOut
from ..errors import CheckpointError
from ..model import Perceiver
from ..progress import ProgressCallback, ignore
from .sets import TEST, DataSet, open_set
from .sets.base import hits


@dataclass(frozen=True)
class Evaluation:
    """Results on held-out examples; `measures` holds the further measures of the data set, by name."""

    held_out: HeldOut
    measures: dict[str, float]


@torch.no_grad()
def evaluate(
    model: Perceiver, folder: Path, *, split: int = TEST, batch: int = 64, progress: ProgressCallback = ignore
) -> Evaluation:
    """Evaluates in float32 on all input elements of every held-out example.

    Raises DataError if the data is missing, CheckpointError if the classes of model and data differ.
    """
    data = _data_of(model, folder, split)
    examples = data.held_out()
    model = model.eval()
    hit = hits(model, examples, batch=batch, progress=progress)
    per_class = {
        name: (int(hit[examples.label == c].sum()), int((examples.label == c).sum()))
        for c, name in enumerate(data.classes)
    }
    held_out = HeldOut(
        per_class=per_class,
        groups=examples.groups,
        interval_over_groups=interval_over_groups(hit, examples.group),
    )
    return Evaluation(held_out=held_out, measures=data.measures(model, progress))


@dataclass(frozen=True)
class Difference:
    """How many more held-out examples one model has right than another, of the same examples.

    share     difference of the accuracies
    interval  95 % confidence interval of it, over groups
    """

    share: float
    interval: tuple[float, float]


@torch.no_grad()
def compare(
    model: Perceiver,
    other: Perceiver,
    folder: Path,
    *,
    split: int = TEST,
    batch: int = 64,
    progress: ProgressCallback = ignore,
) -> Difference:
    """Compares the accuracies of two models on the same held-out examples, each as it reads them.

    The interval is that of the paired difference, which is narrower than two intervals beside each other suggest: what
    is hard is hard for both. Raises DataError and CheckpointError as `evaluate` does, and CheckpointError where the
    models have other classes or examples.
    """
    found = []
    for one in (model, other):
        examples = _data_of(one, folder, split).held_out()
        found.append((examples, hits(one.eval(), examples, batch=batch, progress=progress)))
    (mine, hit), (theirs, other_hit) = found
    if model.config.labels != other.config.labels or not (
        torch.equal(mine.label, theirs.label) and torch.equal(mine.group, theirs.group)
    ):
        raise CheckpointError(
            "the models do not name the same classes of the same examples, so they cannot be compared"
        )
    values = hit.double().numpy() - other_hit.double().numpy()
    return Difference(float(values.mean()), mean_interval(values, mine.group.numpy()))


def _data_of(model: Perceiver, folder: Path, split: int) -> DataSet:
    """The split as a model reads it. Raises CheckpointError where it has other classes."""
    config = model.config
    data = open_set(folder, split, config)
    if config.labels != data.classes:
        raise CheckpointError(
            f"the model knows the classes {', '.join(config.labels)}; the data has {', '.join(data.classes)}"
        )
    return data


def interval_over_groups(
    hit: Bool[Tensor, "n"], groups: Int[Tensor, "n"], draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % confidence interval of the accuracy: percentile bootstrap over whole groups."""
    return mean_interval(hit.double().numpy(), groups.numpy(), draws=draws, seed=seed)


def mean_interval(
    values: Float[np.ndarray, "n"], groups: Int[np.ndarray, "n"], draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % confidence interval of the mean of one value per example: percentile bootstrap over whole groups."""
    ids, place = np.unique(groups, return_inverse=True)
    total = np.bincount(place, weights=values, minlength=len(ids))
    sizes = np.bincount(place, minlength=len(ids))
    chosen = np.random.default_rng(seed).integers(len(ids), size=(draws, len(ids)))
    low, high = np.quantile(total[chosen].sum(1) / sizes[chosen].sum(1), [0.025, 0.975])
    return float(low), float(high)
