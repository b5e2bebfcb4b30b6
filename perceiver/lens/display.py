"""How inputs, maps and predictions show themselves in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from ..analysis.formatting import class_name, percent
from ..analysis.predictions import Prediction
from ..analysis.summary import Quantity, summarise
from ..notebook import picture_html, table_html
from ..plots.block_maps import BlockMap
from ..plots.scale import ColourRange, ColourScale
from ..sample import Sample

_BAR = "display:inline-block;height:0.8em;background:#3b82c4;border-radius:2px"


def input_html(sample: Sample) -> str:
    """The input as the model read it."""
    from ..plots import drawing

    return picture_html(drawing.get(sample.modality).given(sample), sample.name, f"{sample.name}, as read")


def maps_html(
    sample: Sample,
    maps: Sequence[Float[np.ndarray, "..."]],
    titles: Sequence[str],
    what: Quantity = "probability",
    *,
    signed: bool = False,
) -> str:
    """Maps over the input on one shared scale, each with what it says in numbers as its alternative text."""
    ranges = ColourScale("shared", signed=signed).limits(list(maps), what)
    texts = [summarise(values, what, signed=signed).sentence() for values in maps]
    return _drawn(sample, maps, titles, ranges, texts) + scale_html(ranges[0])


def block_maps_html(sample: Sample, maps: Sequence[BlockMap]) -> str:
    """Maps of blocks on the scales that they have, without their legend (`scale_html`)."""
    titles = [f"Block {one.block + 1}" for one in maps]
    texts = [one.summary.sentence() for one in maps]
    return _drawn(sample, [one.values for one in maps], titles, [one.range for one in maps], texts)


def scale_html(scale: ColourRange) -> str:
    """A colour scale in words."""
    return f'<div style="font-size:85%">{html.escape(scale.sentence())}</div>'


def _drawn(
    sample: Sample,
    maps: Sequence[Float[np.ndarray, "..."]],
    titles: Sequence[str],
    ranges: Sequence[ColourRange],
    texts: Sequence[str],
) -> str:
    from ..plots import drawing

    strength = None if ranges[0].signed else 0.8
    drawn = drawing.draw(sample, list(maps), ranges, colours="magma", strength=strength)
    pictures = zip(drawn.maps, titles, texts, strict=True)
    return "".join(picture_html(pixels, title, f"{title}. {text}") for pixels, title, text in pictures)


def bars_html(predictions: Iterable[Prediction]) -> str:
    """Probabilities as bars."""
    return table_html(
        [
            [html.escape(class_name(one.label)), f'<span style="{_BAR};width:{120 * one.probability:.1f}px"></span>',
             percent(one.probability)]
            for one in predictions
        ]
    )  # fmt: skip
