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
from .sets import TEST, open_set
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
    config = model.config
    data = open_set(folder, split, config)
    if config.labels != data.classes:
        raise CheckpointError(
            f"the model knows the classes {', '.join(config.labels)}; the data has {', '.join(data.classes)}"
        )
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
