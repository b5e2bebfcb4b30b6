"""LAS and LAZ: survey clouds, read by laspy, whose places come as whole numbers with a scale and an offset."""

from __future__ import annotations

import io

import numpy as np

from .cloud import Cloud, allow, cut_off, left_out

_COLOURS = ("red", "green", "blue")


def read_las(data: bytes, name: str, most: int) -> Cloud:
    """The points and colours of a LAS or LAZ file. Raises InputError for too many or missing points."""
    import laspy

    with laspy.open(io.BytesIO(data)) as reader:
        header = reader.header
        allow(header.point_count, most, name)
        room = len(data) - header.offset_to_point_data
        if not header.are_points_compressed and header.point_count * header.point_format.size > room:
            raise cut_off(name, header.point_count, max(room, 0) // header.point_format.size)
        found = reader.read()
    if len(found.points) != header.point_count:
        raise cut_off(name, header.point_count, len(found.points))
    names = list(found.point_format.dimension_names)
    unread = left_out(word for word in names if word not in ("X", "Y", "Z", *_COLOURS))
    points = np.ascontiguousarray(found.xyz, dtype=np.float64)
    if not set(_COLOURS) <= set(names):
        return Cloud(points, notes=unread)
    # The format sets 16 bits a colour, and asks that 8 are scaled up.
    colours = np.stack([np.asarray(found[word]) for word in _COLOURS], axis=1)
    dark = ("its colours use no more than 255 of 65,535 levels, so they look black",) if colours.max() <= 255 else ()
    return Cloud(points, (colours >> 8).astype(np.uint8), notes=(*dark, *unread))
