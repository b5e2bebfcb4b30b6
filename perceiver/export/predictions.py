"""Predictions as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from .origin import origin


def predictions_json(
    logits: Float[np.ndarray, "classes"],
    labels: Sequence[str],
    *,
    model: str,
    sample: str,
    top: int | None = None,
    truth: str | None = None,
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Ranked classes with probabilities (softmax over all classes) and logits, as plain values for JSON.

    top  how many classes; None is all. The probabilities are over all classes in either case.

    Raises ValueError where labels and logits differ in number, and for logits that are not finite: JSON has no word
    for them.
    """
    if len(labels) != len(logits):
        raise ValueError(f"there are {len(labels)} labels for {len(logits)} logits")
    exact = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(exact).all():
        raise ValueError(f"the logits of {sample} are not finite")
    weights = np.exp(exact - exact.max())
    probabilities = weights / weights.sum()
    order = np.argsort(-exact, kind="stable")[:top]
    predictions = [
        {
            "rank": rank,
            "class": int(i),
            "label": labels[i],
            "probability": float(probabilities[i]),
            "logit": float(exact[i]),
        }
        for rank, i in enumerate(order.tolist(), start=1)
    ]
    return origin(model, weights_sha256, sample, notes) | {"truth": truth, "predictions": predictions}
