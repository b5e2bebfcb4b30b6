"""LAS and LAZ survey clouds, read by laspy; their coordinates are integers with a scale and an offset."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ....errors import InputError
from .cloud import Cloud, check_count, truncated, unread_fields

_COLOURS = ("red", "green", "blue")
_RECORDS, _SMALLEST_RECORD = slice(94, 104), 54
_MOST_UNPACKED = 1 << 30
_LONGEST = 120.0


def read_las(data: bytes, name: str, most: int) -> Cloud:
    """The points and colours of a LAS or LAZ file. Raises InputError for whatever is wrong with it."""
    import laspy

    _check_records(data, name)
    header = laspy.LasHeader.read_from(io.BytesIO(data))
    size = header.point_count * header.point_format.size
    check_count(header.point_count, most, name)
    if header.are_points_compressed:
        if size > _MOST_UNPACKED:
            raise InputError(f"{name} unpacks to {size >> 20:,} MB; at most {_MOST_UNPACKED >> 20:,} MB are read")
        data = _unpacked(data, name)
    elif size > len(data) - header.offset_to_point_data:
        room = len(data) - header.offset_to_point_data
        raise truncated(name, header.point_count, max(room, 0) // header.point_format.size)
    with laspy.open(io.BytesIO(data), read_evlrs=False) as reader:
        found = reader.read()
    if len(found.points) != header.point_count:
        raise truncated(name, header.point_count, len(found.points))
    names = list(found.point_format.dimension_names)
    unread = unread_fields(word for word in names if word not in ("X", "Y", "Z", *_COLOURS))
    points = np.ascontiguousarray(found.xyz, dtype=np.float64)
    if not set(_COLOURS) <= set(names):
        return Cloud(points, notes=unread)
    # The format sets 16 bits a colour, and asks that 8 are scaled up.
    colours = np.stack([np.asarray(found[word]) for word in _COLOURS], axis=1)
    if not colours.any():
        return Cloud(points, notes=unread)
    dark = ("its colours use no more than 255 of 65,535 levels, so they look black",) if colours.max() <= 255 else ()
    return Cloud(points, (colours >> 8).astype(np.uint8), notes=(*dark, *unread))


def _check_records(data: bytes, name: str) -> None:
    """Raises InputError where a header claims more records before the points than fit into the file.

    laspy reads as many as are claimed, of nothing if need be.
    """
    length, points_at, records = struct.unpack("<HII", data[_RECORDS].ljust(10, b"\0"))
    if length + records * _SMALLEST_RECORD > points_at or points_at > len(data):
        raise InputError(f"{name} is a LAS point cloud that was cut off or whose header is damaged")


def _unpacked(data: bytes, name: str) -> bytes:
    """Unpacks a LAZ file to LAS in a process of its own, which may crash."""
    program = Path(__file__).with_name("unpack_laz.py")
    with tempfile.TemporaryDirectory() as folder:
        packed, plain = Path(folder, "packed.laz"), Path(folder, "plain.las")
        packed.write_bytes(data)
        # Isolated: the program's own folder holds modules that are not its to import.
        command = [sys.executable, "-I", str(program), str(packed), str(plain)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_LONGEST)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise InputError(f"{name} is a LAZ point cloud, but its packed points are cut off or damaged") from error
        return plain.read_bytes()
