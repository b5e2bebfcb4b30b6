"""Export of the checks of maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..analysis.map_checks import ALIKE, MapChecks
from .origin import Origin


def checks_json(found: MapChecks, labels: Sequence[str], origin: Origin) -> dict[str, Any]:
    """The verdict and the figures of the map of each block, as plain values for JSON. Blocks count from 0. Means of
    untrained models are of the magnitudes of their correlations.

    Raises ValueError for checks that are incomplete.
    """
    if not found.complete:
        raise ValueError("these checks are incomplete")
    blocks = [
        {
            "block": one.block,
            "verdict": one.verdict,
            "constant": one.constant,
            "deletion": {"area": one.deletion.area, "against_random_order": one.order},
            "random_order": {
                "area": one.random.area,
                "interval": list(one.random_interval),
                "areas": list(one.random.areas),
            },
            "untrained": {
                "mean": one.untrained_likeness.mean,
                "interval": list(one.untrained_likeness.interval),
                "correlations": list(one.untrained),
            },
            "other_seeds": None
            if one.seeds_likeness is None
            else {
                "mean": one.seeds_likeness.mean,
                "range": list(one.seeds_likeness.range),
                "correlations": dict(one.other_seeds),
            },
        }
        for one in found.checks
    ]
    target = {"class": found.target, "label": labels[found.target]}
    return origin.to_dict() | {
        "maps": found.selection.metadata(),
        "target": target,
        "alike_from": ALIKE,
        "checks": blocks,
    }
