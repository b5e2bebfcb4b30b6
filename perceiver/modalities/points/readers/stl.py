"""STL: triangles as bytes or as text, each with corners of its own."""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Float64

from ....errors import InputError
from .cloud import Cloud, allow, cut_off
from .text import tokens, unified, words_in_lines

_HEAD = 84
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("colour", "<u2")])
_CORNER = re.compile(rb"^[ \t]*vertex[ \t]([^\n]*)", re.MULTILINE | re.IGNORECASE)


def read_stl(data: bytes, name: str, most: int) -> Cloud:
    """The triangles of an STL file. Raises InputError where it was cut off, is damaged or too large."""
    # Binary files may begin with the word that marks text.
    is_text = data.lstrip()[:5].lower() == b"solid" and b"facet" in data[:4096].lower()
    corners = _from_text(data, name, most) if is_text else _from_bytes(data, name, most)
    return Cloud(corners, triangles=np.arange(len(corners)).reshape(-1, 3))


def _from_bytes(data: bytes, name: str, most: int) -> Float64[np.ndarray, "corners 3"]:
    promised = int.from_bytes(data[_HEAD - 4 : _HEAD], "little")
    there = max(len(data) - _HEAD, 0) // _TRIANGLE.itemsize
    if promised > there:
        raise cut_off(name, promised, there, "triangles")
    allow(promised, most, name, "triangles")
    table = np.frombuffer(data, _TRIANGLE, promised, _HEAD)
    return table["corners"].reshape(-1, 3).astype(np.float64)


def _from_text(data: bytes, name: str, most: int) -> Float64[np.ndarray, "corners 3"]:
    text = unified(data)
    if b"endsolid" not in text[-4096:].lower():
        raise InputError(f"{name} was cut off: the end of its text is missing")
    lines = [match[1] for match in _CORNER.finditer(text)]
    allow(len(lines) // 3, most, name, "triangles")
    block = b"\n".join(lines)
    sizes = words_in_lines(block, 0, len(block))
    if len(lines) % 3 or len(sizes) < len(lines) or not (sizes == 3).all():
        raise InputError(f"{name} is damaged: its corners are not three numbers each, and three to a triangle")
    return tokens(block, name, 0, len(block)).reshape(-1, 3)
