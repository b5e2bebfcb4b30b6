"""What a training run reached, as `results.json` holds it. Shares and intervals are worked out from the counts."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import CheckpointError

RESULTS = "results.json"
CURVE = "curve.png"


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """95 % interval of a share by Wilson's score: never outside [0, 1], sound near 0 and 1.

    Raises ValueError when `total` is not above 0 or `correct` is not between 0 and it.
    """
    if not 0 <= correct <= total or total == 0:
        raise ValueError(f"{correct} of {total} is no share")
    # Takes a second to import, and most results bring an interval over groups instead.
    from scipy.stats import binomtest

    interval = binomtest(correct, total).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Data:
    """The data set: its name, its licence, and in one sentence how it was split."""

    name: str
    licence: str
    split: str


@dataclass(frozen=True)
class Budget:
    """What training cost: optimiser steps, examples seen (repeats counted), wall-clock seconds, and on what."""

    steps: int
    examples: int
    seconds: float
    hardware: str


@dataclass(frozen=True)
class HeldOut:
    """Counts on the held-out split.

    per_class             class name -> (correct, total)
    groups                how many independent things (objects, speakers) the examples come from, where known
    interval_over_groups  95 % interval of the accuracy when whole groups are drawn again, where known: examples of one
                          group rise and fall together, which Wilson's interval does not know
    """

    per_class: Mapping[str, tuple[int, int]]
    groups: int | None = None
    interval_over_groups: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "per_class", {name: (int(c), int(t)) for name, (c, t) in self.per_class.items()})
        if any(not 0 <= correct <= total for correct, total in self.per_class.values()) or not self.total:
            raise ValueError("the held-out counts are impossible")

    @property
    def correct(self) -> int:
        """Examples whose most probable class is the true one."""
        return sum(correct for correct, _ in self.per_class.values())

    @property
    def total(self) -> int:
        """Held-out examples."""
        return sum(total for _, total in self.per_class.values())

    @property
    def accuracy(self) -> float:
        """Share of correct examples."""
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy: over groups where that is known, else Wilson's."""
        return self.interval_over_groups or wilson_interval(self.correct, self.total)

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the classes' accuracies; a class without examples is left out."""
        shares = [correct / total for correct, total in self.per_class.values() if total]
        return sum(shares) / len(shares)

    @property
    def chance(self) -> float:
        """Accuracy of guessing every class equally often."""
        return 1 / len(self.per_class)

    def to_dict(self) -> dict[str, Any]:
        """The counts and what follows from them, ready for JSON."""
        return {
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "balanced_accuracy": self.balanced_accuracy,
            "chance": self.chance,
            "correct": self.correct,
            "total": self.total,
            "groups": self.groups,
            "interval_over_groups": self.interval_over_groups,
            "per_class": {
                name: {"correct": correct, "total": total, "accuracy": correct / total if total else None}
                for name, (correct, total) in self.per_class.items()
            },
        }


@dataclass(frozen=True)
class Results:
    """One training run and what it reached; the model card is written from it.

    name        the checkpoint's name
    command     exactly what was typed
    seeds       other seed -> its held-out accuracy, all else equal
    measures    further numbers worth showing, by their full name
    versions    library -> version
    training    further rows of the card's table on training: name -> words
    curve       (step, accuracy on validation examples) during training, in order; drawn in `CURVE`
    caveats     what a reader must know before anything else, one sentence each
    notes       what a reader must know, one sentence each
    licence     of the weights: an identifier of the hub, such as "apache-2.0"
    sha256      of model.safetensors; `save` fills in it and `parameters`
    """

    name: str
    recipe: str
    command: str
    seed: int
    data: Data
    budget: Budget
    held_out: HeldOut
    seeds: Mapping[int, float] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, str] = field(default_factory=dict)
    curve: tuple[tuple[int, float], ...] = ()
    caveats: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    licence: str = "apache-2.0"
    sha256: str = ""
    parameters: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; the held-out part also spells out what follows from its counts."""
        out = dataclasses.asdict(self)
        out["held_out"] = self.held_out.to_dict()
        out["seeds"] = {str(seed): accuracy for seed, accuracy in self.seeds.items()}
        return out

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Results:
        """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError on other values."""
        values = dict(values)
        held_out = values.pop("held_out")
        over_groups = held_out["interval_over_groups"]
        results = cls(
            data=Data(**values.pop("data")),
            budget=Budget(**values.pop("budget")),
            held_out=HeldOut(
                per_class={name: (one["correct"], one["total"]) for name, one in held_out["per_class"].items()},
                groups=held_out["groups"],
                interval_over_groups=None if over_groups is None else tuple(over_groups),
            ),
            seeds={int(seed): float(accuracy) for seed, accuracy in values.pop("seeds").items()},
            notes=tuple(values.pop("notes")),
            caveats=tuple(values.pop("caveats", ())),
            curve=tuple((int(step), float(accuracy)) for step, accuracy in values.pop("curve", ())),
            **values,
        )
        if not math.isclose(results.held_out.accuracy, held_out["accuracy"], abs_tol=1e-6):
            raise ValueError(f"accuracy {held_out['accuracy']} does not follow from the counts")
        return results


def read_results(folder: Path) -> Results | None:
    """The results of a checkpoint folder, None when it has none. Raises CheckpointError on a file that is not ours."""
    path = folder / RESULTS
    if not path.is_file():
        return None
    try:
        return Results.from_dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} does not hold a training run's results ({error})") from error
