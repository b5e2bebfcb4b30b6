"""The position encodings by name, and their configurations as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..validation import check_choice
from .base import PositionConfig
from .coordinates import CoordinatesConfig
from .fourier import FourierConfig
from .fourier_learnable import LearnableFourierConfig
from .learned import LearnedConfig
from .none import NoPositionsConfig

_FLAT: tuple[type[PositionConfig], ...] = (FourierConfig, LearnedConfig, CoordinatesConfig)
"""Encodings that `config.json` writes with the fields of all three, at their defaults where they mean nothing."""

_ALL: tuple[type[PositionConfig], ...] = (*_FLAT, NoPositionsConfig, LearnableFourierConfig)

ENCODINGS: dict[str, type[PositionConfig]] = {config.kind: config for config in _ALL}
"""Configurations by kind. Lists of checkpoints keep this order, the paper's own encoding first."""

_FLAT_FIELDS: dict[str, Any] = {field.name: field.default for config in _FLAT for field in dataclasses.fields(config)}


def position_config(values: Mapping[str, Any]) -> PositionConfig:
    """The configuration that plain values describe; `kind` defaults to "fourier".

    Raises ConfigError for an unknown kind or field, and for impossible values.
    """
    fields = dict(values)
    kind = fields.pop("kind", FourierConfig.kind)
    check_choice("positions.kind", kind, tuple(ENCODINGS))
    config = ENCODINGS[kind]
    if config in _FLAT:
        own = {field.name for field in dataclasses.fields(config)}
        fields = {name: value for name, value in fields.items() if name in own or name not in _FLAT_FIELDS}
    return config.from_dict(fields)


def position_dict(config: PositionConfig) -> dict[str, Any]:
    """Plain values, ready for JSON: the inverse of `position_config`."""
    own = dataclasses.asdict(config)
    return {"kind": config.kind, **(_FLAT_FIELDS if type(config) in _FLAT else {}), **own}


def encoding_rank(config: PositionConfig) -> int:
    """The place of an encoding in lists."""
    return list(ENCODINGS).index(config.kind)
