"""Drawings: render the inputs and maps of each modality as pictures. One object per modality, in a registry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..scale import ColourRange
from .audio import AudioDrawing
from .audiovisual import AudiovisualDrawing
from .base import DIVERGING, Drawable, Drawing, Drawn, GridDrawing, Measured, Rearrangeable, colours_for
from .image import ImageDrawing
from .points import PointsDrawing
from .video import VideoDrawing

__all__ = ["DIVERGING", "Drawable", "Drawing", "Drawn", "GridDrawing", "Rearrangeable", "colours_for", "draw", "get"]

_ALL: tuple[Drawing, ...] = (ImageDrawing(), AudioDrawing(), PointsDrawing(), VideoDrawing(), AudiovisualDrawing())
_DRAWINGS = {drawing.modality: drawing for drawing in _ALL}


def get(modality: str) -> Drawing:
    """The drawing of a modality. Raises KeyError for a modality without one."""
    return _DRAWINGS[modality]


def draw(
    sample: Drawable,
    maps: Sequence[Float[np.ndarray, "*shape"]],
    ranges: Sequence[ColourRange],
    *,
    colours: str = "inferno",
    strength: float | None = 0.85,
) -> Drawn:
    """Draws a sample and its maps as pictures.

    ranges    one per map, from one call of `ColourScale.limits`
    colours   a name of `colour.SEQUENTIAL`; differences are painted in DIVERGING
    strength  of the colours over the greyscale input; None draws the maps alone

    Raises ValueError if the numbers of ranges and maps differ, or without maps.
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
