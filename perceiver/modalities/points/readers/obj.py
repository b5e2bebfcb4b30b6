"""OBJ: the points and faces of a Wavefront model; normals, textures, lines and materials are passed over.

Read here because whole classes of files are lost elsewhere: Open3D drops polygons and bare points, trimesh takes tabs
for no gap and lets corner 0 be the last one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64, UInt8

from ....errors import InputError
from .cloud import NO_FACES, Cloud, allow
from .fields import to_bytes
from .polygons import triangulate
from .text import tokens, unified, words_in_lines

_IGNORED = re.compile(rb"#[^\n]*|\\\n")
_POINT = re.compile(rb"^[ \t]*v[ \t]([^\n]*)", re.MULTILINE)
_FACE = re.compile(rb"^[ \t]*fo?[ \t]([^\n]*)", re.MULTILINE)
_TEXTURE_AND_NORMAL = re.compile(rb"/\S*")


def read_obj(data: bytes, name: str, most: int) -> Cloud:
    """The points, colours and faces of an OBJ file. Raises InputError for whatever is wrong with it."""
    text = _IGNORED.sub(lambda found: b" " if found[0].startswith(b"\\") else b"", unified(data))
    begins, block = _lines(_POINT, text)
    allow(len(begins), most, name)
    widths = words_in_lines(block, 0, len(block))
    if len(widths) < len(begins) or widths.min() < 3:
        raise InputError(f"{name} has a point of fewer than three numbers")
    numbers = tokens(block, name, 0, len(block))
    starts = np.cumsum(widths) - widths
    points = numbers[starts[:, None] + np.arange(3)]
    colours: UInt8[np.ndarray, "n 3"] | None = None
    notes: tuple[str, ...] = ()
    if widths.min() >= 6:
        colours, notes = to_bytes(numbers[starts[:, None] + np.arange(3, 6)], np.dtype(np.float32))
    triangles = triangulate(_polygons(text, begins, name, most), points, name)
    if not len(triangles):
        return Cloud(points, colours, notes=(*notes, NO_FACES))
    return Cloud(points, colours, triangles, notes)


def _polygons(
    text: bytes, points: Int64[np.ndarray, "n"], name: str, most: int
) -> Iterator[tuple[Int64[np.ndarray, "_"], Int64[np.ndarray, "_ _"]]]:
    """The faces in groups of one size, corners counted from 0."""
    begins, block = _lines(_FACE, text)
    if not len(begins):
        return
    allow(len(begins), most, name, "faces")
    block = _TEXTURE_AND_NORMAL.sub(b"", block)
    sizes = words_in_lines(block, 0, len(block))
    if len(sizes) < len(begins):
        raise InputError(f"{name} has a face without corners")
    numbers = tokens(block, name, 0, len(block))
    if not numbers.all():
        raise InputError(f"{name} has a face that names point 0; the first point of an OBJ mesh is 1")
    # Negative numbers count back from the last point that stands above the face.
    above = np.repeat(np.searchsorted(points, begins), sizes)
    corners = np.where(numbers > 0, numbers - 1, above + numbers).astype(np.int64)
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        yield members, corners[starts[members, None] + np.arange(size)]


def _lines(kind: re.Pattern[bytes], text: bytes) -> tuple[Int64[np.ndarray, "lines"], bytes]:
    """Where the lines of one kind begin, and what stands on them behind their keyword."""
    found = [(match.start(), match[1]) for match in kind.finditer(text)]
    return np.array([at for at, _ in found], np.int64), b"\n".join(line for _, line in found)
