"""Random order as the reference of deletion and insertion tests: how far its areas vary, and what lies outside.

Importing this module does not load PyTorch, so that figures and their texts can use it.
"""

from __future__ import annotations

import math
from typing import Literal, Protocol, runtime_checkable

import numpy as np

Direction = Literal["deletion", "insertion"]
Verdict = Literal["better", "no better", "worse"]

NOTICED = 0.01
"""The smallest difference of two areas that counts."""

CONFIDENCE = 0.95
"""Of the interval that the area of a random order lies in."""


@runtime_checkable
class Course(Protocol):
    """The area of a curve, and those of the single orders that it is the mean of; none for a curve of one order."""

    @property
    def area(self) -> float: ...

    @property
    def areas(self) -> tuple[float, ...]: ...


def random_interval(chance: Course) -> tuple[float, float]:
    """The interval that the area of one more random order lies in with a probability of CONFIDENCE.

    The prediction interval m ± t s sqrt(1 + 1 / n) of Student's t distribution with n - 1 degrees of freedom, where m
    and s are mean and standard deviation of the areas of n random orders; cut to [0, 1], and all of it for n < 2.
    """
    # Takes a while to import, and figures import this module.
    from scipy.special import stdtrit

    count = len(chance.areas)
    if count < 2:
        return 0.0, 1.0
    reach = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2) * np.std(chance.areas, ddof=1) * math.sqrt(1 + 1 / count))
    middle = float(np.mean(chance.areas))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def compare(found: Course, chance: Course, direction: Direction) -> Verdict:
    """Whether a map is better or worse than random order: its area lies outside of `random_interval`, and differs from
    the area of random order by NOTICED or more."""
    low, high = random_interval(chance)
    if low <= found.area <= high or abs(found.area - chance.area) < NOTICED:
        return "no better"
    return "better" if (found.area < low) == (direction == "deletion") else "worse"
