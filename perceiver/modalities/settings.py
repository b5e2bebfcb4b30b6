"""Checks of the settings under `preprocess`, shared by the modalities. All raise ConfigError for impossible values."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from PIL import Image

from ..errors import ConfigError

Interval = tuple[float, float]


def check_names(values: Mapping[str, Any], known: Collection[str], whose: str) -> None:
    """Raises ConfigError for names that are no settings; `whose` they should be: "image models"."""
    if unknown := sorted(set(values) - set(known)):
        raise ConfigError(f"preprocess holds {', '.join(map(repr, unknown))}, which {whose} do not know")


def whole(values: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number from 1."""
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"preprocess.{name} is {value!r}; it must be a whole number from 1")
    return value


def number(values: Mapping[str, Any], name: str, default: float) -> float:
    """A finite number."""
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"preprocess.{name} is {value!r}; it must be a finite number")
    return float(value)


def numbers(values: Mapping[str, Any], name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """As many finite numbers as the default has; one may stand without a list around it."""
    given = values.get(name, default)
    given = given if isinstance(given, list | tuple) else [given]
    if len(given) != len(default) or not all(isinstance(v, int | float) and math.isfinite(v) for v in given):
        raise ConfigError(f"preprocess.{name} is {values.get(name)!r}; it needs finite numbers, {len(default)} of them")
    return tuple(float(v) for v in given)


def intervals(values: Mapping[str, Any], name: str) -> tuple[Interval, Interval] | None:
    """(start, stop) of rows and of columns, or None."""
    value = values.get(name)
    if value is None:
        return None
    try:
        (top, bottom), (left, right) = ((float(start), float(stop)) for start, stop in value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"preprocess.{name} is {value!r}; it must be (start, stop) of rows and of columns") from error
    if not (math.isfinite(top + bottom + left + right) and top < bottom and left < right):
        raise ConfigError(f"preprocess.{name} is {value!r}; every start must lie before its stop")
    return (top, bottom), (left, right)


def pillow_filter(values: Mapping[str, Any], name: str, default: str) -> Image.Resampling:
    """A filter of Pillow by its name: "bicubic"."""
    known = {filter_.name.lower(): filter_ for filter_ in Image.Resampling}
    value = values.get(name, default)
    if not isinstance(value, str) or value not in known:
        raise ConfigError(f"preprocess.{name} is {value!r}; it must be one of {', '.join(known)}")
    return known[value]
