"""What every modality offers: bytes in, a Sample out, and the way back from an input element to the original.

Whoever has a Sample takes `get(sample.modality)` and calls the methods below; nothing outside `modalities` asks which
modality it holds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from ..errors import InputError, printable
from ..sample import Sample
from . import describe
from .description import Description
from .options import Option

Box = tuple[tuple[float, float], ...]

MEGABYTE = 1 << 20
_LONGEST_NAME = 60


class DecodeError(Exception):
    """A decoder cannot decode the data; its message continues "... is a WAV sound, but"."""

    def __init__(self, reason: str = "its data are cut off, damaged or of a variant that is not read") -> None:
        super().__init__(reason)


class Modality(ABC):
    """A reader of one sort of file.

    description  its words and constants
    in_memory    the values that `file_of` takes, in words; "" for none
    max_bytes    the largest file it takes
    """

    description: ClassVar[Description]
    in_memory: ClassVar[str] = ""
    max_bytes: int

    @property
    def name(self) -> str:
        """Its name in configurations: "image"."""
        return self.description.name

    @property
    def extensions(self) -> tuple[str, ...]:
        """Endings of the files it reads."""
        return self.description.extensions

    @property
    def options(self) -> tuple[Option, ...]:
        """What may be chosen about reading one input."""
        return self.description.options

    @abstractmethod
    def read(
        self,
        data: bytes,
        name: str,
        *,
        shape: tuple[int, ...],
        preprocess: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
    ) -> Sample:
        """Makes the sample that a model with this input shape reads.

        data        the whole file
        name        the file's name: it is shown in messages and never trusted
        shape       the grid of input elements, rows first (`PerceiverConfig.input_shape`)
        preprocess  the modality's own settings (`PerceiverConfig.preprocess`)
        options     choices about this input, by the names of `options`; what is not chosen is at its default

        Raises InputError, and only that, for whatever is wrong with the file or the options; ConfigError when `shape`
        or `preprocess` describe nothing this modality can make.
        """

    def file_of(self, value: object) -> bytes | None:
        """The bytes of a file with the contents of a value in memory, such as an array; None for a value that is no
        input of this modality, or could be several."""
        del value
        return None

    @abstractmethod
    def to_original(self, sample: Sample, values: Float[np.ndarray, "*grid"]) -> Float[np.ndarray, "*size"]:
        """Lays one value an input element (in the sample's shape) on the original; NaN where there is no element.

        Raises ValueError for values of another shape.
        """

    @abstractmethod
    def element_at(self, sample: Sample, *index: int) -> int | None:
        """The input element that covers one place of the original: a pixel (row, column), an audio sample, a point.

        None where there is no element. Agrees with `to_original` everywhere.
        """

    @abstractmethod
    def box_of(self, sample: Sample, element: int) -> Box:
        """The part of the original one input element covers: (start, stop) an axis, in the units of `Sample.box`.

        Raises ConfigError for an element that does not exist.
        """

    @abstractmethod
    def places(self, sample: Sample) -> Mapping[str, Float[np.ndarray, "..."]]:
        """Where the elements lie on the original, for exports: float64 arrays by name.

        On a grid one array an axis, rows first, with the centres of its cells ("rows" and "cols" in pixels, "time" in
        seconds, "frequency" in hertz); for free elements one array over all of them ("points", (M, 3)).
        """


def get(name: str) -> Modality:
    """The modality of this name. Raises ConfigError when there is none."""
    modality = import_module(f".{describe(name).name}.modality", __package__).MODALITY
    assert isinstance(modality, Modality)
    return modality


def axes(sample: Sample) -> tuple[str, ...]:
    """The names of the axes that a sample's positions lie on: "rows" and "cols", "time" and "frequency"; of
    parts "audio_time", "video_rows"; of free elements "x", "y" and "z"."""
    if sample.coordinates is not None:
        return tuple("xyzw"[: sample.coordinates.shape[1]])
    return tuple(get(sample.modality).places(sample))


def check_size(data: bytes, shown: str, most: int, what: str) -> None:
    """Raises InputError for a file of more than `most` bytes; `what` it is to hold: "a picture"."""
    if len(data) > most:
        raise InputError(
            f"{shown} has {len(data) / MEGABYTE:,.1f} MB; {what} may have at most {most / MEGABYTE:,.1f} MB"
        )


def shortened(name: str) -> str:
    """A file's name fit for a message: one line, no control or direction marks, at most 60 characters."""
    clean = printable(name).strip()
    if len(clean) > _LONGEST_NAME:
        half = (_LONGEST_NAME - 3) // 2
        clean = f"{clean[:half]}...{clean[-half:]}"
    return clean or "the file"
