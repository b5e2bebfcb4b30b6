"""The tensors of a weights file of whatever kind, by name and shape before a number is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import CheckpointError
from . import pickles
from .archive import is_archive
from .header import FLOATS, Entry, cast_notes, is_safetensors, read_header
from .names import unwrapped, wrapper_notes

# Beside the floats: counters and masks that some models keep in their buffers.
_READABLE = frozenset({*FLOATS, "I64", "I32", "I16", "I8", "U8", "BOOL"})


@runtime_checkable
class Raw(Protocol):
    """An opened weights file.

    path     where it lies
    entries  its tensors by name, wrappers' prefixes taken off
    extras   what a pickle holds beside them and is harmless: {"hyper_parameters": {...}}
    notes    what was changed: prefixes taken off, number types cast
    """

    @property
    def path(self) -> Path: ...

    @property
    def entries(self) -> Mapping[str, Entry]: ...

    @property
    def extras(self) -> Mapping[str, Any]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def get(self, name: str) -> Float[Tensor, "..."]:
        """One tensor as float32, a copy that does not depend on the file. Raises CheckpointError when it holds NaN or
        infinity, or the file was damaged meanwhile."""
        ...

    def same(self, name: str, other: str) -> bool:
        """Whether two tensors hold the same numbers, which weights shared by name do."""
        ...


@dataclass(frozen=True)
class _Opened:
    """Both kinds of file: `_stored` has the names in the file, `_tensors` is None for a safetensors file."""

    path: Path
    entries: Mapping[str, Entry]
    extras: Mapping[str, Any]
    notes: tuple[str, ...]
    _size: int
    _stored: Mapping[str, str]
    _tensors: Mapping[str, Tensor] | None = field(repr=False)

    def get(self, name: str) -> Float[Tensor, "..."]:
        if name not in self.entries:
            raise CheckpointError(f"{self.path} has no tensor {name}")
        if self.entries[name].dtype not in _READABLE:
            raise CheckpointError(
                f"{self.path} holds {self.entries[name].dtype} numbers in {name}; weights must be float16, bfloat16, "
                "float32 or float64"
            )
        # A copy, not a view of the mapped file: replacing the file must not change a model in use.
        tensor = self._read(name).to(torch.float32, copy=True).contiguous()
        # A sum is finite only if every number is; adding in double precision cannot overflow float32 numbers.
        if not tensor.sum(dtype=torch.float64).isfinite():
            raise CheckpointError(f"{self.path}: {name} holds NaN or infinite numbers, so the model is not usable")
        return tensor

    def same(self, name: str, other: str) -> bool:
        if self.entries[name].shape != self.entries[other].shape:
            return False
        return bool(torch.equal(self._read(name), self._read(other)))

    def _read(self, name: str) -> Tensor:
        stored = self._stored[name]
        self._check_size()  # reading on behind the end of a mapped file would end the program
        if self._tensors is not None:
            return self._tensors[stored]
        try:
            return self._file.get_tensor(stored)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{self.path} cannot be opened as a safetensors file; download it again") from error

    @cached_property
    def _file(self) -> Any:
        """Opened once: its header is read each time, which may be long."""
        return safe_open(self.path, framework="pt")

    def _check_size(self) -> None:
        try:
            changed = self.path.stat().st_size != self._size
        except OSError:
            changed = False  # taken away or replaced: what was mapped is still there, and reading says the rest
        if changed:
            raise CheckpointError(f"{self.path} changed while it was read; try again")


def read_raw(path: Path) -> Raw:
    """Opens a safetensors file, or what `torch.save` wrote (only through weights_only=True), told by its first bytes.

    Raises CheckpointError with one sentence for everything else.
    """
    try:
        size = path.stat().st_size
        archive = not is_safetensors(path) and is_archive(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or type(error).__name__}") from error
    if archive:
        found = pickles.read(path)
        entries, tensors, extras, notes = found.entries, found.tensors, found.extras, found.notes
    else:
        entries, tensors, extras, notes = read_header(path), None, {}, ()
    names = unwrapped(path, entries)
    return _Opened(
        path=path,
        entries={name: entries[stored] for name, stored in names.items()},
        extras=extras,
        notes=(*notes, *wrapper_notes(names), *cast_notes(entries)),
        _size=size,
        _stored=names,
        _tensors=tensors,
    )
