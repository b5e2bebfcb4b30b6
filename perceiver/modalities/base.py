"""What every modality offers: bytes in, a Sample out, and the way back from an input element to the original.

A modality is one object in the registry. Nothing outside `modalities` asks which one it holds: whoever has a Sample
takes `get(sample.modality)` and calls the methods below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..sample import Sample
from .options import Option

Box = tuple[tuple[float, float], ...]

MEGABYTE = 1 << 20
_LONGEST_NAME = 60


@runtime_checkable
class Modality(Protocol):
    """A reader of one sort of file.

    name        its name in configurations: "image"
    extensions  endings of the files it reads, lower case, without a dot; a help for file choosers, never a check
    max_bytes   the largest file it takes
    options     what may be chosen about reading one input
    """

    @property
    def name(self) -> str: ...

    @property
    def extensions(self) -> tuple[str, ...]: ...

    @property
    def max_bytes(self) -> int: ...

    @property
    def options(self) -> tuple[Option, ...]: ...

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
        ...

    def to_original(self, sample: Sample, values: Float[np.ndarray, "*grid"]) -> Float[np.ndarray, "*size"]:
        """Lays one value an input element (in the sample's shape) on the original; NaN where the model read nothing."""
        ...

    def element_at(self, sample: Sample, *index: int) -> int | None:
        """The input element that covers one place of the original: a pixel (row, column), an audio sample, a point.

        None where the model read nothing. Agrees with `to_original` everywhere.
        """
        ...

    def box_of(self, sample: Sample, element: int) -> Box:
        """The part of the original one input element covers: (start, stop) an axis, in the units of `Sample.box`.

        Raises ValueError for an element that does not exist.
        """
        ...

    def places(self, sample: Sample) -> Mapping[str, Float[np.ndarray, "..."]]:
        """Where the elements lie on the original, for exports: float64 arrays by name.

        On a grid one array an axis, rows first, with the centres of its cells ("rows" and "cols" in pixels, "time" in
        seconds, "frequency" in hertz); for free elements one array over all of them ("points", (M, 3)).
        """
        ...


def check_size(data: bytes, shown: str, most: int, what: str) -> None:
    """Raises InputError for a file of more than `most` bytes; `what` it is to hold: "a picture"."""
    if len(data) > most:
        raise InputError(
            f"{shown} has {len(data) / MEGABYTE:,.1f} MB; {what} may have at most {most / MEGABYTE:,.1f} MB"
        )


def printable(name: str) -> str:
    """A file's name fit for a message: one line, no control or direction marks, at most 60 characters."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name).strip()
    if len(clean) > _LONGEST_NAME:
        half = (_LONGEST_NAME - 3) // 2
        clean = f"{clean[:half]}...{clean[-half:]}"
    return clean or "the file"
