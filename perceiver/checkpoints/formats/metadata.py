"""Class names and the preparation of pictures, from the small files beside the weights.

`preprocessor_config.json` has the same form for Transformers and krasserm's library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import CheckpointError
from .base import Checkpoint, shown

PUBLISHED = 224
"""Pixels a side of the published ImageNet models."""
_CROP = 256
_MAX_SIDE = 4096
_MAX_FLOAT = 1e6
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


def preparation(checkpoint: Checkpoint, channels: int = 3) -> tuple[dict[str, Any], tuple[int, int]]:
    """Our settings from `preprocessor_config.json`, and the pixels (height, width) that the model reads.

    Without the file: what all three published models have. The "crop_size" in it is no size: the model sees the share
    size / crop_size of the shorter side, which is cropped before it is resized. Raises CheckpointError, with the
    option's own name, for what is impossible or not represented.
    """
    values = {name: value for name, value in checkpoint.preprocessor.items() if value is not None}
    size = _sides(values.get("size", PUBLISHED), "size")
    crop = _sides(values.get("crop_size", _CROP), "crop_size")
    for option, needed in (("do_resize", True), ("do_rescale", True), ("do_pad", False)):
        if values.get(option, needed) is not needed:
            raise CheckpointError(f"{checkpoint.name} has {option} = {shown(values[option])}, which is not represented")
    if values.get("rescale_factor", 1 / 255) != 1 / 255:
        raise CheckpointError(
            f"{checkpoint.name} has rescale_factor = {shown(values['rescale_factor'])}; it can only be 1/255"
        )
    resample = values.get("resample", 3)
    if type(resample) is not int or resample not in _RESAMPLE:
        raise CheckpointError(f"{checkpoint.name} has resample = {shown(resample)}, which is no filter's number")
    out: dict[str, Any] = {"crop": 1.0, "resample": _RESAMPLE[resample]}
    if _switch(values, "do_center_crop"):
        if size[0] * crop[1] != size[1] * crop[0] or size[0] > crop[0]:
            raise CheckpointError(
                f"{checkpoint.name} has a crop_size of another shape than its size, or a smaller one, which is not "
                "represented"
            )
        out["crop"] = size[0] / crop[0]
    if _switch(values, "do_normalize"):
        out["mean"] = _numbers(checkpoint, values.get("image_mean", _MEAN), "image_mean", channels)
        out["std"] = _numbers(checkpoint, values.get("image_std", _STD), "image_std", channels)
        if min(out["std"]) <= 0:
            raise CheckpointError(f"preprocessor_config.json has image_std = {shown(out['std'])}; it must be above 0")
    return out, size


def _switch(values: Mapping[str, Any], option: str) -> bool:
    value = values.get(option, True)
    if type(value) is not bool:
        raise CheckpointError(f"preprocessor_config.json has {option} = {shown(value)}; it must be true or false")
    return value


def _numbers(checkpoint: Checkpoint, value: Any, option: str, channels: int) -> list[float]:
    """A number for each channel; one that stands alone is for all."""
    numbers = list(value) if isinstance(value, list | tuple) else [value] * channels
    if len(numbers) != channels:
        raise CheckpointError(f"{checkpoint.name} has {len(numbers)} numbers of {option} for {channels} channels")
    if not all(type(number) in (int, float) and abs(number) <= _MAX_FLOAT for number in numbers):
        raise CheckpointError(f"{checkpoint.name} has {option} = {shown(value)}; it must be numbers")
    return numbers


def _sides(value: Any, what: str) -> tuple[int, int]:
    sides = [value, value]
    if isinstance(value, Mapping):
        sides = [value.get(side, value.get("shortest_edge")) for side in ("height", "width")]
    height, width = (side if type(side) is int else 0 for side in sides)
    if not (0 < height <= _MAX_SIDE and 0 < width <= _MAX_SIDE):
        raise CheckpointError(
            f"preprocessor_config.json has {what} = {shown(value)}; it must be whole numbers of pixels up to "
            f"{_MAX_SIDE:,}"
        )
    return height, width


def class_names(checkpoint: Checkpoint, classes: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Class names from `id2label` and notes; no names if it has others than the model has classes."""
    named = checkpoint.config.get("id2label")
    if not isinstance(named, dict):
        return (), ("has no id2label, so its classes have no names",)
    if len(named) == classes:
        labels = tuple(named.get(str(i)) for i in range(classes))
        if labels == tuple(f"LABEL_{i}" for i in range(classes)):
            return (), ()
        if all(isinstance(label, str) and label.strip() for label in labels):
            return tuple(map(str, labels)), ()
    note = f"id2label has {len(named)} entries, which are no names of the model's {classes} classes, and is ignored"
    return (), (note,)


def given_labels(value: Any) -> tuple[str, ...]:
    """Class names from a list. Raises CheckpointError for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(label, str | int) for label in value):
        raise CheckpointError("labels must be a list of names")
    return tuple(map(str, value))
