"""Perceiver Lens: Perceivers, their cross-attention maps, and what their position encodings do."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import CheckpointError, ConfigError, DataError, HubUnreachableError, InputError, PerceiverError

if TYPE_CHECKING:
    from .checkpoints import inspect, load, push, save
    from .config import PerceiverConfig
    from .model import Perceiver, count_parameters
    from .positions import PositionConfig
    from .sample import Sample
    from .trace import Trace

# Loaded when asked for: PyTorch takes longer to import than a command takes to print its help.
_HOMES = {
    "Perceiver": ".model",
    "PerceiverConfig": ".config",
    "PositionConfig": ".positions",
    "Sample": ".sample",
    "Trace": ".trace",
    "count_parameters": ".model",
    "inspect": ".checkpoints",
    "load": ".checkpoints",
    "push": ".checkpoints",
    "save": ".checkpoints",
}

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "HubUnreachableError",
    "InputError",
    "Perceiver",
    "PerceiverConfig",
    "PerceiverError",
    "PositionConfig",
    "Sample",
    "Trace",
    "count_parameters",
    "inspect",
    "load",
    "push",
    "save",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
