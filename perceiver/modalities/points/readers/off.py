"""OFF and its variants: a keyword and three counts in any arrangement, then points, then polygons of any size."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64, UInt8

from ....errors import InputError
from .cloud import NO_FACES, Cloud, allow, cut_off
from .fields import to_bytes
from .polygons import triangulate
from .text import rows, take_lines, tokens, unified, words_in_lines

_COMMENT = re.compile(rb"#[^\n]*")
# Texture coordinates, colours, normals, and spaces of other dimensions; many files lack the gap behind the keyword.
_KEYWORD = re.compile(rb"\s*(ST)?(C)?(N)?(4?n?)(?:OFF|off)[ \t]*(BINARY)?")
_COUNTS = re.compile(rb"\s*(\d{1,18})[ \t]+(\d{1,18})(?:[ \t]+\d+)?[ \t]*(?:\n|\Z)")


def read_off(data: bytes, name: str, most: int) -> Cloud:
    """The points, colours and faces of an OFF file. Raises InputError for whatever is wrong with it."""
    text = _COMMENT.sub(b"", unified(data))
    keyword = _KEYWORD.match(text)
    if keyword is None:
        raise InputError(f"{name} does not begin with the word OFF")
    _, coloured, normals, dimensions, binary = keyword.groups()
    if binary or dimensions:
        raise InputError(f"{name} is an OFF mesh that is binary or not of three dimensions, which is not read here")
    counts = _COUNTS.match(text, keyword.end())
    if counts is None:
        raise InputError(f"{name} has no counts of points and faces behind the word OFF")
    points, faces = (int(count) for count in counts.groups())
    allow(points, most, name)
    allow(max(faces, 1), most, name, "faces")
    start = counts.end()
    stop, found = take_lines(text, start, points)
    if found < points:
        raise cut_off(name, points, found)
    table = rows(text, name, start, stop, columns=max(_width(text, start), 3))
    if len(table) < points:
        raise cut_off(name, points, len(table))
    at = 6 if normals else 3
    colours: UInt8[np.ndarray, "n 3"] | None = None
    notes: tuple[str, ...] = ()
    if coloured and table.shape[1] >= at + 3:
        colours, notes = to_bytes(table[:, at : at + 3], None)
    end, found = take_lines(text, stop, faces)
    if found < faces:
        raise cut_off(name, faces, found, "faces")
    places = np.ascontiguousarray(table[:, :3])
    triangles = triangulate(_polygons(text, name, stop, end), places, name)
    if not len(triangles):
        return Cloud(places, colours, notes=(*notes, NO_FACES))
    return Cloud(places, colours, triangles, notes)


def _width(text: bytes, start: int) -> int:
    """Numbers in the first line that holds any."""
    return len(text[start : start + 1000].lstrip().split(b"\n", 1)[0].split())


def _polygons(
    text: bytes, name: str, start: int, stop: int
) -> Iterator[tuple[Int64[np.ndarray, "_"], Int64[np.ndarray, "_ _"]]]:
    """The faces in groups of one size. A line holds a size, so many corners, and perhaps a colour, which is left."""
    widths = words_in_lines(text, start, stop)
    numbers = tokens(text, name, start, stop)
    begins = np.cumsum(widths) - widths
    sizes = numbers[begins]
    short = np.flatnonzero(sizes >= widths)
    if len(short):
        raise InputError(f"{name} is damaged: its face {short[0] + 1:,} has fewer corners than it says")
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        corners = numbers[begins[members, None] + 1 + np.arange(max(int(size), 0))]
        yield members, corners.astype(np.int64)
