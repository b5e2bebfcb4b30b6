"""The files of a checkpoint folder: their names, and how they are written and read one by one."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..config import PerceiverConfig
from ..errors import CheckpointError, ConfigError

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
README = "README.md"
PICKLE = "pytorch_model.bin"
PREPROCESSOR = "preprocessor_config.json"
FORMAT = "perceiver-lens"
VERSION = 1

_MAX_CONFIG_BYTES = 4 * 2**20
_MAX_NESTING = 16
_MAX_INPUTS = 2**24  # elements: twenty times the largest input of the papers
_MAX_LAYERS = 4096


def write_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Writes a safetensors file of float32 tensors, whole or not at all, and its folder if needed.

    Raises CheckpointError when a tensor holds NaN or infinity; nothing is written then.
    """
    floats = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in tensors.items()}
    wrong = [name for name, tensor in floats.items() if not is_finite(tensor)]
    if wrong:
        raise not_finite(str(path), wrong)
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, lambda part: save_file(floats, part, metadata={"format": "pt"}))


def write_config(path: Path, config: PerceiverConfig) -> None:
    """Writes a configuration in this project's format. Raises ValueError as `write_json` does."""
    write_json(path, {"format": FORMAT, "version": VERSION, **config.to_dict()})


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes indented JSON, whole or not at all. Raises ValueError on NaN or infinity, which JSON cannot hold."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    _replace(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def read_config(folder: Path) -> PerceiverConfig:
    """The configuration in a checkpoint folder of this project. Raises CheckpointError as `parse_config` does, or when
    there is none."""
    path = folder / CONFIG
    return parse_config(read_json(path), str(path))


def parse_config(values: Mapping[str, Any], label: str) -> PerceiverConfig:
    """The configuration in the values of a `config.json`, which messages call `label`.

    Raises CheckpointError when it belongs to another program or a newer version, or describes no possible model.
    """
    values = dict(values)
    if values.pop("format", None) != FORMAT:
        family = values.get("model_type") or values.get("_target_")
        other = f"it describes a model of type {family!r}" if family else 'it has no "format": "perceiver-lens"'
        raise CheckpointError(f"{label} is not a Perceiver Lens configuration: {other}")
    version = values.pop("version", None)
    if version != VERSION:
        raise CheckpointError(
            f"{label} is written in version {version!r} of the format, this program reads version {VERSION}",
            "update Perceiver Lens, or save the checkpoint with the version that made it",
        )
    try:
        config = PerceiverConfig.from_dict(values)
    except (ConfigError, OverflowError) as error:
        raise CheckpointError(f"{label} cannot be used: {error}") from error
    check_sizes(config, label)
    return config


def check_sizes(config: PerceiverConfig, label: str) -> None:
    """Raises CheckpointError for a configuration of more input elements or layers than any model has.

    The weights bound every other size; these two are independent of them or take time before they are compared.
    """
    layers = config.self_attends * len({tower for _, tower in config.plan}) + len(config.plan)
    for count, limit, what in ((config.num_inputs, _MAX_INPUTS, "input elements"), (layers, _MAX_LAYERS, "layers")):
        if count > limit:
            raise CheckpointError(f"{label} cannot be used: it describes {count:,} {what}, the limit is {limit:,}")


def read_json(
    path: Path, label: str | None = None, *, advice: str = f"a checkpoint needs it next to {WEIGHTS}"
) -> dict[str, Any]:
    """The object in a JSON file, which messages call `label` instead of its path.

    advice  where it is missing

    Raises CheckpointError when there is none, or one that no configuration would be: too large, too deep, with numbers
    that are not finite.
    """
    label = label or str(path)
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_CONFIG_BYTES + 1)
    except FileNotFoundError as error:
        raise CheckpointError(f"{label} is missing", advice) from error
    except OSError as error:
        raise CheckpointError(f"{label} cannot be read: {error.strerror or type(error).__name__}") from error
    if len(text) > _MAX_CONFIG_BYTES:
        raise CheckpointError(f"{label} is larger than {_MAX_CONFIG_BYTES:,} bytes, which no configuration is")
    try:
        values = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{label} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{label} is not valid: it holds no object of fields")
    if not _is_flat(values):
        raise CheckpointError(f"{label} is nested deeper than any configuration")
    return values


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file. Raises CheckpointError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or type(error).__name__}") from error


def is_finite(tensor: Tensor) -> bool:
    """Whether every number of a tensor is finite."""
    # A sum is finite only if every number is; adding in double precision cannot overflow float32 numbers.
    return bool(tensor.sum(dtype=torch.float64).isfinite())


def not_finite(label: str, names: list[str]) -> CheckpointError:
    """The error for tensors of a file that hold NaN or infinity."""
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return CheckpointError(f"{label}: {shown} holds NaN or infinite numbers, so the model is not usable")


def _replace(path: Path, write_to: Callable[[Path], object]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write_to(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _is_flat(values: object) -> bool:
    """Whether values are nested in no more than _MAX_NESTING others."""
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
