"""The tensors of a weights file of whatever kind, by name and shape before a number is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from .header import Entry


@runtime_checkable
class Raw(Protocol):
    """An opened weights file.

    path     where it lies
    entries  its tensors by name, wrappers' prefixes taken off
    extras   what a pickle holds beside them and is harmless: {"hyper_parameters": {...}}
    notes    what was changed: prefixes taken off, number types cast
    """

    path: Path
    entries: Mapping[str, Entry]
    extras: Mapping[str, Any]
    notes: tuple[str, ...]

    def get(self, name: str) -> Float[Tensor, "..."]:
        """One tensor as float32, a copy that does not depend on the file. Raises CheckpointError when it holds NaN or
        infinity, or the file was damaged meanwhile."""
        ...

    def same(self, name: str, other: str) -> bool:
        """Whether two tensors hold the same numbers, which weights shared by name do."""
        ...


def read_raw(path: Path) -> Raw:
    """Opens a safetensors file, or what `torch.save` wrote (only through weights_only=True), told by its first bytes.

    Raises CheckpointError with one sentence for everything else.
    """
    raise NotImplementedError
