"""Checkpoints: where they are, what they are, loading and saving them.

location.py   where a checkpoint is: bundled, on this machine, or on the hub (hub.py, bundled.py)
tensors/      weights files: safetensors and what torch.save writes
formats/      what the files of each project mean; ours is one of them
reader.py     the one strict reader; info.py is what it knows before it reads a number
weights.py   which set of weights of a file is read, where there are several
loading.py, saving.py   models from checkpoints, and back (folder.py)
cards/        model cards and training results
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundled import BundledCheckpoints
    from .hub import HubOptions
    from .info import CheckpointInfo
    from .loading import inspect, load
    from .location import Location, resolve
    from .saving import push, save

# Loaded when asked for, so that reading a card does not import the model.
_HOMES = {
    "BundledCheckpoints": ".bundled",
    "CheckpointInfo": ".info",
    "HubOptions": ".hub",
    "Location": ".location",
    "inspect": ".loading",
    "load": ".loading",
    "push": ".saving",
    "resolve": ".location",
    "save": ".saving",
}

__all__ = [
    "BundledCheckpoints",
    "CheckpointInfo",
    "HubOptions",
    "Location",
    "inspect",
    "load",
    "push",
    "resolve",
    "save",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
