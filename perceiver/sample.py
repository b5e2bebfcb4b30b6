"""Samples: inputs as people see them and as a model reads them, with the mapping between the two."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Part:
    """One of several grids of elements that an input is made of.

    name   "video", "audio", "label"
    shape  of the grid
    box    where its elements lie: (start, stop) an axis; empty for elements that lie nowhere
    """

    name: str
    shape: tuple[int, ...]
    box: tuple[tuple[float, float], ...]

    @property
    def count(self) -> int:
        """Its elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The result of reading a file; modalities add fields in subclasses.

    name         the file's name, for messages and exports
    modality     the modality that made it
    content      content channels of every input element, as the model reads them
    shape        the grid the elements lie on, rows first; M is its product; (M,) for free elements and for parts
    seen         the input exactly as the model reads it, for display: (H, W, 3) uint8 for an image, (frames, H, W, 3)
                 for a video, (samples,) float32 for a sound, (M, 3) float32 for a point cloud
    original     the contents of the file, upright, for display: (h, w, 3) uint8 for an image, (frames, h, w, 3) for a
                 video; the lowest and highest value of each slice of time, (2, slices) float32, for a sound; (n, 3)
                 float32 points for a point cloud
    box          where the elements lie on the original: (start, stop) an axis, in the original's own units (pixels,
                 seconds, hertz)
    coordinates  the elements' coordinates in [-1, 1] where they do not lie on a grid (point clouds); else None
    parts        the grids that the elements lie on, one after the other, where there are several (clips); else empty
    notes        what was changed on the way in, one sentence each
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
    notes: tuple[str, ...] = ()

    def split(self, values: Shaped[np.ndarray, "*rest M"]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
        """Splits values over all elements into one array for each part, (*rest, *shape of the part), by its name.

        Raises ValueError for an input that is not made of parts, and for another number of values.
        """
        return split(self.parts, values)


def split(parts: tuple[Part, ...], values: Shaped[np.ndarray, "*rest M"]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Splits values over the elements of all parts into one array for each, by its name. Raises ValueError as
    `Sample.split` does."""
    total = sum(part.count for part in parts)
    if not parts or values.shape[-1] != total:
        raise ValueError(f"{values.shape[-1]} values cannot be split into parts of {total} elements")
    out, at = {}, 0
    for part in parts:
        out[part.name] = values[..., at : at + part.count].reshape(*values.shape[:-1], *part.shape)
        at += part.count
    return out
