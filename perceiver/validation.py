"""Checks of configuration fields; all raise ConfigError and name the field."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .errors import ConfigError


def check_positive(name: str, value: object) -> None:
    """Raises ConfigError unless the value is a whole number above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name} is {value!r}; it must be a whole number above 0")


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raises ConfigError unless the value is one of those allowed."""
    if value not in allowed:
        raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")


def known_fields(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as a dict. Raises ConfigError when one of them is not a field of the dataclass."""
    names = {field.name for field in dataclasses.fields(cls)}
    unknown = sorted(set(values) - names)
    if unknown:
        raise ConfigError(f"unknown field{'s' * (len(unknown) > 1)} in the configuration: {', '.join(unknown)}")
    return dict(values)
