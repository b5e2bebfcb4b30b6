"""Files of points and meshes made by hand: every variant of the formats, and what should never have been written."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

POINTS = np.round(np.random.default_rng(0).random((50, 3)), 4)
SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
CORNERS = "0 0 0\n1 0 0\n0 1 0\n0 0 1\n"
FACES = "3 0 1 2\n3 0 1 3\n3 0 2 3\n3 1 2 3\n"
# A box 1 x 2 x 4 with its twelve triangles.
BOX = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 2.0) for z in (0.0, 4.0)])
BOX_FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ]
)


def ply(
    rows: Sequence[Sequence[object]],
    properties: Sequence[str],
    form: str = "ascii",
    *,
    faces: Sequence[Sequence[int]] = (),
    face_properties: Sequence[str] = ("list uchar int vertex_indices",),
) -> bytes:
    """A PLY file; in its binary forms every property but lists is packed by its type."""
    lines = ["ply", f"format {form} 1.0", "comment made by hand", f"element vertex {len(rows)}"]
    lines += [f"property {p}" for p in properties]
    if len(faces):
        lines += [f"element face {len(faces)}", *(f"property {p}" for p in face_properties)]
    head = ("\n".join([*lines, "end_header"]) + "\n").encode()
    if form == "ascii":
        body = [" ".join(str(v) for v in row) for row in rows] + [f"{len(f)} {' '.join(map(str, f))}" for f in faces]
        return head + ("\n".join(body) + "\n").encode()
    order = "<" if "little" in form else ">"
    letters = {"float": "f", "double": "d", "uchar": "B", "ushort": "H", "int": "i", "short": "h"}
    packed = [struct.pack(order + "".join(letters[p.split()[0]] for p in properties), *row) for row in rows]
    packed += [struct.pack(f"{order}B{len(f)}i", len(f), *f) for f in faces]
    return head + b"".join(packed)


def pcd(rows: np.ndarray, encoding: str = "binary", *, width: int | None = None, height: int = 1) -> bytes:
    """A PCD file of a structured array."""
    names = rows.dtype.names or ()
    kinds = [rows.dtype[name] for name in names]
    bases = [kind.base for kind in kinds]
    head = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\n"
        f"FIELDS {' '.join(names)}\n"
        f"SIZE {' '.join(str(base.itemsize) for base in bases)}\n"
        f"TYPE {' '.join(base.kind.upper() for base in bases)}\n"
        f"COUNT {' '.join(str(kind.shape[0] if kind.shape else 1) for kind in kinds)}\n"
        f"WIDTH {len(rows) if width is None else width}\nHEIGHT {height}\nVIEWPOINT 0 0 0 1 0 0 0\n"
        f"POINTS {len(rows)}\nDATA {encoding}\n"
    ).encode()
    if encoding == "ascii":
        lines = (" ".join(f"{v:.9g}" for part in row for v in np.ravel(part)) for row in rows.tolist())
        return head + ("\n".join(lines) + "\n").encode()
    if encoding == "binary":
        return head + rows.tobytes()
    # Fields one after another, in runs of literals: LZF that packs nothing.
    values = b"".join(np.ascontiguousarray(rows[name]).tobytes() for name in names)
    runs = [values[at : at + 32] for at in range(0, len(values), 32)]
    packed = b"".join(bytes([len(run) - 1]) + run for run in runs)
    return head + struct.pack("<II", len(packed), len(values)) + packed


def cloud_rows(points: np.ndarray, kind: str = "<f4", **more: np.ndarray) -> np.ndarray:
    """A structured array of x, y, z and more fields."""
    columns = dict(zip("xyz", points.T, strict=True)) | more
    row = [(name, kind if name in "xyz" else values.dtype, values.shape[1:]) for name, values in columns.items()]
    out = np.zeros(len(points), np.dtype(row))
    for name, values in columns.items():
        out[name] = values
    return out


def stl(triangles: np.ndarray) -> bytes:
    """A binary STL of triangles (t, 3, 3)."""
    facets = [struct.pack("<12fH", 0, 0, 0, *np.ravel(corners), 0) for corners in triangles]
    return bytes(80) + struct.pack("<I", len(triangles)) + b"".join(facets)


def stl_text(triangles: np.ndarray) -> bytes:
    """The same as text."""
    lines = ["solid made by hand"]
    for corners in triangles:
        lines += ["facet normal 0 0 0", "outer loop", *(f"vertex {x:.9g} {y:.9g} {z:.9g}" for x, y, z in corners)]
        lines += ["endloop", "endfacet"]
    return "\n".join([*lines, "endsolid made by hand", ""]).encode()


TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4")


def scene(**changes: object) -> dict[str, Any]:
    """A glTF scene: one triangle, placed as it is and again moved by 10 along x and doubled; `changes` to its tree."""
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0, 1]}],
        "nodes": [{"mesh": 0}, {"mesh": 0, "translation": [10, 0, 0], "scale": [2, 2, 2]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteOffset": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36}],
    } | changes


def glb(tree: dict[str, Any], values: bytes = TRIANGLE.tobytes()) -> bytes:
    """A GLB file of a scene and its buffer."""
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    values += b"\0" * (-len(values) % 4)
    length = 12 + 8 + len(text) + 8 + len(values)
    return (
        struct.pack("<4sII", b"glTF", 2, length)
        + struct.pack("<I4s", len(text), b"JSON")
        + text
        + struct.pack("<I4s", len(values), b"BIN\0")
        + values
    )
