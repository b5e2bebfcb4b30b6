"""The axes of a model's position encoding, with the names and units of an input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..config import PerceiverConfig
from ..export.origin import Layout
from ..model import Perceiver
from ..sample import Part, Sample
from .context import layout_of


@dataclass(frozen=True)
class EncodingAxis:
    """One axis of a position encoding.

    name         as exports call it: "rows", "cols", "time", "frequency"; "x", "y", "z" where elements are free
    frequencies  of its bands in cycles across the axis, rising
    raw          whether the code holds its coordinate
    elements     along the axis; None where they are free
    seconds      from the first element to the last; None where the axis is not time
    """

    name: str
    frequencies: tuple[float, ...]
    raw: bool
    elements: int | None
    seconds: float | None


def encoding_axes(model: Perceiver, sample: Sample) -> tuple[EncodingAxis, ...]:
    """The axes that have channels of their own in a model's position encoding; none for learned position vectors."""
    bands, raw = model.encoding.bands(), len(model.encoding.coordinate_channels())
    count = max([raw, *(band.axis + 1 for band in bands)])
    layout = layout_of(sample)
    places = layout.places
    free = sample.coordinates is not None
    return tuple(
        EncodingAxis(
            name=name,
            frequencies=tuple(band.frequency for band in bands if band.axis == axis),
            raw=axis < raw,
            elements=None if free else len(places[name]),
            seconds=float(places[name][-1] - places[name][0]) if name.endswith("time") else None,
        )
        for axis, name in enumerate(layout.axes[:count])
    )


def encoding_layout(config: PerceiverConfig, sample: Sample | None = None) -> Layout:
    """Where the elements of a position encoding lie; without an input on its own grid, in [-1, 1]."""
    if sample is not None:
        return layout_of(sample)
    parts = tuple(
        Part(one.name, one.shape, ((-1.0, 1.0),) * len(one.shape) if one.positions else ()) for one in config.segments
    )
    if not parts:
        places = {f"axis_{i + 1}": _line(n) for i, n in enumerate(config.input_shape)}
    else:
        places = {f"{p.name}_axis_{i + 1}": _line(n) for p in parts if p.box for i, n in enumerate(p.shape)}
    return Layout(config.input_shape, places, parts=parts)


def _line(count: int) -> Float[np.ndarray, "n"]:
    return np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
