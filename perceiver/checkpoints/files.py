"""A checkpoint folder at file level: `model.safetensors` and `config.json`, written whole and read with suspicion."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..config import PerceiverConfig
from ..errors import CheckpointError, ConfigError
from .header import FLOATS, RE_SAVE, Entry, cast_notes, is_safetensors, read_header
from .names import unwrapped, wrapper_notes

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
README = "README.md"
FORMAT = "perceiver-lens"
VERSION = 1

_MAX_CONFIG_BYTES = 4 * 2**20
_MAX_NESTING = 16
_MAX_INPUTS = 2**24  # elements: twenty times the largest input of the papers
_MAX_LAYERS = 4096
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")


@dataclass(frozen=True)
class Weights:
    """The tensors of a file, all float32, under the model's own names; `notes` says what was changed on the way."""

    tensors: dict[str, Tensor]
    notes: tuple[str, ...]


def folder_of(path: Path) -> Path:
    """The checkpoint folder that a path means: the folder itself, or the one that holds a `model.safetensors`.

    Raises CheckpointError when it is no checkpoint of this project, with what it is instead.
    """
    if path.is_dir():
        return path
    if path.name == WEIGHTS:
        return path.parent
    try:
        renamed = is_safetensors(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or type(error).__name__}") from error
    if not renamed:
        read_header(path)
    raise CheckpointError(f"{path} must be called {WEIGHTS} and lie in one folder with its {CONFIG}")


def write(folder: Path, tensors: Mapping[str, Tensor], config: PerceiverConfig) -> None:
    """Writes `model.safetensors` (float32) and `config.json`; each file appears whole or not at all.

    Raises CheckpointError when a tensor holds NaN or infinity: nothing is written then.
    """
    floats = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in tensors.items()}
    _check_finite(floats, folder / WEIGHTS)
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / WEIGHTS, lambda path: save_file(floats, path, metadata={"format": "pt"}))
    write_json(folder / CONFIG, {"format": FORMAT, "version": VERSION, **config.to_dict()})


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes indented JSON, whole or not at all. Raises ValueError on NaN or infinity, which JSON cannot hold."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    _replace(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def read_config(folder: Path) -> PerceiverConfig:
    """The configuration in a checkpoint folder.

    Raises CheckpointError when `config.json` is missing, is no JSON, belongs to another program or a newer version, or
    describes no possible model.
    """
    path = folder / CONFIG
    values = read_json(path)
    if values.pop("format", None) != FORMAT:
        family = values.get("model_type") or values.get("_target_")
        other = f"it describes a model of type {family!r}" if family else 'it has no "format": "perceiver-lens"'
        raise CheckpointError(f"{path} is not a Perceiver Lens configuration: {other}")
    version = values.pop("version", None)
    if version != VERSION:
        raise CheckpointError(
            f"{path} is written in version {version!r} of the format, this program reads version {VERSION}; "
            "update Perceiver Lens, or save the checkpoint with the version that made it"
        )
    try:
        config = PerceiverConfig.from_dict(values)
    except (ConfigError, OverflowError) as error:
        raise CheckpointError(f"{path} cannot be used: {error}") from error
    check_sizes(config, str(path))
    return config


def check_sizes(config: PerceiverConfig, name: str) -> None:
    """Raises CheckpointError for a configuration of more input elements or layers than any model has.

    The weights bound every other size; these two are free of them or cost time before they are looked at.
    """
    layers = config.self_attends * len({tower for _, tower in config.plan}) + len(config.plan)
    for count, limit, what in ((config.num_inputs, _MAX_INPUTS, "input elements"), (layers, _MAX_LAYERS, "layers")):
        if count > limit:
            raise CheckpointError(f"{name} cannot be used: it describes {count:,} {what}, the limit is {limit:,}")


