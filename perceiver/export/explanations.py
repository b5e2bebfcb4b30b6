"""Export of explanations, deletion and insertion curves, and the analysis of latents."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np
from jaxtyping import Float

from ..analysis.explanation import Explanations
from ..analysis.faithfulness import Faithfulness, PerturbationCurve
from ..analysis.latents import LatentAnalysis
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


def latents_json(found: LatentAnalysis, origin: Origin) -> dict[str, Any]:
    """The analysis of a block's latents as plain values for JSON; blocks, latents and clusters are counted from 0."""
    clusters, movement = found.clusters, found.movement
    return origin.to_dict() | {
        "block": found.block,
        "head": found.head,
        "clusters": [clusters.members(i).tolist() for i in range(len(clusters.sizes))],
        "order": clusters.order.tolist(),
        "linkage": clusters.linkage.tolist(),
        "entropy": found.concentration.entropy.tolist(),
        "effective": found.concentration.effective.tolist(),
        "movement": [
            {"from": before, "to": after, "divergence": moved.tolist()}
            for (before, after), moved in zip(movement.steps, movement.divergence, strict=True)
        ],
    }


def latents_csv(found: LatentAnalysis) -> str:
    """The analysis of a block's latents as CSV, one line per latent; blocks, latents and clusters are counted from 1.

    place          position in the order of the tree, in which neighbours have similar maps
    before, after  Jensen-Shannon divergence in bits of the latent's map from its map in the previous and in the next
                   block with a map; empty if there is none
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["block", "latent", "cluster", "place", "entropy", "effective", "before", "after"])
    block, clusters = found.block, found.clusters
    place = np.argsort(clusters.order)
    before = next((moved for step, moved in found.steps if step[1] == block), None)
    after = next((moved for step, moved in found.steps if step[0] == block), None)
    for n in range(len(clusters.order)):
        writer.writerow(
            [
                block + 1,
                n + 1,
                int(clusters.cluster[n]) + 1,
                int(place[n]) + 1,
                float(found.concentration.entropy[n]),
                float(found.concentration.effective[n]),
                *("" if moved is None else float(moved[n]) for moved in (before, after)),
            ]
        )
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
