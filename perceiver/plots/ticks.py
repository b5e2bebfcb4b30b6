"""Round numbers along a colour bar, and labels that do not run into each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..analysis.formatting import number


@dataclass(frozen=True)
class Tick:
    """A labelled place on a colour bar.

    place  in [0, 1] from the lower end
    value  in the unit of the bar
    label  empty where it would run into a more important one
    mark   the uniform level: drawn as a line of its own, label or not
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
    """The given ticks (value, label, mark), most wanted first, then round numbers, as far as each keeps its distance.

    where  the place of a value on the bar
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
    """Multiples of 1, 2, 2.5 or 5 times a power of ten between two values, about as many as wanted."""
    raw = (upper - lower) / max(1, wanted)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.ceil(lower / step - 1e-9), math.floor(upper / step + 1e-9)
    return tuple(k * step for k in range(first, last + 1))


def _log_steps(lower: float, upper: float) -> tuple[float, ...]:
    decades = range(math.floor(math.log10(lower)), math.ceil(math.log10(upper)) + 1)
    whole = [10.0**k for k in decades]
    parts = [factor * 10.0**k for k in decades for factor in (2, 5)]
    return tuple(v for v in [*whole, *parts] if lower <= v <= upper)
