"""Predictions: the ranked classes of one model output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Prediction:
    """One class of a prediction.

    rank         from 1
    index        of the class, from 0
    probability  softmax over all classes
    """

    rank: int
    index: int
    label: str
    probability: float
    logit: float


def rank_predictions(
    logits: Float[np.ndarray, "classes"], labels: Sequence[str], top: int | None = None
) -> tuple[Prediction, ...]:
    """The classes in descending order of probability, in double precision; ties in order of their index.

    top  number of classes; None is all. Probabilities are over all classes in either case.

    Raises ValueError if the numbers of labels and logits differ, and for logits that are not finite.
    """
    if len(labels) != len(logits):
        raise ValueError(f"there are {len(labels)} labels for {len(logits)} logits")
    exact = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(exact).all():
        raise ValueError("the logits are not finite")
    weights = np.exp(exact - exact.max())
    probabilities = weights / weights.sum()
    order = np.argsort(-exact, kind="stable")[:top]
    return tuple(
        Prediction(rank, i, labels[i], float(probabilities[i]), float(exact[i]))
        for rank, i in enumerate(order.tolist(), start=1)
    )
