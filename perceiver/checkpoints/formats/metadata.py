"""Class names and the preparation of pictures, from the small files beside the weights.

`preprocessor_config.json` has the same form for Transformers and krasserm's library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import CheckpointError
from .base import Checkpoint, listed, shown

PUBLISHED = 224
"""Pixels a side of the published ImageNet models."""
_CROP = 256
_MAX_SIDE = 4096
_MAX_FLOAT = 1e6
_BYTE = 1 / 255
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
# What else may be changed, and the only value that is represented.
_FIXED = {
    "do_resize": True,
    "do_pad": False,
    "do_reduce_labels": False,
    "do_flip_channel_order": False,
    "do_thumbnail": False,
    "do_align_long_axis": False,
    "do_random_crop": False,
    "data_format": "channels_first",
}
_TYPES = ("image_processor_type", "feature_extractor_type")
_KNOWN = {
    *("size", "crop_size", "resample", "rescale_factor", "image_mean", "image_std"),
    *("do_center_crop", "do_rescale", "do_normalize", *_TYPES, *_FIXED),
    # About how arrays are passed, or who reads the file. Pictures are always made RGB.
    *("do_convert_rgb", "input_data_format", "return_tensors", "device", "disable_grouping", "processor_class"),
    *("_processor_class", "_valid_processor_keys", "auto_map", "image_seq_length", "default_to_square", "pad_size"),
    *("single_channel", "channels_last"),  # krasserm's own
}


@dataclass(frozen=True)
class Preparation:
    """How pictures are prepared.

    settings  ours, for `preprocess`
    size      pixels (height, width) that the model reads
    notes     what was ignored or assumed, a sentence each
    """

    settings: dict[str, Any]
    size: tuple[int, int]
    notes: tuple[str, ...] = ()


def preparation(checkpoint: Checkpoint, channels: int = 3) -> Preparation:
    """Our settings from `preprocessor_config.json`, and the pixels (height, width) that the model reads.

    What the file does not say has the values of Transformers' own processor. The "crop_size" in it is no size: the
    model sees the share size / crop_size of the shorter side, which is cropped before it is resized. Raises
    CheckpointError, with the option's own name, for what is impossible or not represented.
    """
    values = said(checkpoint.preprocessor)
    _check_represented(checkpoint, values)
    size = _sides(values.get("size", PUBLISHED), "size")
    resample = values.get("resample", 3)
    if type(resample) is not int or resample not in _RESAMPLE:
        raise CheckpointError(f"{checkpoint.name} has resample = {shown(resample)}, which is no filter's number")
    settings = _crop(checkpoint, values, size) | {"resample": _RESAMPLE[resample]}
    unknown = [name for name, value in values.items() if name not in _KNOWN and value is not False]
    notes = (f"ignored {listed(unknown)} of preprocessor_config.json, which Perceiver's processor does not know",)
    return Preparation(settings | _scale(checkpoint, values, channels), size, notes if unknown else ())


def said(preprocessor: Mapping[str, Any]) -> dict[str, Any]:
    """What `preprocessor_config.json` says: a step that is null is off, another field that is null is left out."""
    return {
        name: False if value is None else value
        for name, value in preprocessor.items()
        if value is not None or name.startswith("do_")
    }


def published(size: tuple[int, int], source: str) -> Preparation:
    """How pictures are prepared for the published models, at the model's own size, where no file says it.

    source  where the size is from
    """
    settings = {"crop": PUBLISHED / _CROP, "resample": "bicubic", "mean": list(_MEAN), "std": list(_STD)}
    note = (
        "has no preprocessor_config.json; pictures are prepared as for the library's published models, at "
        f"{size[0]} x {size[1]} pixels, {source}"
    )
    return Preparation(settings, size, (note,))


def _check_represented(checkpoint: Checkpoint, values: Mapping[str, Any]) -> None:
    """Raises CheckpointError for another model's processor, and for steps that are not taken here."""
    for option in _TYPES:
        kind = values.get(option, "Perceiver")
        if not isinstance(kind, str) or not kind.startswith("Perceiver"):
            raise CheckpointError(
                f"{checkpoint.name} has {option} = {shown(kind)} in preprocessor_config.json; only Perceiver's own "
                "processor is represented"
            )
    for option, needed in _FIXED.items():
        if values.get(option, needed) != needed or type(values.get(option, needed)) is not type(needed):
            raise CheckpointError(
                f"{checkpoint.name} has {option} = {shown(values[option])} in preprocessor_config.json, which is not "
                "represented"
            )


