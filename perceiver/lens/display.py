"""How results show themselves in a notebook: plain HTML with its pictures inside, no scripts."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from io import BytesIO

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from ..analysis.formatting import class_name, percent
from ..analysis.predictions import Prediction
from ..analysis.summary import Quantity, summarise
from ..plots.scale import ColourScale
from ..sample import Sample

HEIGHT = 144
"""Height of a picture in CSS pixels, at most."""

_FIGURE = "margin:0;display:inline-block;vertical-align:top;font-size:85%"
_BAR = "display:inline-block;height:0.8em;background:#3b82c4;border-radius:2px"


def picture_html(pixels: UInt8[np.ndarray, "h w 3"], caption: str, text: str) -> str:
    """A picture with a caption.

    text  what it shows, for those who cannot see it
    """
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    return (
        f'<figure style="{_FIGURE}"><img src="data:image/png;base64,{data}" alt="{html.escape(text)}" '
        f'style="max-height:{HEIGHT}px;min-height:{HEIGHT // 2}px;image-rendering:pixelated">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


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
    from ..plots import drawing

    ranges = ColourScale("shared", signed=signed).limits(list(maps), what)
    drawn = drawing.draw(sample, list(maps), ranges, colours="magma", strength=None if signed else 0.8)
    pictures = [
        picture_html(pixels, title, f"{title}. {summarise(values, what, signed=signed).sentence()}")
        for pixels, title, values in zip(drawn.maps, titles, maps, strict=True)
    ]
    return "".join(pictures) + f'<div style="font-size:85%">{html.escape(ranges[0].sentence())}</div>'


def bars_html(predictions: Iterable[Prediction]) -> str:
    """Probabilities as bars."""
    return table_html(
        [
            [html.escape(class_name(one.label)), f'<span style="{_BAR};width:{120 * one.probability:.1f}px"></span>',
             percent(one.probability)]
            for one in predictions
        ]
    )  # fmt: skip


def table_html(rows: Iterable[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """A small table; cells are HTML already."""
    head = f"<tr>{''.join(f'<th>{cell}</th>' for cell in heads)}</tr>" if heads else ""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table style="display:inline-table;font-size:85%">{head}{body}</table>'


def row(*parts: str) -> str:
    """Parts below one another, each a row of its own."""
    return "".join(f'<div style="margin:0.4em 0">{part}</div>' for part in parts if part)


def heading(text: str) -> str:
    """A heading in bold."""
    return f"<strong>{html.escape(text)}</strong>"
