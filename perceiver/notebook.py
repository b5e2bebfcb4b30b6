"""Plain HTML by which results show themselves in a notebook: headings, tables and pictures, no scripts."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from io import BytesIO

import numpy as np
from jaxtyping import UInt8

HEIGHT = 144
"""Height of a picture in CSS pixels, at most."""

_FIGURE = "margin:0;display:inline-block;vertical-align:top;font-size:85%"


def picture_html(pixels: UInt8[np.ndarray, "h w 3"], caption: str, text: str) -> str:
    """A picture with a caption.

    text  what it shows, for those who cannot see it
    """
    from PIL import Image

    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    return (
        f'<figure style="{_FIGURE}"><img src="data:image/png;base64,{data}" alt="{html.escape(text)}" '
        f'style="max-height:{HEIGHT}px;min-height:{HEIGHT // 2}px;image-rendering:pixelated">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


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


def titled_table(title: str, rows: Iterable[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """A table of texts, which are escaped, below a heading."""
    escaped = ([html.escape(cell) for cell in cells] for cells in rows)
    return row(heading(title), table_html(escaped, [html.escape(head) for head in heads]))
