"""Reading inputs: from a path, from bytes or from a file object, as a model's configuration asks for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from .. import modalities
from ..checkpoints import BundledCheckpoints
from ..config import PerceiverConfig
from ..errors import InputError
from ..modalities import Windows, decoding
from ..sample import Sample
from .isolated import Wait, open_windows_apart, read_apart

# The run-time check of the tests asks for classes that file objects are instances of, so a file object is Any here.
Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Any
"""A path, the bytes of a file, or an open binary file."""

_HEAD = (1 << 20) + (1 << 16)
"""Bytes that are enough to tell what a file is, behind zeros, too."""

_NAMELESS = "the input"


def read_bytes(source: Source, max_bytes: int, name: str | None = None) -> tuple[bytes, str]:
    """The bytes of an input, and its name.

    name  in place of the file's own; bytes have none

    Raises InputError when it cannot be read or is larger than `max_bytes`.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), name or _NAMELESS
    if not isinstance(source, (str, os.PathLike)):
        own = getattr(source, "name", None)
        shown = name or (Path(own).name if isinstance(own, str) else _NAMELESS)
        data = source.read(max_bytes + 1)
        if not isinstance(data, bytes):
            raise InputError(f"{shown} is open as text; open it as a binary file")
        if len(data) > max_bytes:
            raise InputError(f"{shown} is larger than {max_bytes / 2**20:,.0f} MB, the most that can be read")
        return data, shown
    path = Path(source)
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(f"{path} has {size / 2**20:,.1f} MB; at most {max_bytes / 2**20:,.0f} MB can be read")
        return path.read_bytes(), name or path.name
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise InputError(f"{path} cannot be read: {reason}") from error


def read_sample(
    config: PerceiverConfig,
    source: Source,
    *,
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
    isolate: bool = False,
    wait: Wait | None = None,
) -> Sample:
    """An input as a model reads it.

    config   of the model
    name     of the input, for messages and exports; by default the file's own
    options  choices about reading it, by the names of the modality's `options`: {"start": 1.5}, {"up": "z"}
    isolate  decodes the file in a worker process, with limits on memory and time
    wait     with `isolate`, called several times a second meanwhile; what it raises ends the decoding

    Raises InputError for whatever is wrong with the file or the options; of these DecodingError when decoding in a
    worker process crashed or exceeded a limit.
    """
    data, shown = read_bytes(source, modalities.get(config.modality).max_bytes, name)
    how: dict[str, Any] = {
        "modality": config.modality,
        "name": shown,
        "shape": config.input_shape,
        "preprocess": config.preprocess,
        "options": options,
    }
    return read_apart(data, how, wait) if isolate else decoding.read(data, **how)


def open_windows(
    config: PerceiverConfig,
    source: Source,
    *,
    name: str | None = None,
    every: float | None = None,
    options: Mapping[str, Any] | None = None,
    model_name: str = "this model",
    isolate: bool = False,
    wait: Wait | None = None,
) -> Windows:
    """The windows of an input that is longer than a model reads at once.

    every          seconds from the start of one window to the next; None puts them end to end
    options        choices about reading it, as for `read_sample`; without "start", since all windows are read
    isolate, wait  as `read_sample` takes them; they hold for the iteration over the windows too

    Raises InputError when it cannot be read, and for a model whose inputs have no time to go along; DecodingError as
    `read_sample` does.
    """
    modality = modalities.get(config.modality)
    if not isinstance(modality, modalities.Scannable):
        raise InputError(
            f"{model_name} reads its input whole, so there is nothing to scan along; what can "
            "be scanned goes on in time, such as a sound or a clip"
        )
    data, shown = read_bytes(source, modality.max_bytes, name)
    how: dict[str, Any] = {
        "modality": config.modality,
        "name": shown,
        "shape": config.input_shape,
        "preprocess": config.preprocess,
        "options": options,
        "every": every,
    }
    return open_windows_apart(data, how, wait) if isolate else decoding.windows(data, **how)


def best_checkpoint(path: str | os.PathLike[str]) -> str:
    """The first bundled checkpoint for files of this sort, told by the file's first bytes.

    Raises CheckpointError where no checkpoint is bundled.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            kind = modalities.identify(file.read(_HEAD), path.name)
    except OSError:
        kind = None  # reading the file will say what is wrong with it
    bundled = BundledCheckpoints()
    # The ending decides which sort of model tells the reader that a file is nothing that it knows.
    suffix = path.suffix.lower().lstrip(".")
    named = [one for one in modalities.names() if kind is None and suffix in modalities.describe(one).extensions]
    for modality in (*modalities.for_file(kind), *named, *modalities.names()):
        if bundled.names(modality):
            return bundled.default(modality)
    return bundled.default(modalities.names()[0])
