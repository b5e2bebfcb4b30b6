"""PCD: a header of fields, then their values as text, binary, or compressed.

Text and plain bytes are taken by the header's own description. Compressed values are unpacked by Open3D, which trusts
the numbers of a header to the point of crashing; so it is given one written anew from numbers that agree.
"""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....errors import InputError
from .cloud import Cloud, check_count, left_out, truncated, unread_fields
from .fields import Field, cloud_from_fields
from .text import find_lines, normalised_text, parse_rows

_LONGEST_HEADER = 1 << 14
_MOST_UNPACKED = 1 << 30
_TYPES = {f"{letter} {size}": f"<{letter.lower()}{size}" for letter in "IU" for size in (1, 2, 4, 8)}
_TYPES |= {f"F {size}": f"<f{size}" for size in (4, 8)}
_ENCODINGS = ("ascii", "binary", "binary_compressed")


@dataclass(frozen=True)
class _Header:
    """Fields of a point (names, types, values in each), points, how they are written, and where they begin."""

    names: tuple[str, ...]
    kinds: tuple[np.dtype, ...]
    counts: tuple[int, ...]
    points: int
    encoding: str
    end: int

    @property
    def row(self) -> int:
        """Bytes a point takes."""
        return sum(kind.itemsize * count for kind, count in zip(self.kinds, self.counts, strict=True))


def read_pcd(data: bytes, name: str, most: int) -> Cloud:
    """The points and colours of a PCD file. Raises InputError for whatever is wrong with it."""
    header = _header(data, name)
    check_count(header.points, most, name)
    match header.encoding:
        case "ascii":
            return _with_rest(*_from_text(data, name), header, name)
        case "binary":
            fields = _from_bytes(data, header, name)
            return _with_rest(fields, data[header.end + header.points * header.row :], header, name)
        case _:
            return _from_compressed(data, header, name)


def _with_rest(fields: list[Field], rest: bytes, header: _Header, name: str) -> Cloud:
    """The cloud of the fields, with a note on the bytes behind them."""
    cloud = cloud_from_fields(fields, name)
    size = 0 if header.encoding == "ascii" else header.row
    left = left_out(len(rest.strip()), f"the {header.points:,} points", size, "of them")
    return dataclasses.replace(cloud, notes=(*cloud.notes, *left))


def _header(data: bytes, name: str) -> _Header:
    lines: dict[str, list[str]] = {}
    at = 0
    while "DATA" not in lines:
        stop = data.find(b"\n", at, _LONGEST_HEADER)
        if stop < 0:
            raise InputError(f"{name} is a PCD file without the end of its header")
        key, *words = data[at:stop].decode("latin-1").split() or [""]
        lines[key.upper()] = words
        at = stop + 1
    try:
        names = lines["FIELDS"]
        kinds = [np.dtype(_TYPES[f"{t} {s}"]) for t, s in zip(lines["TYPE"], lines["SIZE"], strict=True)]
        counts = [int(word) for word in lines.get("COUNT", ["1"] * len(names))]
        grid = int(lines["WIDTH"][0]) * int(lines["HEIGHT"][0])
        points = int(lines["POINTS"][0]) if "POINTS" in lines else grid
        encoding = lines["DATA"][0].lower()
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(f"{name} is a PCD file with a header that is not understood") from error
    alike = len(names) == len(kinds) == len(counts) and min(counts, default=0) > 0
    if not alike or points != grid or encoding not in _ENCODINGS:
        raise InputError(f"{name} is a PCD file with a header that contradicts itself or is not understood")
    return _Header(tuple(names), tuple(kinds), tuple(counts), points, encoding, at)


def _from_text(data: bytes, name: str) -> tuple[list[Field], bytes]:
    """The fields, and the text behind them."""
    text = normalised_text(data)
    header = _header(text, name)
    stop, found = find_lines(text, header.end, header.points)
    if found < header.points:
        raise truncated(name, header.points, found)
    table = parse_rows(text, name, header.end, stop, columns=sum(header.counts))
    if len(table) < header.points:
        raise truncated(name, header.points, len(table))
    starts = np.cumsum((0, *header.counts[:-1]))
    columns = zip(header.names, header.kinds, starts, strict=True)
    return [Field(word, table[:, start], kind) for word, kind, start in columns], text[stop:]


def _from_bytes(data: bytes, header: _Header, name: str) -> list[Field]:
    if header.points * header.row > len(data) - header.end:
        raise truncated(name, header.points, (len(data) - header.end) // header.row)
    fields = list(zip(header.names, header.kinds, header.counts, strict=True))
    row = np.dtype([(f"{i}", kind, (count,)) for i, (_, kind, count) in enumerate(fields)])
    table = np.frombuffer(data, row, header.points, header.end)
    return [Field(word, table[f"{i}"][:, 0], kind) for i, (word, kind, _) in enumerate(fields)]


def _from_compressed(data: bytes, header: _Header, name: str) -> Cloud:
    packed, unpacked = np.frombuffer(data[header.end : header.end + 8].ljust(8, b"\0"), "<u4").tolist()
    if packed > len(data) - header.end - 8:
        raise InputError(f"{name} was cut off: the end of its compressed points is missing")
    if unpacked != header.points * header.row:
        raise InputError(f"{name} is damaged: its compressed points have another size than its header says")
    if unpacked > _MOST_UNPACKED:
        raise InputError(f"{name} unpacks to {unpacked >> 20:,} MB; at most {_MOST_UNPACKED >> 20:,} MB are read")
    import open3d as o3d

    names = [word.lower() for word in header.names]
    anew = (
        f"VERSION 0.7\nFIELDS {' '.join(names)}\n"
        f"SIZE {' '.join(str(kind.itemsize) for kind in header.kinds)}\n"
        f"TYPE {' '.join(kind.kind.upper() for kind in header.kinds)}\n"
        f"COUNT {' '.join(map(str, header.counts))}\n"
        f"WIDTH {header.points}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {header.points}\nDATA binary_compressed\n"
    )
    quiet = o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error)
    with tempfile.TemporaryDirectory() as folder, quiet:
        path = Path(folder, "cloud.pcd")
        path.write_bytes(anew.encode("latin-1") + data[header.end : header.end + 8 + packed])
        found = o3d.t.io.read_point_cloud(path).point
    if "positions" not in found or len(found.positions) != header.points:
        raise InputError(
            f"{name} holds compressed points that are damaged or of a layout that is not read; save it as plain binary"
        )
    colours = found.colors.numpy().astype(np.uint8) if "colors" in found else None
    unread = [word for word in names if word not in ("x", "y", "z", "rgb", "rgba")]
    return Cloud(found.positions.numpy().astype(np.float64), colours, notes=unread_fields(unread))
