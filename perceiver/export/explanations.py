"""Export of explanations, and of deletion and insertion curves."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np
from jaxtyping import Float

from ..analysis.explanation import Explanations
from ..analysis.faithfulness import Faithfulness, PerturbationCurve
from .arrays import Target, write_npz
from .origin import Layout, Origin

COURSES = ("method", "course", "share", "probability")
"""The columns of a CSV file of deletion and insertion curves."""


def explanations_json(
    explanations: Explanations, logits: Float[np.ndarray, "classes"], labels: Sequence[str], origin: Origin
) -> dict[str, Any]:
    """Scores and summaries of explanations as plain values for JSON; `explanations_npz` writes the maps."""
    target, against, relevance = explanations.question.target, explanations.question.against, explanations.relevance
    methods = {
        one.method: {
            "signed": one.signed,
            "score": None if one.score is None else _score(one.score),
            "change": one.change,
            "completeness": one.completeness,
        }
        for one in explanations.maps
    }
    shares = None
    if relevance is not None:
        shares = {
            "method": relevance.method,
            "blocks": list(relevance.blocks),
            "shares": [float(share) for share in relevance.shares],
        }
    return origin.to_dict() | {
        "target": _class(target, labels, logits),
        "against": None if against is None else _class(against, labels, logits),
        "methods": methods,
        "random": None if explanations.random is None else _score(explanations.random),
        "relevance": shares,
    }


def explanations_npz(target: Target, explanations: Explanations, origin: Origin, layout: Layout) -> None:
    """Writes maps named by their methods, float32 (*shape), and the relevance of every block:
    "relevance_blocks" float32 (blocks, *shape), "blocks", counted from 0, and "relevance_latents" float32 (N,)."""
    relevance = explanations.relevance
    arrays = {one.method: np.asarray(one.values, dtype=np.float32).reshape(layout.shape) for one in explanations.maps}
    if relevance is not None:
        arrays |= {
            "relevance_blocks": relevance.maps,
            "relevance_latents": relevance.latents,
            "blocks": np.array(relevance.blocks, dtype=np.int64),
        }
    metadata = origin.to_dict() | {
        "axes": list(layout.places),
        "target": explanations.question.target,
        "against": explanations.question.against,
        "signed": [one.method for one in explanations.maps if one.signed],
        "relevance": relevance and relevance.method,
    }
    write_npz(target, arrays, metadata, layout)


def faithfulness_json(
    scores: Mapping[str, Faithfulness],
    labels: Sequence[str],
    origin: Origin,
    *,
    target: int,
    how: str = "remove",
) -> dict[str, Any]:
    """Deletion and insertion along maps, by method ("random" for random orders), as plain values for JSON.

    how  "remove" or "blank"
    """
    return origin.to_dict() | {
        "target": {"class": target, "label": labels[target]},
        "how": how,
        "methods": {
            name: {"deletion": _course(score.deletion), "insertion": _course(score.insertion)}
            for name, score in scores.items()
        },
    }


def faithfulness_csv(scores: Mapping[str, Faithfulness]) -> str:
    """Deletion and insertion along maps as CSV, one line per point: the share of elements removed or inserted, and the
    probability of the class."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COURSES)
    for name, score in scores.items():
        for course, found in (("deletion", score.deletion), ("insertion", score.insertion)):
            points = zip(found.shares.tolist(), found.probabilities.tolist(), strict=True)
            writer.writerows([name, course, share, probability] for share, probability in points)
    return out.getvalue()


def _class(number: int, labels: Sequence[str], logits: Float[np.ndarray, "classes"]) -> dict[str, Any]:
    return {"class": number, "label": labels[number], "logit": float(logits[number])}


def _score(score: Faithfulness) -> dict[str, float]:
    return {"deletion": score.deletion.area, "insertion": score.insertion.area}


def _course(course: PerturbationCurve) -> dict[str, Any]:
    return {
        "area": course.area,
        "shares": course.shares.tolist(),
        "probabilities": course.probabilities.tolist(),
    }
