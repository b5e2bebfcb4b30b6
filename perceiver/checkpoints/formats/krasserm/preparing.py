"""How a picture is prepared for a model of perceiver-io."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ....errors import CheckpointError
from ..pictures import PUBLISHED, preparation
from .told import Told


def prepared(told: Told, size: tuple[int, int], channels: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Our settings from `preprocessor_config.json`, which has the form of Transformers' and an option for grey, and
    notes. Raises CheckpointError for those that are impossible, not represented, or of another size."""
    given = told.given.get("preprocess")
    if given is not None:
        if not isinstance(given, Mapping):
            raise CheckpointError("preprocess must be an object of settings by name")
        return dict(given), ()
    values = {name: value for name, value in told.checkpoint.preprocessor.items() if value is not None}
    notes: list[str] = []
    whole = {"height": size[0], "width": size[1]}
    if values.get("single_channel") and channels != 1:
        raise CheckpointError(f"{told.checkpoint.name} has single_channel on and reads {channels} channels")
    if not values:
        notes.append("has no preprocessor_config.json; pictures are prepared as for the library's published models")
        values = {"size": whole}
        if channels == 1:
            values |= {"do_center_crop": False, "image_mean": 0.5, "image_std": 0.5}
        elif size != (PUBLISHED, PUBLISHED):
            values |= {"do_center_crop": False}
    elif not values.get("do_resize", True) and not values.get("do_center_crop", True):
        values |= {"do_resize": True, "size": whole}
        notes.append(f"brings pictures to {size[0]} x {size[1]} pixels; the library takes only those that have them")
    if not values.get("do_center_crop", True):
        values["crop_size"] = whole
    preprocess, pixels = preparation(replace(told.checkpoint, preprocessor=values), channels)
    if pixels != size:
        raise CheckpointError(
            f"{told.checkpoint.name} is prepared for {pixels[0]} x {pixels[1]} pixels and reads {size[0]} x {size[1]}"
        )
    return (preprocess | {"channels": 1} if channels == 1 else preprocess), tuple(notes)
