"""Registry of the data sets for training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from ...config import PerceiverConfig
from ...errors import ConfigError, DataError
from .base import TEST, TRAIN, VAL, Augmentation, DataSet, Examples
from .clip_files import ClipFileSet, is_clip_folder
from .clips import ClipAugmentation, ClipSet
from .clouds import CloudAugmentation, CloudSet
from .digits import DIGITS, DigitAugmentation, DigitSet
from .folder import FolderAugmentation, FolderSet, is_class_folder
from .hearing import SoundAugmentation
from .letters import LETTERS, LetterAugmentation, LetterSet
from .pictures import PictureSet
from .scenes import Augmentation as SceneAugmentation
from .sounds import SoundSet

__all__ = [
    "TEST",
    "TRAIN",
    "VAL",
    "Augmentation",
    "ClipAugmentation",
    "ClipFileSet",
    "CloudAugmentation",
    "DataSet",
    "DigitAugmentation",
    "Examples",
    "FolderAugmentation",
    "LetterAugmentation",
    "SceneAugmentation",
    "SoundAugmentation",
    "open_set",
    "validation_examples",
]

_Open = Callable[[Path, int, PerceiverConfig], DataSet]

_SETS: dict[str, _Open] = {"image": PictureSet, "audio": SoundSet, "points": CloudSet, "audiovisual": ClipSet}
# Data sets that are identified by modality and classes.
_BY_CLASSES: dict[tuple[str, tuple[str, ...]], _Open] = {("image", LETTERS): LetterSet, ("image", DIGITS): DigitSet}


def open_set(folder: Path, split: int, model: PerceiverConfig) -> DataSet:
    """One split of the data in a folder, prepared for a model.

    The folder holds class folders, lists of segments, or built data sets, of which the modality and classes of the
    model select one.

    Raises DataError if the data is missing, ConfigError if no data set fits the model.
    """
    if model.modality == "image" and is_class_folder(folder):
        return FolderSet(folder, split, model)
    if model.modality == "audiovisual" and is_clip_folder(folder):
        return ClipFileSet(folder, split, model)
    known = _BY_CLASSES.get((model.modality, model.labels)) or _SETS.get(model.modality)
    if known is None:
        raise ConfigError(f"there is no data set for the modality {model.modality!r}")
    return known(folder, split, model)


def validation_examples(folder: Path, model: PerceiverConfig, most: int | None = None) -> Examples | None:
    """Validation examples for a model, at most `most`, evenly spaced; None without a validation split."""
    try:
        data = open_set(folder, VAL, model)
    except DataError:
        return None
    if not len(data.labels):
        return None
    examples = data.held_out()
    if most is None or most >= len(examples):
        return examples
    return examples.at(torch.linspace(0, len(examples) - 1, most).long())
