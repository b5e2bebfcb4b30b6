"""Sample: one input as the user sees it and as the model reads it, with the mapping between the two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Sample:
    """What a modality makes of a file.

    name         the file's name, for messages and exports
    modality     the modality that made it
    content      content channels of every input element, as the model reads them
    shape        the grid the elements lie on, rows first; M is its product
    seen         the input exactly as the model read it, for display: (H, W, 3) uint8 for an image
    original     what the user gave, upright and complete, for display: (h, w, 3) uint8 for an image
    box          where `seen` lies on `original`: (start, stop) an axis, in the original's own units
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
