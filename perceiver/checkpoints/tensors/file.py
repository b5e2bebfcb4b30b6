"""A weights file of either format: its tensors by name and shape, and their numbers one tensor at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
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
from .header import AGAIN, FLOATS, RE_SAVE, Entry, cast_notes, is_safetensors, read_header
from .sets import WeightList, WeightSet, called, default_of, sets_in
from .storages import Outliner, Storages

# Beside the floats: counters and masks that some models keep in their buffers.
_READABLE = frozenset({*FLOATS, "I64", "I32", "I16", "I8", "U8", "BOOL"})


@dataclass(frozen=True)
class TensorFile:
    """An opened weights file, as `open_tensor_file` returns it.

    path     where it is
    label    what messages call it
    entries  the tensors of the chosen set by name, without the prefixes of wrappers
    extras   plain values that a pickle holds beside them: {"hyper_parameters": {...}}
    notes    what was changed: prefixes removed, number types cast
    sets     all sets of weights in it, and `lists` of tensors without names
    chosen   the set that `entries` are of: the model's by its place, None where that is not clear
    """

    path: Path
    label: str
    entries: Mapping[str, Entry]
    extras: Mapping[str, Any]
    notes: tuple[str, ...]
    sets: tuple[WeightSet, ...]
    lists: tuple[WeightList, ...]
    chosen: WeightSet | None
    _size: int
    _keys: Mapping[str, str]  # by which each tensor is read
    _content: torch_zip.Outline | None = field(repr=False)  # None for a safetensors file
    _tensors: Mapping[str, Tensor] = field(repr=False)

    def choose(self, one: WeightSet) -> TensorFile:
        """The file with another of its sets in place of the chosen one."""
        return replace(
            self,
            entries=one.entries,
            extras=_extras(self._content, self.sets, one),
            notes=(*_left_out(self._content, one), *one.notes, *cast_notes(one.entries)),
            chosen=one,
            _keys=one.keys,
        )

    def identity(self, key: str) -> Hashable:
        """Equal for keys of tensors that share their numbers, as tied weights do."""
        tensor = self._tensors.get(key)
        return key if tensor is None else (tensor.data_ptr(), tensor.shape, tensor.stride())

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
        key = self._keys[name]
        self._check_size()  # reading behind the end of a mapped file would end the program
        if self._content is not None:
            return self._tensors[key]
        try:
            return self._safetensors.get_tensor(key)
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


def open_tensor_file(path: Path, label: str | None = None, outline: Outliner = torch_zip.outline) -> TensorFile:
    """Opens a safetensors file or what `torch.save` wrote, whichever its first bytes say.

    label    what messages call it instead of its path
    outline  says what is in a file that `torch.save` wrote

    Raises CheckpointError for everything else.
    """
    label = label or str(path)
    try:
        size = path.stat().st_size
        is_zip = not is_safetensors(path) and torch_zip.is_zip(path)
    except OSError as error:
        raise CheckpointError(f"{label} cannot be read: {error.strerror or type(error).__name__}") from error
    content = outline(path, label) if is_zip else None
    tensors: dict[str, Tensor] = {}
    sets: list[WeightSet] = []
    lists: list[WeightList] = []
    if content is None:
        sets = sets_in(label, (), read_header(path, label), str)
    else:
        numbers = Storages(path, content, label)
        for group in content.mappings:
            sets += sets_in(label, group.place, group.entries, group.key)
            tensors |= {group.key(name): numbers.tensor(one) for name, one in group.tensors.items()}
        for group in content.lists:
            keys = [group.key(name) for name in group.tensors]
            lists.append(WeightList(called(group.place), keys, list(group.entries.values())))
            tensors |= dict(zip(keys, map(numbers.tensor, group.tensors.values()), strict=True))
    if content is not None and all(one.aside for one in sets):
        raise CheckpointError(f"{label} holds no mapping of names to tensors, so there are no weights in it", RE_SAVE)
    file = TensorFile(path, label, {}, {}, (), tuple(sets), tuple(lists), None, size, {}, content, tensors)
    chosen = default_of(sets)
    return file.choose(chosen) if chosen else file


def wrong_dtype(label: str, name: str, dtype: str) -> CheckpointError:
    """The error for a tensor whose numbers cannot be weights."""
    return CheckpointError(
        f"{label} holds {dtype} numbers in {name}", "weights must be float16, bfloat16, float32 or float64"
    )


def _extras(content: torch_zip.Outline | None, sets: Iterable[WeightSet], chosen: WeightSet) -> Mapping[str, Any]:
    """Plain values beside the model and what is as large; none beside tensors at the top level."""
    if content is None or not chosen.place:
        return {}
    return content.extras({one.place[0] for one in sets if one.place and 2 * len(one.keys) >= len(chosen.keys)})


def _left_out(content: torch_zip.Outline | None, chosen: WeightSet) -> Iterator[str]:
    """Notes on the place of the model in a pickle, and on what is among its tensors and is none."""
    if content is None:
        return
    if chosen.place:
        yield f"took the tensors under {'.'.join(chosen.place)} for the model"
    left = next((group.left for group in content.mappings if group.place == chosen.place), ())
    if left:
        yield f"ignored {len(left)} values that are no tensors ({', '.join(left[:3])}{', ...' if left[3:] else ''})"
