"""Reading inputs: from a path, bytes, a file object, an image or an array, as a model's configuration asks for it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from .. import modalities
from ..checkpoints import BundledCheckpoints
from ..config import PerceiverConfig
from ..errors import InputError, OptionError
from ..modalities import Modality, Windows, decoding
from ..sample import Sample
from .isolated import Wait, open_windows_apart, read_apart

# The run-time check of the tests asks for classes that file objects are instances of, so a file object is Any here.
Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Any
"""A path, the bytes of a file, an open binary file, or a value that the modality's `file_of` takes: a PIL image or an
array of bytes for a model of images, an array of points for a model of point clouds."""

_HEAD = (1 << 20) + (1 << 16)
"""Bytes that are enough to tell what a file is, behind zeros, too."""

_NAMELESS = "the input"


def read_bytes(source: Source, modality: Modality, name: str | os.PathLike[str] | None = None) -> tuple[bytes, str]:
    """The bytes of an input as a file, and its name.

    modality  of the model
    name      in place of the file's own; bytes and arrays have none

    Raises InputError when it cannot be read, is larger than the modality takes, or is no input of this modality.
    """
    given = _given_name(name)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), given or _NAMELESS
    if isinstance(source, (str, os.PathLike)):
        return _of_path(source, modality.max_bytes, given)
    own = getattr(source, "name", None) or getattr(source, "filename", None)
    shown = given or (Path(own).name if isinstance(own, str) and own else _NAMELESS)
    if callable(getattr(source, "read", None)):
        return _of_file(source, modality.max_bytes, shown), shown
    data = modality.file_of(source)
    if data is None:
        takes = [
            "a path, the bytes of a file, an open binary file",
            *([modality.in_memory] if modality.in_memory else []),
        ]
        what = f"{_described(source)} is no {modality.description.noun.one}"
        raise InputError(f"{what if given is None else f'{given}: {what}'}; give {' or '.join(takes)}")
    return data, shown


def _given_name(name: str | os.PathLike[str] | None) -> str | None:
    if isinstance(name, os.PathLike):
        return Path(name).name
    if name is not None and not isinstance(name, str):
        raise InputError(f"the name of an input is {name!r}; it must be text or a path")
    return name


def _of_path(source: str | os.PathLike[str], max_bytes: int, name: str | None) -> tuple[bytes, str]:
    path = Path(os.fsdecode(source))
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(f"{path} has {size / 2**20:,.1f} MB; at most {max_bytes / 2**20:,.0f} MB can be read")
        return path.read_bytes(), name or path.name
    except OSError as error:
        raise InputError(f"{path} cannot be read: {_reason(error)}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        # A path with a zero byte, which no file can have.
        raise InputError(f"{str(path)!r} cannot be read: it is no path") from error


def _of_file(file: Any, max_bytes: int, shown: str) -> bytes:
    try:
        data = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = "it is closed" if getattr(file, "closed", False) else _reason(error)
        raise InputError(f"{shown} cannot be read: {reason}") from error
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InputError(f"{shown} is open as text; open it as a binary file")
    if len(data) > max_bytes:
        raise InputError(f"{shown} is larger than {max_bytes / 2**20:,.0f} MB, the most that can be read")
    return bytes(data)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def _described(value: object) -> str:
    """A value in messages: its type, of an array with shape and numbers."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        return f"an array ({', '.join(map(str, shape))}) of {dtype}"
    return "None" if value is None else f"a value of type {type(value).__name__}"


def read_sample(
    config: PerceiverConfig,
    source: Source,
    *,
    name: str | os.PathLike[str] | None = None,
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
    data, shown = read_bytes(source, modalities.get(config.modality), name)
    how: dict[str, Any] = {
        "modality": config.modality,
        "name": shown,
        "shape": config.input_shape,
        "preprocess": config.preprocess,
        "options": options,
    }
    with _options_of(shown):
        sample = read_apart(data, how, wait) if isolate else decoding.read(data, **how)
    return dataclasses.replace(sample, digest=hashlib.sha256(data).hexdigest())


@contextmanager
def _options_of(shown: str) -> Iterator[None]:
    """Puts the name of the input in front of errors about the options for reading it."""
    try:
        yield
    except OptionError as error:
        raise InputError(f"{modalities.shortened(shown)}: {error}") from error


def open_windows(
    config: PerceiverConfig,
    source: Source,
    *,
    name: str | os.PathLike[str] | None = None,
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
    data, shown = read_bytes(source, modality, name)
    how: dict[str, Any] = {
        "modality": config.modality,
        "name": shown,
        "shape": config.input_shape,
        "preprocess": config.preprocess,
        "options": options,
        "every": every,
    }
    with _options_of(shown):
        return open_windows_apart(data, how, wait) if isolate else decoding.windows(data, **how)


def best_checkpoint(path: str | os.PathLike[str]) -> str:
    """The first bundled checkpoint that reads files of this kind, recognised by the first bytes.

    Raises CheckpointError where no checkpoint is bundled.
    """
    path = Path(path)
    kind = _kind(path)
    bundled = BundledCheckpoints()
    # The ending decides which sort of model tells the reader that a file is nothing that it knows.
    suffix = path.suffix.lower().lstrip(".")
    named = [one for one in modalities.names() if kind is None and suffix in modalities.describe(one).extensions]
    for modality in (*modalities.for_file(kind), *named, *modalities.names()):
        if bundled.names(modality):
            return bundled.default(modality)
    return bundled.default(modalities.names()[0])


def fitting_modalities(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The modalities that may read a file, recognised by its first bytes; those meant for such files come first."""
    return modalities.for_file(_kind(Path(path)))


def _kind(path: Path) -> modalities.Kind | None:
    try:
        with path.open("rb") as file:
            return modalities.identify(file.read(_HEAD), path.name)
    except (OSError, ValueError):
        return None  # reading the file will say what is wrong with it
