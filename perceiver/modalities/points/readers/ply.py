"""PLY: a header that lists elements and their properties, then their values as text or in either byte order.

Values are taken by the header's own description: Open3D fills what a cut file lacks with zeros, takes all coordinates
to have one type and drops 16-bit colours, and trimesh refuses polygons of mixed sizes.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from ....errors import InputError
from .cloud import Cloud, check_count, left_out, unread_fields
from .fields import cloud_from_fields
from .ply_values import Element, Property, Values, read_binary, read_text
from .polygons import triangulate
from .text import normalised_text

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
_END = re.compile(rb"[\r\n][ \t]*end_header[ \t]*(?:\r\n|\n|\r|$)")
_LONGEST_HEADER = 1 << 16
_CORNERS = ("vertex_indices", "vertex_index")


def read_ply(data: bytes, name: str, most: int) -> Cloud:
    """The points, colours and faces of a PLY file. Raises InputError for whatever is wrong with it."""
    form, elements, at = _header(data, name)
    if form == "ascii":
        data = normalised_text(data)
        _, _, at = _header(data, name)
    check_count(sum(element.count for element in elements if element.name == "vertex"), most, name)
    found: dict[str, Values] = {}
    for element in elements:
        if element.name == "face":
            check_count(max(element.count, 1), most, name, "faces")
        found[element.name], at = (read_text if form == "ascii" else read_binary)(data, at, element, name)
        if {"vertex", "face"} <= found.keys():
            break
    cloud = cloud_from_fields(found["vertex"].fields, name)
    lists = found["face"].lists if "face" in found else {}
    corners = next((lists[key] for key in _CORNERS if key in lists), [])
    triangles = triangulate(corners, cloud.points, name)
    # What other elements take up behind these is not known.
    rest = len(data[at:].strip()) if len(found) == len(elements) else 0
    behind = " and ".join(f"the {element.count:,} {element.things}" for element in elements)
    notes = (*cloud.notes, *unread_fields(found["vertex"].lists), *left_out(rest, behind))
    return dataclasses.replace(cloud, triangles=triangles if len(triangles) else None, notes=notes)


def _header(data: bytes, name: str) -> tuple[str, list[Element], int]:
    """The format, the elements, and where their values begin."""
    end = _END.search(data, 0, _LONGEST_HEADER)
    if end is None:
        raise InputError(f"{name} is a PLY file without the end of its header")
    form, elements = "", list[Element]()
    for line in data[: end.start()].decode("latin-1").splitlines():
        match line.split():
            case ["format", word, *_] if word in _ORDERS:
                form = word
            case ["element", word, count] if count.isdecimal():
                elements.append(Element(word, int(count), ()))
            case ["property", *words] if elements and form:
                last = elements[-1]
                elements[-1] = dataclasses.replace(last, properties=(*last.properties, _property(words, form, name)))
            case [] | ["ply"] | ["comment" | "obj_info", *_]:
                pass
            case _:
                raise InputError(f"{name} is a PLY file with a header that is not understood: {line.strip()[:60]!r}")
    return form, elements, end.end()


def _property(words: list[str], form: str, name: str) -> Property:
    match words:
        case ["list", length, kind, word] if length in _TYPES and kind in _TYPES:
            return Property(word, np.dtype(_ORDERS[form] + _TYPES[kind]), np.dtype(_ORDERS[form] + _TYPES[length]))
        case [kind, word] if kind in _TYPES:
            return Property(word, np.dtype(_ORDERS[form] + _TYPES[kind]))
    raise InputError(f"{name} is a PLY file with a property that is not understood: {' '.join(words)[:60]!r}")