def read_weights(path: Path, expected: Mapping[str, tuple[int, ...]]) -> Weights:
    """The weights of a file, for a model with the `expected` names and shapes.

    Names and shapes are compared before any number is read. Prefixes of wrappers are taken off, half and double
    precision is cast to float32; both leave a note. Raises CheckpointError when a tensor is missing, unexpected, of
    another shape, of whole numbers, or holds NaN or infinity, and for every file that is damaged or of another kind.
    """
    if not path.is_file():
        raise CheckpointError(_no_weights(path))
    header = read_header(path)
    names = unwrapped(path, header)
    _check_names(path, names, expected)
    _check_shapes(path, {name: header[stored] for name, stored in names.items()}, expected)
    try:
        with safe_open(path, framework="pt") as file:
            # A copy, not a view of the mapped file: replacing the file must not change a model in use.
            tensors = {name: file.get_tensor(stored).to(torch.float32, copy=True) for name, stored in names.items()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be opened as a safetensors file; download it again") from error
    _check_finite(tensors, path)
    return Weights(tensors, notes=(*wrapper_notes(names), *cast_notes(header)))


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file. Raises CheckpointError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or type(error).__name__}") from error


def _replace(path: Path, write_to: Callable[[Path], object]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write_to(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises CheckpointError when there is none, or one that no configuration would be: too
    large, too deep, with numbers that are not finite."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_CONFIG_BYTES + 1)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing; a checkpoint needs it next to {WEIGHTS}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or type(error).__name__}") from error
    if len(text) > _MAX_CONFIG_BYTES:
        raise CheckpointError(f"{path} is larger than {_MAX_CONFIG_BYTES:,} bytes, which no configuration is")
    try:
        values = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is not valid: it holds no object of fields")
    if not _is_flat(values):
        raise CheckpointError(f"{path} is nested deeper than any configuration")
    return values


def _is_flat(values: object) -> bool:
    """Whether values are nested in no more than so many others."""
    level = [values]
    for _ in range(_MAX_NESTING):
        inside = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [value for values in inside for value in values]
    return not level


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text} is not finite")
    return value


def _no_weights(path: Path) -> str:
    others = sorted(p.name for p in path.parent.glob("*") if p.suffix in _PICKLES or p.name.startswith("model-0"))
    if not others:
        return f"{path} is missing"
    if others[0].startswith("model-0"):
        return f"{path} is missing and the weights are split into several files; {RE_SAVE}"
    return f"{path} is missing, and {others[0]} beside it may run code when it is opened; {RE_SAVE}"


def _check_names(path: Path, names: Mapping[str, str], expected: Mapping[str, tuple[int, ...]]) -> None:
    faults = [
        f"{len(wrong)} of {len(of)} tensors {'is' if len(wrong) == 1 else 'are'} {fault} ({_first(wrong)})"
        for fault, wrong, of in (
            ("missing", [n for n in expected if n not in names], expected),
            ("unexpected", [n for n in names if n not in expected], names),
        )
        if wrong
    ]
    if faults:
        raise CheckpointError(f"{path} does not fit its {CONFIG}: {' and '.join(faults)}")


def _check_shapes(path: Path, entries: Mapping[str, Entry], expected: Mapping[str, tuple[int, ...]]) -> None:
    whole = [name for name, entry in entries.items() if entry.dtype not in FLOATS]
    if whole:
        raise CheckpointError(
            f"{path} holds {entries[whole[0]].dtype} numbers in {_first(whole)}; weights must be float16, bfloat16, "
            "float32 or float64"
        )
    wrong = [name for name, shape in expected.items() if entries[name].shape != shape]
    if wrong:
        raise CheckpointError(
            f"{path} does not fit its {CONFIG}: {len(wrong)} of {len(expected)} tensors "
            f"{'has' if len(wrong) == 1 else 'have'} another shape ({wrong[0]} is {list(entries[wrong[0]].shape)} and "
            f"should be {list(expected[wrong[0]])})"
        )


def _check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    # A sum is finite only if every number is; adding in double precision cannot overflow float32 numbers.
    wrong = [name for name, tensor in tensors.items() if not tensor.sum(dtype=torch.float64).isfinite()]
    if wrong:
        raise CheckpointError(f"{path}: {_first(wrong)} holds NaN or infinite numbers, so the model is not usable")


def _first(names: list[str], shown: int = 3) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")
