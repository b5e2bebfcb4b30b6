"""Tensors of a file that `torch.save` wrote, mapped from the file by an outline, which a worker process may have made.

Nothing of an outline is believed: a worker that a file has taken over could send any.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from ...errors import CheckpointError
from ...isolation import WorkerError, Workers
from .header import AGAIN
from .torch_zip import Group, Outline, outline_apart
from .unpickle import BYTES, Stored

Outliner = Callable[[Path, str], Outline]
"""Says what is in a file, which messages call by the second argument. Raises CheckpointError."""

_DTYPES = {
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "BOOL": torch.bool,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
}
_OUTLINE = f"{outline_apart.__module__}:{outline_apart.__name__}"


def in_worker(workers: Workers) -> Outliner:
    """A function that outlines files in a worker process, whose crash or excess costs that file only."""

    def outline(path: Path, label: str) -> Outline:
        asked = {"path": str(path.absolute()), "label": label}
        try:
            found = workers.call(
                _OUTLINE, b"", asked, imports=[outline_apart.__module__], classes=(Outline, Group, Stored)
            )
        except WorkerError as error:
            raise CheckpointError(f"{label} cannot be read: {error}", AGAIN) from error
        if not isinstance(found, Outline):
            raise _damaged(label)
        return found

    return outline


class Storages:
    """The numbers of a file, mapped. Raises CheckpointError where the outline does not fit the file.

    label  what messages call the file
    """

    def __init__(self, path: Path, outline: Outline, label: str) -> None:
        self._outline, self._label = outline, label
        # Private to this process, and writable, as PyTorch expects.
        self._file = np.asarray(np.memmap(path, np.uint8, mode="c"))
        self._made: dict[tuple[str, str], Tensor] = {}

    def tensor(self, one: Stored) -> Shaped[Tensor, "..."]:
        """One tensor, a view of the mapped file; tensors of one storage share their memory."""
        try:
            numbers = self._storage(one.key, one.dtype)
            sizes = (*one.shape, *one.strides, one.offset)
            fits = len(one.shape) == len(one.strides) and all(type(size) is int and size >= 0 for size in sizes)
            last = one.offset + sum((side - 1) * step for side, step in zip(one.shape, one.strides, strict=True))
            amount = math.prod(one.shape)
            if not fits or amount > len(numbers) or (amount and last >= len(numbers)):
                raise ValueError
            return numbers.as_strided(one.shape, one.strides, one.offset)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise _damaged(self._label) from error

    def _storage(self, key: str, dtype: str) -> Shaped[Tensor, "_"]:
        found = self._made.get((key, dtype))
        if found is None:
            start, size = self._outline.parts[key]
            width = BYTES[dtype]
            if not (type(start) is type(size) is int and 0 <= start <= start + size <= len(self._file)):
                raise ValueError
            if size % width:
                raise ValueError
            raw = self._file[start : start + size]
            if self._outline.big_endian and width > 1:
                raw = raw.copy().view(f">u{width}").astype(f"<u{width}").view(np.uint8)
            elif start % width:
                raw = raw.copy()
            found = self._made[key, dtype] = torch.from_numpy(raw).view(_DTYPES[dtype])
        return found


def _damaged(label: str) -> CheckpointError:
    return CheckpointError(f"{label} is damaged: its tensors do not fit its size", AGAIN)
