"""What a class rests on, how well the maps of it hold, and how latents read."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from jaxtyping import Float

from ..analysis.faithfulness import Course, Faithfulness
from ..analysis.latents import Alike, Concentration, Movement
from ..analysis.relevance import Relevance
from ..sample import Part
from .arrays import Target, write_npz
from .origin import origin

COURSES = ("method", "course", "share", "probability")
"""Columns of deletion and insertion curves."""


@dataclass(frozen=True)
class Explanation:
    """One map of what a class rests on.

    method                its name: "attention", "last" (that of the last block), "relevance" or one of `attribute`
    values                in the shape of the input
    signed                whether values below 0 speak against the class
    score                 deletion and insertion along it; None where it was not tested
    change, completeness  of integrated gradients (`Attribution`)
    """

    method: str
    values: Float[np.ndarray, "*shape"]
    signed: bool
    score: Faithfulness | None = None
    change: float | None = None
    completeness: float | None = None


def explanations_json(
    explanations: Sequence[Explanation],
    logits: Float[np.ndarray, "classes"],
    labels: Sequence[str],
    *,
    target: int,
    model: str,
    sample: str,
    against: int | None = None,
    random: Faithfulness | None = None,
    relevance: Relevance | None = None,
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Explanations in numbers, as plain values for JSON; the maps themselves go into the NPZ.

    target, against  the class, and the one it is contrasted with
    random           deletion and insertion in random order
    relevance        for what each block holds of it
    """
    methods = {
        one.method: {
            "signed": one.signed,
            "score": None if one.score is None else _score(one.score),
            "change": one.change,
            "completeness": one.completeness,
        }
        for one in explanations
    }
    shares = None
    if relevance is not None:
        shares = {
            "method": relevance.method,
            "blocks": list(relevance.blocks),
            "shares": [float(share) for share in relevance.shares],
        }
    return origin(model, weights_sha256, sample, notes) | {
        "target": _class(target, labels, logits),
        "against": None if against is None else _class(against, labels, logits),
        "methods": methods,
        "random": None if random is None else _score(random),
        "relevance": shares,
    }


def explanations_npz(
    target: Target,
    explanations: Sequence[Explanation],
    *,
    target_class: int,
    shape: tuple[int, ...],
    places: Mapping[str, Float[np.ndarray, "..."]],
    model: str,
    sample: str,
    against: int | None = None,
    relevance: Relevance | None = None,
    coordinates: Float[np.ndarray, "M axes"] | None = None,
    box: Sequence[Sequence[float]] = (),
    parts: Sequence[Part] = (),
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Writes maps under the names of their methods, float32 (*shape), and the relevance of every block:
    "relevance_blocks" float32 (blocks, *shape), "blocks", counted from 0, and "relevance_latents" float32 (N,).

    shape, places, coordinates, box, parts  as `write_npz` takes them, and writes them
    """
    arrays = {one.method: np.asarray(one.values, dtype=np.float32).reshape(shape) for one in explanations}
    if relevance is not None:
        arrays |= {
            "relevance_blocks": relevance.maps,
            "relevance_latents": relevance.latents,
            "blocks": np.array(relevance.blocks, dtype=np.int64),
        }
    metadata = origin(model, weights_sha256, sample, notes) | {
        "axes": list(places),
        "target": target_class,
        "against": against,
        "signed": [one.method for one in explanations if one.signed],
        "relevance": relevance and relevance.method,
    }
    write_npz(target, arrays, metadata, shape=shape, places=places, coordinates=coordinates, box=box, parts=parts)


def faithfulness_json(
    scores: Mapping[str, Faithfulness],
    labels: Sequence[str],
    *,
    target: int,
    model: str,
    sample: str,
    how: str = "remove",
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Deletion and insertion along maps, by method ("random" for random orders), as plain values for JSON.

    how  whether elements were removed or blanked
    """
    return origin(model, weights_sha256, sample, notes) | {
        "target": {"class": target, "label": labels[target]},
        "how": how,
        "methods": {
            name: {"deletion": _course(score.deletion), "insertion": _course(score.insertion)}
            for name, score in scores.items()
        },
    }


def faithfulness_csv(scores: Mapping[str, Faithfulness]) -> str:
    """Deletion and insertion along maps as CSV, a line a point: the share of elements taken away or put in, and how
    probable the class is then."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COURSES)
    for name, score in scores.items():
        for course, found in (("deletion", score.deletion), ("insertion", score.insertion)):
            points = zip(found.shares.tolist(), found.probabilities.tolist(), strict=True)
            writer.writerows([name, course, share, probability] for share, probability in points)
    return out.getvalue()


def latents_json(
    block: int,
    alike: Alike,
    concentration: Concentration,
    movement: Movement,
    *,
    model: str,
    sample: str,
    head: int | None = None,
    weights_sha256: str | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """How the latents of a block read, as plain values for JSON; blocks, latents and clusters count from 0.

    alike, concentration  of the block
    movement              of all blocks
    """
    return origin(model, weights_sha256, sample, notes) | {
        "block": block,
        "head": head,
        "clusters": [alike.members(i).tolist() for i in range(len(alike.sizes))],
        "order": alike.order.tolist(),
        "linkage": alike.linkage.tolist(),
        "entropy": concentration.entropy.tolist(),
        "effective": concentration.effective.tolist(),
        "movement": [
            {"from": before, "to": after, "divergence": moved.tolist()}
            for (before, after), moved in zip(movement.steps, movement.divergence, strict=True)
        ],
    }


def latents_csv(block: int, alike: Alike, concentration: Concentration, movement: Movement) -> str:
    """How the latents of a block read as CSV, a line a latent; blocks, latents and clusters count from 1.

    place          in the order of the tree, where neighbours read alike
    before, after  Jensen-Shannon divergence in bits of the latent's map from that of the map before, and of the one
                   after; empty where there is none
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["block", "latent", "cluster", "place", "entropy", "effective", "before", "after"])
    place = np.argsort(alike.order)
    steps = list(movement.steps)
    before = next((movement.divergence[i] for i, step in enumerate(steps) if step[1] == block), None)
    after = next((movement.divergence[i] for i, step in enumerate(steps) if step[0] == block), None)
    for n in range(len(alike.order)):
        writer.writerow(
            [
                block + 1,
                n + 1,
                int(alike.cluster[n]) + 1,
                int(place[n]) + 1,
                float(concentration.entropy[n]),
                float(concentration.effective[n]),
                *("" if moved is None else float(moved[n]) for moved in (before, after)),
            ]
        )
    return out.getvalue()


def _class(number: int, labels: Sequence[str], logits: Float[np.ndarray, "classes"]) -> dict[str, Any]:
    return {"class": number, "label": labels[number], "logit": float(logits[number])}


def _score(score: Faithfulness) -> dict[str, float]:
    return {"deletion": score.deletion.area, "insertion": score.insertion.area}


def _course(course: Course) -> dict[str, Any]:
    return {
        "area": course.area,
        "shares": course.shares.tolist(),
        "probabilities": course.probabilities.tolist(),
    }
