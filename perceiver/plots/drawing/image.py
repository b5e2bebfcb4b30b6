"""Drawing of images: one map cell per pixel, row 0 at the top."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from .. import colour
from ..overlay import hatched, laid_over
from ..scale import ColourRange
from .base import Drawable, GridDrawing, absent_of, colours_for


class ImageDrawing(GridDrawing):
    """Draws `seen` (H, W, 3) of a sample without scaling: one cell is one pixel."""

    modality = "image"
    over_input = True

    def given(self, sample: Drawable) -> UInt8[np.ndarray, "H W 3"]:
        """The pixels of the model's input."""
        return _marked(sample, np.asarray(sample.seen))

    def map(
        self,
        sample: Drawable,
        values: Float[np.ndarray, "H W"],
        range_: ColourRange,
        colours: str,
        strength: float | None,
    ) -> UInt8[np.ndarray, "H W 3"]:
        """A map over the pixels."""
        unit, chosen = range_.apply(values), colours_for(range_, colours)
        if strength is None:
            return _marked(sample, colour.paint(unit, chosen))
        return _marked(sample, laid_over(np.asarray(sample.seen), unit, chosen, strength, signed=range_.signed))

    def size(self, sample: Drawable) -> str:
        """Width by height as text."""
        height, width = sample.seen.shape[:2]
        return f"{width} × {height} pixels"


def _marked(sample: Drawable, picture: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with hatching over the elements that are not in the input array."""
    absent = absent_of(sample)
    return picture if absent is None else hatched(picture, absent)
