"""Ticks at round numbers along a colour bar, with labels that do not overlap."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from ..analysis.formatting import number


@dataclass(frozen=True)
class Tick:
    """A tick of a colour bar.

    place  position in [0, 1] from the lower end
    value  in the unit of the bar
    label  empty if it would overlap a more important one
    mark   whether it is the uniform level, which is drawn as a line even without a label
    """

    place: float
    value: float
    label: str
    mark: bool = False


def place(
    must: Sequence[tuple[float, str, bool]],
    lower: float,
    upper: float,
    wanted: int,
    apart: float,
    *,
    log: bool,
    where: Callable[[float], float],
) -> tuple[Tick, ...]:
    """Places the given ticks (value, label, mark) in order of priority, then round numbers, at minimum distances.

    where  maps a value to its position on the bar
    """
    round_numbers = _log_steps(lower, upper) if log else linear_steps(lower, upper, wanted)
    out: list[Tick] = []
    for value, label, mark in [*must, *((v, number(v), False) for v in round_numbers)]:
        at = where(value)
        free = all(abs(at - tick.place) >= apart for tick in out if tick.label)
        if free or mark:
            out.append(Tick(at, value, label if free else "", mark))
    return tuple(sorted(out, key=lambda tick: tick.place))


def linear_steps(lower: float, upper: float, wanted: int) -> tuple[float, ...]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten between two values, approximately `wanted` of them."""
    locator = MaxNLocator(nbins=max(1, wanted), steps=[1, 2, 2.5, 5, 10], min_n_ticks=1)
    slack = 1e-9 * (upper - lower)
    return tuple(float(v) for v in locator.tick_values(lower, upper) if lower - slack <= v <= upper + slack)


def _log_steps(lower: float, upper: float) -> tuple[float, ...]:
    """Powers of ten between two values, then 2 and 5 times those. Matplotlib's LogLocator turns to linear steps where
    the values lie within a decade, and does not put the powers first."""
    decades = range(math.floor(math.log10(lower)), math.ceil(math.log10(upper)) + 1)
    whole = [10.0**k for k in decades]
    parts = [factor * 10.0**k for k in decades for factor in (2, 5)]
    return tuple(v for v in [*whole, *parts] if lower <= v <= upper)
