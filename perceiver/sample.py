"""Sample: one input as the user sees it and as the model reads it, with the mapping between the two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What a modality makes of a file; a modality that knows more adds fields in a class of its own.

    name         the file's name, for messages and exports
    modality     the modality that made it
    content      content channels of every input element, as the model reads them
    shape        the grid the elements lie on, rows first; M is its product; (M,) for free elements
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
    content: Float[Tensor, "M content"]
    shape: tuple[int, ...]
    seen: np.ndarray
    original: np.ndarray
    box: tuple[tuple[float, float], ...]
    coordinates: Float[Tensor, "M axes"] | None = None
    notes: tuple[str, ...] = ()
