"""Export of what is found about single latents: clusters, effects on a class, and patching."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

import numpy as np

from ..analysis.latents import LatentAnalysis
from ..analysis.patching import LatentEffects, Patching
from .origin import Origin


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


def effects_json(found: LatentEffects, labels: Sequence[str], origin: Origin) -> dict[str, Any]:
    """Effects of latents on a class as plain values for JSON, the largest first; latents and blocks count from 0."""
    groups = [
        {
            "latents": list(found.groups[i]),
            "effect": float(found.effects[i]),
            "prediction": labels[int(found.answers[i])],
        }
        for i in found.order.tolist()
    ]
    about = {"class": found.target, "label": labels[found.target], "logit": found.logit, "after": found.after}
    return origin.to_dict() | about | {"groups": groups}


def effects_csv(found: LatentEffects, labels: Sequence[str]) -> str:
    """Effects of latents on a class as CSV, the largest first: latents (from 1, with spaces), effect, prediction."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["latents", "effect", "prediction"])
    for i in found.order.tolist():
        latents = " ".join(str(n + 1) for n in found.groups[i])
        writer.writerow([latents, float(found.effects[i]), labels[int(found.answers[i])]])
    return out.getvalue()


def patching_json(found: Patching, labels: Sequence[str], source: str, origin: Origin) -> dict[str, Any]:
    """Patching as plain values for JSON; classes, blocks and latents count from 0.

    source  the name of the input whose states are taken
    """
    blocks = [
        {"after": block, "all": float(whole), "latents": patched.tolist(), "recovered": recovered.tolist()}
        for block, whole, patched, recovered in zip(
            found.states, found.whole, found.patched, found.recovered, strict=True
        )
    ]
    about = {
        "source": source,
        "class": found.target,
        "label": labels[found.target],
        "against": found.against,
        "source_value": found.source,
        "original_value": found.original,
    }
    return origin.to_dict() | about | {"blocks": blocks}


def patching_csv(found: Patching, labels: Sequence[str]) -> str:
    """Patching as CSV, one line per latent and block (from 1): after, latent, value, recovered, prediction."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["after", "latent", "value", "recovered", "prediction"])
    for i, block in enumerate(found.states):
        for n in range(found.patched.shape[1]):
            value, share = float(found.patched[i, n]), float(found.recovered[i, n])
            writer.writerow([block + 1, n + 1, value, share, labels[int(found.answers[i, n])]])
    return out.getvalue()
