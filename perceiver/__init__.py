"""Perceiver Lens: Perceivers, their cross-attention maps, and what their position encodings do.

lens = perceiver.open("image-fourier")
run = lens.run(lens.read("photo.jpg"))
run.predictions, run.maps(), run.ablate(low_pass=8), run.explain("lamp")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DecodingError,
    HubUnreachableError,
    InputError,
    PerceiverError,
)

if TYPE_CHECKING:
    from .analysis.maps import MapSelection
    from .checkpoints import inspect, load, push, save
    from .config import PerceiverConfig
    from .lens import Comparison, Lens, Run, compare
    from .lens import open_lens as open
    from .model import Perceiver, count_parameters
    from .positions import PositionConfig
    from .sample import Sample
    from .trace import Trace

# Loaded when asked for: PyTorch takes longer to import than a command takes to print its help.
_HOMES = {
    "Comparison": ".lens",
    "Lens": ".lens",
    "MapSelection": ".analysis.maps",
    "Perceiver": ".model",
    "PerceiverConfig": ".config",
    "PositionConfig": ".positions",
    "Run": ".lens",
    "Sample": ".sample",
    "Trace": ".trace",
    "compare": ".lens",
    "count_parameters": ".model",
    "inspect": ".checkpoints",
    "load": ".checkpoints",
    "open": ".lens",
    "push": ".checkpoints",
    "save": ".checkpoints",
}
_NAMES = {"open": "open_lens"}
"""Names that a module cannot hold without hiding a builtin."""

__all__ = [
    "CheckpointError",
    "Comparison",
    "ConfigError",
    "DataError",
    "DecodingError",
    "HubUnreachableError",
    "InputError",
    "Lens",
    "MapSelection",
    "Perceiver",
    "PerceiverConfig",
    "PerceiverError",
    "PositionConfig",
    "Run",
    "Sample",
    "Trace",
    "compare",
    "count_parameters",
    "inspect",
    "load",
    "open",
    "push",
    "save",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), _NAMES.get(name, name))


def __dir__() -> list[str]:
    return __all__
