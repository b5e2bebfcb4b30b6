"""Two checkpoints over the same inputs: where their predictions differ, and which of them is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int64

from ..errors import ConfigError
from ..studies.base import Mean
from .collection import UNKNOWN
from .result import DataSetAnalysis


@dataclass(frozen=True, eq=False)
class Disagreements:
    """The predictions of two checkpoints for the same inputs.

    Classes are matched by name. Rows of inputs without a label enter `differ` alone.

    names            of the checkpoints
    inputs           that both predicted; `labelled` those of a known class
    both, neither    right
    first, second    right where the other is wrong
    difference       accuracy of the first less that of the second, with its 95 % interval over groups; None without
                     labels
    p_value          of McNemar's exact test that both are right equally often; it takes the inputs for independent,
                     which those of a group are not; None without labels
    differ           rows of the first analysis whose predictions differ, the surest first
    matched          the row of the second analysis for every one of these
    """

    names: tuple[str, str]
    inputs: int
    labelled: int
    both: int
    neither: int
    first: int
    second: int
    difference: Mean | None
    p_value: float | None
    differ: Int64[np.ndarray, "k"] = field(repr=False)
    matched: Int64[np.ndarray, "k"] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain values for JSON."""
        names = ("inputs", "labelled", "both", "neither", "first", "second", "p_value")
        return {
            "models": list(self.names),
            **{name: getattr(self, name) for name in names},
            "difference": None if self.difference is None else vars(self.difference),
            "differ": len(self.differ),
        }


def disagreements(first: DataSetAnalysis, second: DataSetAnalysis) -> Disagreements:
    """Where two checkpoints predict different classes.

    Raises ConfigError for analyses of other inputs, and for checkpoints without a common class.
    """
    names = (first.about.model, second.about.model)
    shared = set(first.about.classes) & set(second.about.classes)
    if not shared:
        raise ConfigError(f"{names[0]} and {names[1]} have no class in common")
    places: Mapping[str, int] = {
        key: row for row, key in enumerate(second.examples.keys) if second.examples.counted[row]
    }
    rows = [
        (row, places[key])
        for row, key in enumerate(first.examples.keys)
        if first.examples.counted[row] and key in places
    ]
    if first.about.examples_sha256 != second.about.examples_sha256 or not rows:
        raise ConfigError(f"the analyses of {names[0]} and {names[1]} are of different inputs")
    a, b = np.array(rows, dtype=np.int64).T
    # The index in the first model's classes; classes of the second alone come after them.
    index = {name: i for i, name in enumerate(dict.fromkeys((*first.about.classes, *second.about.classes)))}
    into = np.array([index[name] for name in second.about.classes])
    answers = first.predicted[a], into[second.predicted[b]]
    labels = first.examples.labels[a]
    known = labels != UNKNOWN
    right = [(one == labels)[known] for one in answers]
    differ = np.flatnonzero(answers[0] != answers[1])
    sure = first.examples.probabilities[a[differ]].max(axis=1) + second.examples.probabilities[b[differ]].max(axis=1)
    differ = differ[np.argsort(-sure, kind="stable")]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    return Disagreements(
        names=names,
        inputs=len(a),
        labelled=int(known.sum()),
        both=int((right[0] & right[1]).sum()),
        neither=int((~right[0] & ~right[1]).sum()),
        first=only[0],
        second=only[1],
        difference=Mean.of(right[0].astype(float) - right[1], first.examples.groups[a][known]) if known.any() else None,
        p_value=_mcnemar(*only) if known.any() else None,
        differ=a[differ],
        matched=b[differ],
    )


def _mcnemar(first: int, second: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(first, first + second).pvalue) if first + second else 1.0
