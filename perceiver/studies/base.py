"""Held-out examples for studies, and means with their confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from ..config import PerceiverConfig
from ..model import Perceiver
from ..sample import Sample
from ..training.evaluate import mean_interval
from ..training.sets import TEST, Examples, open_set


@dataclass(frozen=True)
class Mean:
    """A mean over examples and its 95 % confidence interval, by bootstrap over groups of examples."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Float[np.ndarray, "n"], groups: Int[np.ndarray, "n"]) -> Mean:
        """The mean of values, one per example."""
        low, high = mean_interval(values, groups)
        return cls(float(values.mean()), low, high)


def held_out(model: Perceiver, folder: Path, most: int | None = None) -> Examples:
    """The held-out examples of a model's data set, or at most `most` of them, evenly spaced.

    Raises DataError without data, ConfigError for a model that matches no data set.
    """
    examples = open_set(folder, TEST, model.config).held_out()
    if most is None or most >= len(examples):
        return examples
    return examples.at(torch.linspace(0, len(examples) - 1, most).long())


def sample(examples: Examples, index: int, config: PerceiverConfig) -> Sample:
    """One example as a sample for analyses, without an image of the original."""
    return Sample(
        name=f"held-out example {index + 1}",
        modality=config.modality,
        content=examples.content[index],
        shape=config.input_shape,
        seen=np.empty(0, dtype=np.float32),
        original=np.empty(0, dtype=np.float32),
        box=(),
        coordinates=None if examples.coordinates is None else examples.coordinates[index],
    )
