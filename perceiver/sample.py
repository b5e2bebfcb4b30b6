"""Samples: prepared inputs, with the original contents for display and the mapping between the two."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int64, Shaped

if TYPE_CHECKING:
    from torch import Tensor  # worker processes decode without PyTorch

from .errors import one_line


@dataclass(frozen=True)
class Part:
    """One grid of elements of a multi-modal input.

    name   "video", "audio", "label"
    shape  of the grid
    box    extent of the grid, (start, stop) per axis; empty for elements without a location
    """

    name: str
    shape: tuple[int, ...]
    box: tuple[tuple[float, float], ...]

    @property
    def count(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """An input prepared for a model. Modalities add fields in subclasses.

    name         file name, for messages and exports
    modality     name of the modality
    content      content channels of each input element, as passed to the model
    shape        grid of the elements, rows first, whose product is M; (M,) for free elements and for parts
    seen         the input as passed to the model, for display: (H, W, 3) uint8 for an image, (frames, H, W, 3)
                 for a video, (samples,) float32 for a sound, (M, 3) float32 for a point cloud
    original     the contents of the file, upright, for display: (h, w, 3) uint8 for an image, (frames, h, w, 3) for a
                 video; minimum and maximum of each time slice, (2, slices) float32, for a sound; (n, 3) float32
                 points for a point cloud
    box          extent of the elements on the original, (start, stop) per axis, in its units (pixels, seconds, hertz)
    coordinates  coordinates of the elements in [-1, 1] if they are not on a grid (point clouds); else None
    padding      elements for which nothing was recorded, such as those after the end of a sound, in the shape of the
                 elements; None where there are none
    erased       elements that are taken out of the input array (`perceiver.analysis.erasure`), in the shape of the
                 elements, which drawings mark; None where there are none
    parts        the grids of a multi-modal input (clips), in order; else empty
    digest       SHA-256 of the file; None for a sample that was not read through `perceiver.lens`
    rows         the row of the file that each element is, counted from 0 (a point of a cloud, or the triangle of a mesh
                 that it lies on); None where elements are not rows
    notes        changes made while preparing the input, one sentence each
    """

    name: str
    modality: str
    content: Float[Tensor, "M content"] = field(repr=False)
    shape: tuple[int, ...]
    seen: np.ndarray = field(repr=False)
    original: np.ndarray = field(repr=False)
    box: tuple[tuple[float, float], ...]
    coordinates: Float[Tensor, "M axes"] | None = field(default=None, repr=False)
    parts: tuple[Part, ...] = ()
    padding: Bool[np.ndarray, "..."] | None = field(default=None, repr=False)
    erased: Bool[np.ndarray, "..."] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    digest: str | None = field(default=None, repr=False)
    rows: Int64[np.ndarray, "M"] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # They may quote names of the file.
        object.__setattr__(self, "notes", tuple(one_line(note) for note in self.notes))

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.shape))
        return f"{type(self).__name__}({self.name!r}: {self.modality} {shape}, {len(self.notes)} notes)"

    def _repr_html_(self) -> str:
        """The input as the model sees it, where that is a picture, and what was changed when it was read."""
        from .notebook import picture_html, row, titled_table

        rows = [
            ["modality", self.modality],
            ["elements", " × ".join(map(str, self.shape))],
            ["content channels", str(self.content.shape[1])],
            *(["note", note] for note in self.notes),
        ]
        is_picture = self.seen.ndim == 3 and self.seen.shape[2] == 3 and self.seen.dtype == np.uint8
        picture = picture_html(self.seen, self.name, f"{self.name}, as read") if is_picture else ""
        return row(picture, titled_table(self.name, rows))

    def part(self, name: str) -> tuple[Part, slice] | None:
        """A part, and which input elements it holds; None where the input has no part of this name."""
        return find_part(self.parts, name)

    def split(self, values: Shaped[np.ndarray, "*rest M"]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
        """Splits values over all elements into one array per part, (*rest, *shape of the part), by name.

        Raises ValueError if the input has no parts or the number of values differs from M.
        """
        return split(self.parts, values)


def find_part(parts: tuple[Part, ...], name: str) -> tuple[Part, slice] | None:
    """A part among several, and which elements it holds; None where there is none of this name."""
    first = 0
    for part in parts:
        if part.name == name:
            return part, slice(first, first + part.count)
        first += part.count
    return None


def filled(sample: Sample, name: str) -> bool:
    """Whether a part is padding alone: the file holds nothing for it, such as the sound of a clip without sound."""
    found = sample.part(name)
    return found is not None and sample.padding is not None and bool(sample.padding.ravel()[found[1]].all())


def split(parts: tuple[Part, ...], values: Shaped[np.ndarray, "*rest M"]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Splits values over the elements of all parts into one array per part, by name.

    Raises ValueError as `Sample.split` does.
    """
    total = sum(part.count for part in parts)
    if not parts or values.shape[-1] != total:
        raise ValueError(f"{values.shape[-1]} values cannot be split into parts of {total} elements")
    out, at = {}, 0
    for part in parts:
        out[part.name] = values[..., at : at + part.count].reshape(*values.shape[:-1], *part.shape)
        at += part.count
    return out
