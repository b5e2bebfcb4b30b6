"""Columns of numbers, with names or without, as points and colours: shared by PLY, PCD, tables and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8

from ....errors import InputError
from .cloud import Cloud, unread_fields

_PLACES = ("x", "y", "z")
_COLOURS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
_PACKED = ("rgb", "rgba")
_OPACITY = frozenset({"alpha", "a", "diffuse_alpha"})


@dataclass(frozen=True)
class Field:
    """One column: its name, its numbers, and the type the file declares for them (None where it declares none)."""

    name: str
    values: Shaped[np.ndarray, "n"]
    declared: np.dtype | None = None


def cloud_from_fields(fields: Sequence[Field], name: str) -> Cloud:
    """The cloud of named columns; letter case does not matter.

    Raises InputError where x, y and z are not all there.
    """
    known = {field.name.lower(): field for field in reversed(fields)}
    missing = [axis for axis in _PLACES if axis not in known]
    if missing:
        raise InputError(f"{name} has no field named {missing[0]}; points need x, y and z")
    places = [known[axis] for axis in _PLACES]
    points = np.empty((len(places[0].values), 3))
    for axis, field in enumerate(places):
        points[:, axis] = field.values
    used, colours, notes = _colours(known)
    taken = {id(known[word]) for word in (*_PLACES, *used)} | {id(f) for f in fields if f.name.lower() in _OPACITY}
    return Cloud(points, colours, notes=(*notes, *unread_fields(f.name for f in fields if id(f) not in taken)))


def _colours(known: dict[str, Field]) -> tuple[tuple[str, ...], UInt8[np.ndarray, "n 3"] | None, tuple[str, ...]]:
    for names in _COLOURS:
        if all(word in known for word in names):
            channels = [known[word] for word in names]
            values = np.stack([field.values for field in channels], axis=1)
            return names, *colours_to_bytes(values, channels[0].declared)
    for word in _PACKED:
        if word in known and (declared := known[word].declared) is not None and declared.itemsize == 4:
            bits = known[word].values.astype(declared.newbyteorder("=")).view(np.uint32)
            return (word,), np.stack([bits >> 16, bits >> 8, bits], axis=1).astype(np.uint8), ()
    return (), None, ()


def colours_to_bytes(
    values: Shaped[np.ndarray, "n 3"], declared: np.dtype | None
) -> tuple[UInt8[np.ndarray, "n 3"] | None, tuple[str, ...]]:
    """Colours as bytes, scaled from the declared type: 8 and 16 bits by their range, decimals from 0 to 1.

    Other whole numbers, decimals above 1 and numbers of no declared type are taken on the smallest of the usual scales
    that holds them all, and a note says which; values beyond all scales are no colours, and None.
    """
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0) if values.dtype.kind == "f" else values
    largest = float(values.max(initial=0))
    if declared is not None and declared.kind == "u" and declared.itemsize <= 2:
        full, said = 256**declared.itemsize - 1, True
    else:
        full = next((top for top in (1, 255, 65_535) if largest <= top), 0)
        said = declared is not None and declared.kind == "f" and full == 1
    if not full:
        return None, (f"left out its colours, which run up to {largest:,.0f}",)
    notes = () if said else (f"took its colours as numbers from 0 to {full:,}",)
    return np.rint(values.clip(0, full) * (255 / full)).astype(np.uint8), notes
