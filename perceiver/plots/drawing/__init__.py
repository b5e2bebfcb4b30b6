"""Drawings: how the inputs and maps of each modality become pictures. Each is one object in one registry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..scale import ColourRange
from .audio import AudioDrawing
from .audiovisual import AudiovisualDrawing
from .base import DIVERGING, Drawable, Drawing, Drawn, GridDrawing, Measured, colours_for
from .image import ImageDrawing
from .points import PointsDrawing
from .video import VideoDrawing

__all__ = ["DIVERGING", "Drawable", "Drawing", "Drawn", "GridDrawing", "colours_for", "draw", "get"]

_ALL: tuple[Drawing, ...] = (ImageDrawing(), AudioDrawing(), PointsDrawing(), VideoDrawing(), AudiovisualDrawing())
_DRAWINGS = {drawing.modality: drawing for drawing in _ALL}


def get(modality: str) -> Drawing:
    """The drawing of a modality. Raises KeyError for one that cannot be drawn."""
    return _DRAWINGS[modality]


def draw(
    sample: Drawable,
    maps: Sequence[Float[np.ndarray, "*shape"]],
    ranges: Sequence[ColourRange],
    *,
    colours: str = "inferno",
    strength: float | None = 0.85,
) -> Drawn:
    """A sample and its maps as pictures.

    ranges    one a map, from one call of `ColourScale.limits`
    colours   a name of `colour.SEQUENTIAL`; differences are painted in DIVERGING
    strength  of the colours over the input in grey; None draws the maps alone

    Raises ValueError when there are not as many ranges as maps, or no map.
    """
    if not maps or len(maps) != len(ranges):
        raise ValueError(f"{len(maps)} maps and {len(ranges)} ranges cannot be drawn; there must be one of each a map")
    drawing = get(sample.modality)
    return Drawn(
        given=drawing.given(sample),
        maps=tuple(
            drawing.map(sample, values, range_, colours, strength) for values, range_ in zip(maps, ranges, strict=True)
        ),
        size=drawing.size(sample),
        colours=colours_for(ranges[0], colours),
        over_input=drawing.over_input and strength is not None,
        axes=drawing.axes(sample) if isinstance(drawing, Measured) else None,
    )