def _crop(checkpoint: Checkpoint, values: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """The part of the picture that is resized: all of it, or a square in its middle whatever the size's aspect."""
    if not _switch(values, "do_center_crop", True):
        return {"crop": 1.0, "fit": "stretch"}
    crop = _sides(values.get("crop_size", _CROP), "crop_size")
    if size[0] * crop[1] != size[1] * crop[0] or size[0] > crop[0]:
        raise CheckpointError(
            f"{checkpoint.name} has a crop_size of another shape than its size, or a smaller one, which is not "
            "represented"
        )
    return {"crop": size[0] / crop[0]} | ({} if size[0] == size[1] else {"fit": "square"})


def _scale(checkpoint: Checkpoint, values: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """`mean` and `std` of values from 0 to 1: theirs are of values from 0 to 255 times the rescale_factor."""
    factor = values.get("rescale_factor", _BYTE) if _switch(values, "do_rescale", True) else 1.0
    if type(factor) not in (int, float) or not 1 / _MAX_FLOAT <= factor <= _MAX_FLOAT:
        raise CheckpointError(
            f"{checkpoint.name} has rescale_factor = {shown(factor)}; it must be a number from 1e-6 to 1e6"
        )
    whole = 1.0 if factor == _BYTE else 255 * factor
    normalised = _switch(values, "do_normalize", True)
    if not normalised and whole == 1:
        return {}
    mean = _numbers(checkpoint, values.get("image_mean", _MEAN) if normalised else 0.0, "image_mean", channels)
    std = _numbers(checkpoint, values.get("image_std", _STD) if normalised else 1.0, "image_std", channels)
    if min(std) <= 0:
        raise CheckpointError(f"preprocessor_config.json has image_std = {shown(std)}; it must be above 0")
    return {"mean": [one / whole for one in mean], "std": [one / whole for one in std]}


def _switch(values: Mapping[str, Any], option: str, default: bool) -> bool:
    value = values.get(option, default)
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
    """A size given as one number, a list of height and width, or by their names. An edge whose length is given alone,
    which would leave the other to the picture, is none."""
    sides = [value, value]
    if isinstance(value, Mapping):
        given = {name: side for name, side in value.items() if side is not None}
        sides = [given.get("height"), given.get("width")] if set(given) == {"height", "width"} else [None, None]
    elif isinstance(value, list | tuple) and len(value) == 2:
        sides = list(value)
    height, width = (side if type(side) is int else 0 for side in sides)
    if not (0 < height <= _MAX_SIDE and 0 < width <= _MAX_SIDE):
        raise CheckpointError(
            f"preprocessor_config.json has {what} = {shown(value)}; it must be height and width in whole pixels up to "
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
            return tuple(map(str, labels)), _contradictions(checkpoint, labels)
    unnamed = [str(i) for i in range(classes) if not isinstance(named.get(str(i)), str)]
    gaps = f" (it has none for {listed(unnamed)})" if unnamed else ""
    note = (
        f"id2label has {len(named)} entries, which are no names of the model's {classes} classes{gaps}, and is ignored"
    )
    return (), (note,)


def _contradictions(checkpoint: Checkpoint, labels: tuple[Any, ...]) -> tuple[str, ...]:
    """A note where `label2id` numbers the classes otherwise. Of a name that stands twice it knows one number."""
    numbers = checkpoint.config.get("label2id")
    if not isinstance(numbers, Mapping):
        return ()
    wrong = [name for name, i in numbers.items() if type(i) is not int or not 0 <= i < len(labels) or labels[i] != name]
    return (f"label2id contradicts id2label, which is followed ({listed(wrong)})",) if wrong else ()


def given_labels(value: Any) -> tuple[str, ...]:
    """Class names from a list. Raises CheckpointError for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(label, str | int) for label in value):
        raise CheckpointError("labels must be a list of names")
    return tuple(map(str, value))
