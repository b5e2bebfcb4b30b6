"""A weights file of either format: its tensors by name and shape, and their numbers one tensor at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ...errors import CheckpointError
from ..folder import is_finite, not_finite
from . import torch_zip
from .header import AGAIN, FLOATS, Entry, cast_notes, is_safetensors, read_header

# Beside the floats: counters and masks that some models keep in their buffers.
_READABLE = frozenset({*FLOATS, "I64", "I32", "I16", "I8", "U8", "BOOL"})
_MAX_NAME = 512
# Also inside a name where only a part of the model was compiled.
_COMPILED = "_orig_mod"
_WRAPPERS = ("module", _COMPILED, "model", "backend_model")


@dataclass(frozen=True)
class TensorFile:
    """An opened weights file, as `open_tensor_file` returns it.

    path     where it is
    label    what messages call it
    entries  its tensors by name, without the prefixes of wrappers
    extras   plain values that a pickle holds beside them: {"hyper_parameters": {...}}
    notes    what was changed: prefixes removed, number types cast
    """

    path: Path
    label: str
    entries: Mapping[str, Entry]
    extras: Mapping[str, Any]
    notes: tuple[str, ...]
    _size: int
    _stored: Mapping[str, str]  # the name of each tensor in the file
    _tensors: Mapping[str, Tensor] | None = field(repr=False)  # None for a safetensors file

    def get(self, name: str) -> Float[Tensor, "..."]:
        """One tensor as float32, a copy that does not depend on the file.

        Raises CheckpointError when it holds NaN or infinity, or the file was changed since it was opened.
        """
        if name not in self.entries:
            raise CheckpointError(f"{self.label} has no tensor {name}")
        if self.entries[name].dtype not in _READABLE:
            raise wrong_dtype(self.label, name, self.entries[name].dtype)
        # A copy, not a view of the mapped file: replacing the file must not change a model in use.
        tensor = self._read(name).to(torch.float32, copy=True).contiguous()
        if not is_finite(tensor):
            raise not_finite(self.label, [name])
        return tensor

    def same(self, name: str, other: str) -> bool:
        """Whether two tensors hold the same numbers, as weights shared under two names do."""
        if self.entries[name].shape != self.entries[other].shape:
            return False
        return bool(torch.equal(self._read(name), self._read(other)))

    def _read(self, name: str) -> Tensor:
        stored = self._stored[name]
        self._check_size()  # reading behind the end of a mapped file would end the program
        if self._tensors is not None:
            return self._tensors[stored]
        try:
            return self._safetensors.get_tensor(stored)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{self.label} cannot be opened as a safetensors file", AGAIN) from error

    @cached_property
    def _safetensors(self) -> Any:
        """Opened once: its header, which may be long, is parsed each time."""
        return safe_open(self.path, framework="pt")

    def _check_size(self) -> None:
        try:
            changed = self.path.stat().st_size != self._size
        except OSError:
            changed = False  # deleted or replaced: what was mapped is still there
        if changed:
            raise CheckpointError(f"{self.label} changed while it was read", "try again")


def open_tensor_file(path: Path, label: str | None = None) -> TensorFile:
    """Opens a safetensors file or what `torch.save` wrote, whichever its first bytes say.

    label  what messages call it instead of its path

    Raises CheckpointError for everything else.
    """
    label = label or str(path)
    try:
        size = path.stat().st_size
        is_zip = not is_safetensors(path) and torch_zip.is_zip(path)
    except OSError as error:
        raise CheckpointError(f"{label} cannot be read: {error.strerror or type(error).__name__}") from error
    entries: Mapping[str, Entry]
    tensors: Mapping[str, Tensor] | None
    if is_zip:
        content = torch_zip.read(path, label)
        entries, tensors, extras, notes = content.entries, content.tensors, content.extras, content.notes
    else:
        entries, tensors, extras, notes = read_header(path, label), None, {}, ()
    names = _unwrapped(label, entries)
    return TensorFile(
        path=path,
        label=label,
        entries={name: entries[stored] for name, stored in names.items()},
        extras=extras,
        notes=(*notes, *_wrapper_notes(names), *cast_notes(entries)),
        _size=size,
        _stored=names,
        _tensors=tensors,
    )


def wrong_dtype(label: str, name: str, dtype: str) -> CheckpointError:
    """The error for a tensor whose numbers cannot be weights."""
    return CheckpointError(
        f"{label} holds {dtype} numbers in {name}", "weights must be float16, bfloat16, float32 or float64"
    )


def _unwrapped(label: str, stored: Iterable[str]) -> dict[str, str]:
    """The model's own name of each tensor -> its name in the file, without the prefixes of compiling, data parallelism
    and training wrappers. Raises CheckpointError when two become one, or one cannot be printed."""
    names: dict[str, str] = {}
    for whole in stored:
        if len(whole) > _MAX_NAME or not whole.isprintable():
            raise CheckpointError(f"{label} names a tensor {whole[:40]!r}..., which no model does")
        parts = [part for part in whole.split(".") if part != _COMPILED]
        while len(parts) > 1 and parts[0] in _WRAPPERS:
            del parts[0]
        name = ".".join(parts)
        if name in names:
            raise CheckpointError(f"{label} holds {name} twice, as {names[name]} and as {whole}")
        names[name] = whole
    return names


def _wrapper_notes(names: Mapping[str, str]) -> tuple[str, ...]:
    """A note on the prefixes that were removed, if there were any."""
    renamed = [(name, stored) for name, stored in names.items() if name != stored]
    if not renamed:
        return ()
    name, stored = renamed[0]
    return (f"removed wrappers' prefixes from {len(renamed)} of {len(names)} tensor names ({stored} is {name})",)
