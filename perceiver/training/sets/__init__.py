"""The data sets that models are trained on, by the modality of the model. Each is one entry here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...config import PerceiverConfig
from ...errors import ConfigError
from .base import TEST, TRAIN, VAL, Augmentation, DataSet, Examples
from .clouds import CloudAugmentation, CloudSet
from .hearing import SoundAugmentation
from .pictures import PictureSet
from .scenes import Augmentation as SceneAugmentation
from .sounds import SoundSet

__all__ = [
    "TEST",
    "TRAIN",
    "VAL",
    "Augmentation",
    "CloudAugmentation",
    "DataSet",
    "Examples",
    "SceneAugmentation",
    "SoundAugmentation",
    "open_set",
]

_SETS: dict[str, Callable[[Path, int, PerceiverConfig], DataSet]] = {
    "image": PictureSet,
    "audio": SoundSet,
    "points": CloudSet,
}


def open_set(folder: Path, split: int, model: PerceiverConfig) -> DataSet:
    """One split of the data in a folder, as a model reads it.

    Raises DataError without data, ConfigError for a model that none of the data sets is for.
    """
    if model.modality not in _SETS:
        raise ConfigError(f"there is no data set for the modality {model.modality!r}")
    return _SETS[model.modality](folder, split, model)
