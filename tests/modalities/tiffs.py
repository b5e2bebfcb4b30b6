"""TIFF files written by hand in every layout: planes, tiles, predictors, byte orders, BigTIFF, sub-directories."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_CODES = {1: "B", 3: "H", 4: "I"}
Field = tuple[int, Any]
"""A field's type, and its value or values."""


@dataclass(frozen=True)
class Page:
    """One picture, (h, w) or (h, w, samples), of any NumPy type of numbers, and how it is stored.

    planar  2 for samples in separate planes
    tile    height and width of tiles; strips of `rows` rows where there are none
    more    further fields by tag
    below   its sub-directories
    """

    values: np.ndarray
    photometric: int = 1
    planar: int = 1
    tile: tuple[int, int] | None = None
    rows: int = 8
    deflate: bool = False
    predictor: int = 1
    extra: tuple[int, ...] = ()
    more: Mapping[int, Field] = field(default_factory=dict)
    below: tuple[Page, ...] = ()


def write(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """A TIFF of some pages. `order` is "<" (II) or ">" (MM)."""
    out = _Writer(order, big)
    place = 8 if big else 4
    for page in pages:
        out.body += bytes(len(out.body) % 2)
        offset = out.directory(page)
        struct.pack_into(order + out.offset, out.body, place, offset)
        place = len(out.body) - out.room
    return bytes(out.body)


class _Writer:
    def __init__(self, order: str, big: bool) -> None:
        self.order, self.big = order, big
        self.offset, self.room = ("Q", 8) if big else ("I", 4)
        head = (43, 8, 0, 0) if big else (42, 0)
        self.body = bytearray(
            (b"II" if order == "<" else b"MM") + struct.pack(order + ("HHHQ" if big else "HI"), *head)
        )

    def directory(self, page: Page) -> int:
        """Appends a picture and its directory, which ends with the place of the next one's offset."""
        fields = self._fields(page)
        if page.below:
            fields[330] = (4, [self.directory(child) for child in page.below])
        entries = b"".join(self._entry(tag, *value) for tag, value in sorted((fields | dict(page.more)).items()))
        count = len(entries) // (4 + 2 * self.room)
        start = len(self.body)
        self.body += struct.pack(self.order + ("Q" if self.big else "H"), count) + entries + bytes(self.room)
        return start

    def _entry(self, tag: int, kind: int, value: Any) -> bytes:
        values = list(value) if isinstance(value, Sequence) else [value]
        packed = struct.pack(f"{self.order}{len(values)}{_CODES[kind]}", *values)
        if len(packed) > self.room:
            place = len(self.body)
            self.body += packed + bytes(len(packed) % 2)
            packed = struct.pack(self.order + self.offset, place)
        return struct.pack(f"{self.order}HH{self.offset}", tag, kind, len(values)) + packed.ljust(self.room, b"\0")

    def _fields(self, page: Page) -> dict[int, Field]:
        samples = page.values.reshape(*page.values.shape[:2], -1)
        height, width, count = samples.shape
        planes = [samples[..., i : i + 1] for i in range(count)] if page.planar == 2 else [samples]
        places, lengths = [], []
        for piece in (piece for plane in planes for piece in _pieces(plane, page)):
            coded = _predicted(piece, page.predictor, self.order)
            coded = zlib.compress(coded) if page.deflate else coded
            places.append(len(self.body))
            lengths.append(len(coded))
            self.body += coded + bytes(len(coded) % 2)
        fields: dict[int, Field] = {256: (4, width), 257: (4, height), 262: (3, page.photometric)}
        fields |= {258: (3, [page.values.dtype.itemsize * 8] * count), 259: (3, 8 if page.deflate else 1)}
        fields |= {277: (3, count), 284: (3, page.planar), 339: (3, [" uif".index(page.values.dtype.kind)] * count)}
        fields |= {317: (3, page.predictor)} if page.predictor != 1 else {}
        fields |= {338: (3, page.extra)} if page.extra else {}
        if page.tile:
            down, across = page.tile
            return fields | {322: (4, across), 323: (4, down), 324: (4, places), 325: (4, lengths)}
        return fields | {273: (4, places), 278: (4, page.rows), 279: (4, lengths)}


def _pieces(plane: np.ndarray, page: Page) -> Iterator[np.ndarray]:
    """Strips of a plane, or its tiles, padded at the edges."""
    down, across = page.tile or (page.rows, plane.shape[1])
    for top in range(0, plane.shape[0], down):
        for left in range(0, plane.shape[1], across):
            piece = plane[top : top + down, left : left + across]
            missing = (down - piece.shape[0], across - piece.shape[1]) if page.tile else (0, 0)
            yield np.pad(piece, ((0, missing[0]), (0, missing[1]), (0, 0)))


def _predicted(piece: np.ndarray, predictor: int, order: str) -> bytes:
    """The bytes of a strip or tile: values (1), differences of values (2), differences of bytes of floats (3)."""
    if predictor == 3:
        rows = piece.astype(piece.dtype.newbyteorder(">")).view(np.uint8).reshape(len(piece), -1, piece.dtype.itemsize)
        planes = rows.swapaxes(1, 2).reshape(len(piece), -1)
        return np.diff(planes, axis=1, prepend=np.zeros((len(piece), 1), np.uint8)).astype(np.uint8).tobytes()
    if predictor == 2:
        unsigned = np.ascontiguousarray(piece).view(f"u{piece.dtype.itemsize}")
        piece = unsigned - np.concatenate([np.zeros_like(unsigned[:, :1]), unsigned[:, :-1]], axis=1)
    return piece.astype(piece.dtype.newbyteorder(order)).tobytes()
