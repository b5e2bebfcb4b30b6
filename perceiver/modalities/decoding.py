"""Where the bytes of a file become what a model reads, for callers here and in worker processes.

All arguments and results are plain values, arrays and dataclasses, so that they can be sent from one process to
another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from ..errors import InputError
from ..sample import Sample
from .base import get
from .scanning import Scannable, Window, Windows


def read(
    data: bytes,
    *,
    modality: str,
    name: str,
    shape: tuple[int, ...],
    preprocess: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
) -> Sample:
    """The sample that a model reads; arguments are those of `Modality.read`. Raises InputError and ConfigError."""
    return get(modality).read(data, name, shape=shape, preprocess=preprocess, options=options)


def windows(
    data: bytes,
    *,
    modality: str,
    name: str,
    shape: tuple[int, ...],
    preprocess: Mapping[str, Any],
    every: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> Windows:
    """The windows of a file; arguments are those of `Scannable.scan`. Raises InputError and ConfigError."""
    reader = get(modality)
    if not isinstance(reader, Scannable):
        raise InputError(f"{name} cannot be scanned: inputs of this modality are read whole")
    return reader.scan(data, name, shape=shape, preprocess=preprocess, every=every, options=options)


def stream(data: bytes, *, skip: int = 0, **how: Any) -> Iterator[Mapping[str, Any] | Window]:
    """What `windows` returns, in a form that can be sent: their number, length and notes, then each window.

    skip  windows that are not wanted
    """
    found = windows(data, **how)
    yield {"count": len(found), "seconds": found.seconds, "duration": found.duration, "notes": tuple(found.notes)}
    yield from islice(found, skip, None)
