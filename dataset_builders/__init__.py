"""Registry of the builders of data sets for training, from packages of free material.

An entry is a function that returns the definition of a data set (see frame.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import audio, clips, digits, image, letters, photographs, points
from .frame import DataSet, build

DATA_SETS: Mapping[str, Callable[[], DataSet]] = {
    "audio": audio.data_set,
    "clips": clips.data_set,
    "digits": digits.data_set,
    "image": image.data_set,
    "letters": letters.data_set,
    "photographs": photographs.data_set,
    "points": points.data_set,
}

__all__ = ["DATA_SETS", "DataSet", "build"]
