"""Checks of configuration fields and of arguments; all raise ConfigError and name the field or argument."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .errors import CheckpointError, ConfigError, IndexRangeError

if TYPE_CHECKING:
    from torch import Tensor


def check_positive(name: str, value: object) -> None:
    """Raises ConfigError unless the value is a whole number above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name} is {value!r}; it must be a whole number above 0")


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raises ConfigError unless the value is one of those allowed."""
    if value not in allowed:
        raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")


def whole_number(name: str, value: Any, lowest: int, highest: int | None = None) -> int:
    """The value as an int, which it is given as or as an integer of NumPy.

    Raises ConfigError for anything else and for numbers out of range.
    """
    number = _integer(value)
    if number is None or number < lowest or (highest is not None and number > highest):
        allowed = f"from {lowest}" + ("" if highest is None else f" to {highest}")
        raise ConfigError(f"{name} is {value!r}; it must be a whole number {allowed}")
    return number


def index_of(what: str, value: Any, known: int | Sequence[int], owner: str = "") -> int:
    """An index counted from 0 as an int, which it is given as or as an integer of NumPy.

    known  the number of things, or their indices
    owner  what has them, such as a checkpoint's name

    Raises IndexRangeError where there is no such thing (negative indices are none), ConfigError for what is no integer.
    """
    number = _integer(value)
    if number is None:
        raise ConfigError(f"{what} is {value!r}; it must be a whole number, counted from 0")
    there = range(known) if isinstance(known, int) else known
    if number not in there:
        raise IndexRangeError(what, number, there, owner)
    return number


def element_index(element: Any, shape: Sequence[int], owner: str = "") -> int:
    """An input element, given by its index or by one index for each axis of the grid, as its index.

    Raises as `index_of` does.
    """
    if not isinstance(element, tuple | list):
        return index_of("input element", element, math.prod(shape), owner)
    if len(element) != len(shape):
        raise ConfigError(f"element {tuple(element)} has {len(element)} indices for a grid of {len(shape)} axes")
    index = 0
    for axis, (value, count) in enumerate(zip(element, shape, strict=True)):
        index = index * count + index_of(f"input element on axis {axis}", value, count, owner)
    return index


def plain_integer(value: Any) -> Any:
    """An integer of NumPy as an int; any other value as it is."""
    number = _integer(value)
    return value if number is None else number


def _integer(value: Any) -> int | None:
    """An integer of Python or NumPy; None for anything else, booleans included."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def known_fields(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as a dict. Raises ConfigError when one of them is not a field of the dataclass."""
    names = {field.name for field in dataclasses.fields(cls)}
    unknown = sorted(set(values) - names)
    if unknown:
        raise ConfigError(f"unknown field{'s' * (len(unknown) > 1)} in the configuration: {', '.join(unknown)}")
    return dict(values)


def check_finite(logits: Tensor) -> None:
    """Raises CheckpointError for an output of a model that holds NaN or infinite numbers."""
    if not logits.isfinite().all():
        raise CheckpointError(
            "the model's output holds NaN or infinite numbers: its weights, which are finite, are too large for it"
        )
