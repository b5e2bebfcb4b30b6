"""Sample: one input as the user sees it and as the model reads it, with the mapping between the two."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Part:
    """One grid of elements, where an input is made of several sorts of input.

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
    """What a modality makes of a file; a modality that knows more adds fields in a class of its own.

    name         the file's name, for messages and exports
    modality     the modality that made it
    content      content channels of every input element, as the model reads them
    shape        the grid the elements lie on, rows first; M is its product; (M,) for free elements and for parts
    parts        the grids that they lie on, one after the other, where those are several (clips); else empty
    seen         the input exactly as the model read it, for display: (H, W, 3) uint8 for an image, (samples,) float32
                 for a sound, (M, 3) float32 for a point cloud
    original     what the user gave, upright, for display: (h, w, 3) uint8 for an image; the lowest and highest value
                 of each slice of time, (2, slices) float32, for a sound; (n, 3) float32 points for a point cloud
    box          where the elements lie on the original: (start, stop) an axis, in the original's own units (pixels,
                 seconds, hertz)
    coordinates  the elements' places in [-1, 1] where they are not the grid's (point clouds); None for a grid
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
        """Values over all elements as one array a part, (*rest, *its shape), by the parts' names.

        Raises ValueError for an input that is not made of parts, and for another number of values.
        """
        return split(self.parts, values)


def split(parts: tuple[Part, ...], values: Shaped[np.ndarray, "*rest M"]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Values over the elements of all parts as one array a part, by their names. Raises ValueError as `Sample.split`
    does."""
    total = sum(part.count for part in parts)
    if not parts or values.shape[-1] != total:
        raise ValueError(f"{values.shape[-1]} values cannot be split into parts of {total} elements")
    out, at = {}, 0
    for part in parts:
        out[part.name] = values[..., at : at + part.count].reshape(*values.shape[:-1], *part.shape)
        at += part.count
    return out
