"""Meshes of one square as the bytes of real formats."""

from __future__ import annotations

import struct

# A square in the plane z = 0 that faces +z: position, normal, then texture coordinates of each layer.
SQUARE = [(0, 0), (1, 0), (1, 1), (0, 1)]
TRIANGLES = [(0, 1, 2), (0, 2, 3)]


def pmd(version: int = 4, layers: int = 1, triangles: list[tuple[int, int, int]] = TRIANGLES) -> bytes:
    body = struct.pack("<I", layers) if version >= 4 else b""
    for x, y in SQUARE:
        body += struct.pack("<6f", x, y, 0, 0, 0, 1)
        for layer in range(layers):
            body += struct.pack("<2f", x + layer, y)
        body += struct.pack("<4B4f", 255, 255, 255, 255, 0, 0, 0, 0)
    body += struct.pack("<I", len(triangles)) + b"".join(struct.pack("<3H", *corners) for corners in triangles)
    body += struct.pack("<II", 0, 0)  # no bones, no places to hold things
    return b"PSMD" + struct.pack("<III", version, len(body), len(SQUARE)) + body


# A U of seven unit squares, drawn as one polygon that bends inwards: what lies in its opening is no surface.
U_SHAPE = [(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)]
OBJ = "".join(f"v {x} {y} 0\n" for x, y in U_SHAPE) + "f " + " ".join(str(k + 1) for k in range(len(U_SHAPE))) + "\n"

# Two objects: a square as a strip of two triangles, and one as a polygon, one to the right of it; and a line.
AC3D = """AC3Db
MATERIAL "plain" rgb 1 1 1 amb 1 1 1 emis 0 0 0 spec 0 0 0 shi 0 trans 0
OBJECT world
kids 2
OBJECT poly
name "strip"
numvert 4
0 0 0 0 0 1
1 0 0 0 0 1
0 1 0 0 0 1
1 1 0 0 0 1
numsurf 1
SURF 0x14
mat 0
refs 4
0 0 0
1 1 0
2 0 1
3 1 1
kids 0
OBJECT poly
numvert 4
2 0 0
3 0 0
3 1 0
2 1 0
numsurf 2
SURF 0x20
refs 4
0 0 0
1 0 0
2 0 0
3 0 0
SURF 0x2
refs 2
0 0 0
2 0 0
kids 0
"""
