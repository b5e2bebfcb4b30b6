"""OFF, OBJ and STL: meshes without a scene, as text or plain bytes.

Read here and not by trimesh or Open3D, which lose whole classes of files: trimesh 5.2 fills the openings of polygons
that turn inwards, takes OFF files that were cut off for whole ones, refuses those with colours behind their faces or in
small letters, takes tabs in OBJ for no gap and lets its corner 0 be the last one, returns an empty scene for an STL
that was cut off, and takes 7 to 11 times as long; Open3D drops polygons and bare points.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from ....errors import InputError
from ...base import shortened
from .cloud import NO_FACES, Cloud, check_count, left_out, truncated
from .fields import colours_to_bytes
from .polygons import triangulate
from .text import count_words, find_lines, normalised_text, parse_numbers, parse_rows

# OFF
_COMMENT = re.compile(rb"#[^\n]*")
# Texture coordinates, colours, normals, and spaces of other dimensions; many files lack the gap behind the keyword.
_KEYWORD = re.compile(rb"\s*(ST)?(C)?(N)?(4?n?)(?:OFF|off)[ \t]*(BINARY)?")
_COUNTS = re.compile(rb"\s*(\d{1,18})[ \t]+(\d{1,18})(?:[ \t]+\d+)?[ \t]*(?:\n|\Z)")

# OBJ
_IGNORED = re.compile(rb"#[^\n]*|\\\n")
_POINT = re.compile(rb"^[ \t]*v[ \t]([^\n]*)", re.MULTILINE)
_FACE = re.compile(rb"^[ \t]*fo?[ \t]([^\n]*)", re.MULTILINE)
_ENDS = (b"\n", b"\r")
_NO_INDEX = re.compile(rb"(?<!\S)(?![+-]?\d+(?!\S))\S")
_TEXTURE_AND_NORMAL = re.compile(rb"/\S*")

# STL
_HEAD = 84
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("colour", "<u2")])
_CORNER = re.compile(rb"^[ \t]*vertex[ \t]([^\n]*)", re.MULTILINE | re.IGNORECASE)


def read_off(data: bytes, name: str, most: int) -> Cloud:
    """The points, colours and faces of an OFF file. Raises InputError for whatever is wrong with it."""
    text = _COMMENT.sub(b"", normalised_text(data))
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
    check_count(points, most, name)
    check_count(max(faces, 1), most, name, "faces")
    start = counts.end()
    stop, found = find_lines(text, start, points)
    if found < points:
        raise truncated(name, points, found)
    table = parse_rows(text, name, start, stop, columns=max(_columns(text, start), 3))
    if len(table) < points:
        raise truncated(name, points, len(table))
    at = 6 if normals else 3
    colours: UInt8[np.ndarray, "n 3"] | None = None
    notes: tuple[str, ...] = ()
    if coloured and table.shape[1] >= at + 3:
        colours, notes = colours_to_bytes(table[:, at : at + 3], None)
    end, found = find_lines(text, stop, faces)
    if found < faces:
        raise truncated(name, faces, found, "faces")
    places = np.ascontiguousarray(table[:, :3])
    triangles = triangulate(_off_faces(text, name, stop, end), places, name)
    notes = (*notes, *left_out(len(text[end:].strip()), f"the {points:,} points and {faces:,} faces"))
    if not len(triangles):
        return Cloud(places, colours, notes=(*notes, NO_FACES))
    return Cloud(places, colours, triangles, notes)


def _columns(text: bytes, start: int) -> int:
    """Numbers in the first line that is not blank."""
    return len(text[start : start + 1000].lstrip().split(b"\n", 1)[0].split())


def _off_faces(
    text: bytes, name: str, start: int, stop: int
) -> Iterator[tuple[Int64[np.ndarray, "_"], Float64[np.ndarray, "_ _"]]]:
    """The faces in groups of one size. A line holds a size, the corners, and perhaps a colour, which is ignored."""
    widths = count_words(text, start, stop)
    numbers = parse_numbers(text, name, start, stop)
    begins = np.cumsum(widths) - widths
    sizes = numbers[begins]
    short = np.flatnonzero((sizes >= widths) | (sizes != np.floor(sizes)))
    if len(short):
        raise InputError(f"{name} is damaged: its face {short[0] + 1:,} has fewer corners than it says")
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        corners = numbers[begins[members, None] + 1 + np.arange(max(int(size), 0))]
        yield members, corners


def read_obj(data: bytes, name: str, most: int) -> Cloud:
    """The points, colours and faces of an OBJ file. Raises InputError for whatever is wrong with it."""
    # A line that goes on in the next one is joined by a carriage return: a gap like any other, counted with the lines.
    text = _IGNORED.sub(lambda found: b"\r" if found[0].startswith(b"\\") else b"", normalised_text(data))
    begins, block = _lines(_POINT, text)
    check_count(len(begins), most, name)
    widths = count_words(block, 0, len(block))
    if len(widths) < len(begins) or widths.min() < 3:
        raise InputError(f"{name} has a point of fewer than three numbers")
    numbers = parse_numbers(block, name, 0, len(block))
    starts = np.cumsum(widths) - widths
    points = numbers[starts[:, None] + np.arange(3)]
    colours: UInt8[np.ndarray, "n 3"] | None = None
    notes: tuple[str, ...] = ()
    if widths.min() >= 6:
        colours, notes = colours_to_bytes(numbers[starts[:, None] + np.arange(3, 6)], np.dtype(np.float32))
    triangles = triangulate(_obj_faces(text, begins, name, most), points, name)
    if not len(triangles):
        return Cloud(points, colours, notes=(*notes, NO_FACES))
    return Cloud(points, colours, triangles, notes)


def _obj_faces(
    text: bytes, points: Int64[np.ndarray, "n"], name: str, most: int
) -> Iterator[tuple[Int64[np.ndarray, "_"], Int64[np.ndarray, "_ _"]]]:
    """The faces in groups of one size, corners counted from 0. Raises InputError that names the line at fault."""
    begins, block = _lines(_FACE, text)
    if not len(begins):
        return
    check_count(len(begins), most, name, "faces")
    block = _TEXTURE_AND_NORMAL.sub(b"", block)
    odd = _NO_INDEX.search(block)
    if odd:
        face = block.count(b"\n", 0, odd.start())
        corners_of = shortened(block.split(b"\n")[face].decode("latin-1"))
        raise InputError(
            f"{name} cannot be read: the face on line {_line(text, int(begins[face]))} has the corners {corners_of!r}, "
            "which are something other than numbers of points"
        )
    sizes = count_words(block, 0, len(block))
    if len(sizes) < len(begins):
        raise InputError(f"{name} has a face without corners")
    numbers = parse_numbers(block, name, 0, len(block))
    starts = np.cumsum(sizes) - sizes
    # Negative numbers count back from the last point that stands above the face.
    above = np.repeat(np.searchsorted(points, begins), sizes)
    wrong = np.flatnonzero((numbers == 0) | (numbers > len(points)) | (-numbers > above))
    if len(wrong):
        at = wrong[0]
        number, face = numbers[at], int(np.searchsorted(starts, at, side="right")) - 1
        there = f"only {above[at]:,} stand above it" if number < 0 else f"there are {len(points):,}"
        there = there if number else "the first point of an OBJ mesh is 1"
        line = _line(text, int(begins[face]))
        raise InputError(f"{name} is damaged: the face on line {line} names point {number:.0f}; {there}")
    corners = np.where(numbers > 0, numbers - 1, above + numbers).astype(np.int64)
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        yield members, corners[starts[members, None] + np.arange(size)]


def _line(text: bytes, at: int) -> str:
    """The number of the line at an offset of a joined text, from 1, for messages."""
    return f"{sum(text.count(end, 0, at) for end in _ENDS) + 1:,}"


def _lines(kind: re.Pattern[bytes], text: bytes) -> tuple[Int64[np.ndarray, "lines"], bytes]:
    """The offsets of the lines of one kind, and their text after the keyword."""
    found = [(match.start(), match[1]) for match in kind.finditer(text)]
    return np.array([at for at, _ in found], np.int64), b"\n".join(line for _, line in found)


def read_stl(data: bytes, name: str, most: int) -> Cloud:
    """The triangles of an STL file. Raises InputError where it was cut off, is damaged or too large."""
    # The title of a binary file may hold all words of a text, but the count of triangles behind it holds a zero byte.
    is_text = data.lstrip()[:5].lower() == b"solid" and b"facet" in data[:4096].lower() and b"\0" not in data[80:_HEAD]
    corners, notes = (_from_text(data, name, most), ()) if is_text else _from_bytes(data, name, most)
    return Cloud(corners, triangles=np.arange(len(corners)).reshape(-1, 3), notes=notes)


def _from_bytes(data: bytes, name: str, most: int) -> tuple[Float64[np.ndarray, "corners 3"], tuple[str, ...]]:
    promised = int.from_bytes(data[_HEAD - 4 : _HEAD], "little")
    there = max(len(data) - _HEAD, 0) // _TRIANGLE.itemsize
    if promised > there:
        raise truncated(name, promised, there, "triangles")
    if not promised and there:
        raise InputError(f"{name} promises no triangles in its header, but data for {there:,} follow")
    check_count(promised, most, name, "triangles")
    table = np.frombuffer(data, _TRIANGLE, promised, _HEAD)
    behind = f"the {promised:,} triangles"
    rest = left_out(len(data) - _HEAD - table.nbytes, behind, _TRIANGLE.itemsize, "of them")
    return table["corners"].reshape(-1, 3).astype(np.float64), rest


def _from_text(data: bytes, name: str, most: int) -> Float64[np.ndarray, "corners 3"]:
    text = normalised_text(data)
    if b"endsolid" not in text[-4096:].lower():
        raise InputError(f"{name} was cut off: the end of its text is missing")
    lines = [match[1] for match in _CORNER.finditer(text)]
    check_count(len(lines) // 3, most, name, "triangles")
    block = b"\n".join(lines)
    sizes = count_words(block, 0, len(block))
    if len(lines) % 3 or len(sizes) < len(lines) or not (sizes == 3).all():
        raise InputError(f"{name} is damaged: its corners are not three numbers each, and three to a triangle")
    return parse_numbers(block, name, 0, len(block)).reshape(-1, 3)
