"""TIFF: a reader for layouts that Pillow reads wrongly, and what the tags say without decoding."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ..base import DecodeError

SAMPLE_FORMAT, BITS, PHOTOMETRIC, SUB_DIRECTORIES = 339, 258, 262, 330
_SUBFILE, _WIDTH, _LENGTH, _SAMPLES, _PLANAR, _EXTRA, _DNG = 254, 256, 257, 277, 284, 338, 50706
_TOLD = frozenset({_SUBFILE, _WIDTH, _LENGTH, PHOTOMETRIC, SUB_DIRECTORIES, _DNG})
_OFFSETS = (273, 324)  # of strips and of tiles
# Colour filter array and linear raw.
_RAW_PHOTOMETRIC = frozenset({32803, 34892})
_RGB, _CMYK = 2, 5
_NATIVE = {"F;32BF": "F;32NF", "I;16BS": "I;16NS", "I;32BS": "I;32NS"}
_FIELDS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MOST_DIRECTORIES, _MOST_ENTRIES, _MOST_VALUES = 2000, 100_000, 64
_FORMATS = {1: "unsigned integers", 2: "signed integers", 3: "floating-point numbers"}


class TiffFile(TiffImageFile):
    """A TIFF whose samples are in separate planes, or compressed in big-endian order, is decoded by libtiff in full.

    Pillow 13 decodes uncompressed planes by the first letters of the layout of whole pixels, and does not know that
    libtiff returns numbers in the machine's byte order.
    """

    left_out: int
    """Channels of the picture that are not shown: the file does not state what they mean."""

    def _setup(self) -> None:
        tags = self.tag_v2
        samples, extra = tags.get(_SAMPLES, 1), tags.get(_EXTRA, ())
        self.left_out = sum(kind == 0 for kind in extra)
        planes = tags.get(_PLANAR, 1) == 2
        if planes and samples - self.left_out == 1:
            self._keep_first_plane(samples)
            planes = False
        try:
            super()._setup()
        except SyntaxError as error:
            raise DecodeError(_unread(_layout(tags))) from error
        if planes and not (self.mode in ("RGB", "RGBA", "CMYK") and tags.get(PHOTOMETRIC) in (_RGB, _CMYK)):
            raise DecodeError(_unread(f"{_layout(tags)}, in separate planes"))
        if planes and not self.use_load_libtiff:
            self.use_load_libtiff = True
            mode = f"{self.mode};16N" if tags[BITS][0] == 16 else self.mode
            self.tile = [ImageFile._Tile("libtiff", (0, 0, *self._tile_size), 0, (mode, False, tags.offset))]
        elif self.use_load_libtiff and self.tile:
            (tile,) = self.tile
            assert isinstance(tile.args, tuple)
            mode, *rest = tile.args
            self.tile = [tile._replace(args=(_NATIVE.get(mode, mode), *rest))]

    def _keep_first_plane(self, samples: int) -> None:
        """Drops all planes but the first, which is the whole picture then; one plane is no plane of its own."""
        tags = self.tag_v2
        tags[_PLANAR] = tags[_SAMPLES] = 1
        tags.pop(_EXTRA, None)
        for tag in (BITS, SAMPLE_FORMAT):
            if tag in tags:
                tags[tag] = tags[tag][:1]
        for tag in _OFFSETS:
            if tag in tags:
                tags[tag] = tags[tag][: max(len(tags[tag]) // samples, 1)]


def is_camera_raw(data: bytes) -> bool:
    """Whether a TIFF holds the unprocessed values of a camera's sensor."""
    return any(_DNG in tags or tags.get(PHOTOMETRIC, (0,))[0] in _RAW_PHOTOMETRIC for tags, _ in _directories(data))


def pages(data: bytes) -> int:
    """How many pages a TIFF has, counted to a limit."""
    return sum(level == 0 for _, level in _directories(data))


def first_full_page(data: bytes) -> int:
    """The number of the first page that is not a smaller copy of another; 0 if all are."""
    reduced = [tags.get(_SUBFILE, (0,))[0] & 1 for tags, level in _directories(data) if level == 0]
    return reduced.index(0) if 0 in reduced else 0


def _layout(tags: Mapping[int, Any]) -> str:
    """The samples of a picture in words: "3 samples of 16-bit floating-point numbers a pixel"."""
    bits, formats = tags.get(BITS, (1,)), tags.get(SAMPLE_FORMAT, (1,))
    samples = tags.get(_SAMPLES, 1)
    values = _FORMATS.get(formats[0] if formats else 1, "complex or undefined values")
    return f"{samples} {'sample' if samples == 1 else 'samples'} a pixel, {bits[0] if bits else 1}-bit {values}"


def _unread(layout: str) -> str:
    return f"its layout is not read ({layout}); save it as PNG and try again"


def _directories(data: bytes) -> Iterator[tuple[dict[int, tuple[int, ...]], int]]:
    """The tags of every directory, in order, with its level: 0 for a page, more below pages. Damaged ones end it."""
    order = ">" if data[:2] == b"MM" else "<"
    big = data[2:4] in (b"+\0", b"\0+")
    waiting = [(8 if big else 4, 0)]  # places of offsets
    seen: set[int] = set()
    left = _MOST_ENTRIES
    while waiting and len(seen) < _MOST_DIRECTORIES:
        place, level = waiting.pop(0)
        try:
            (offset,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, place)
            if offset == 0 or offset in seen:
                continue
            seen.add(offset)
            tags, after, below, count = _entries(data, offset, order, big, left)
        except (struct.error, OverflowError):  # a place behind the end, or beyond what a machine can address
            continue
        if (left := left - count) <= 0:
            return
        if _WIDTH in tags and _LENGTH in tags:
            yield tags, level
        waiting = [(after, level), *((child, level + 1) for child in below), *waiting]


def _entries(
    data: bytes, offset: int, order: str, big: bool, most: int
) -> tuple[dict[int, tuple[int, ...]], int, list[int], int]:
    """The tags of a directory, the place of the next one's offset, the places of those of its sub-directories, and the
    number of its entries."""
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, offset)
    at, room = offset + (8 if big else 2), 8 if big else 4
    size = 4 + 2 * room
    tags: dict[int, tuple[int, ...]] = {}
    below: list[int] = []
    for entry in range(at, at + size * min(count, most), size):
        tag, kind, many = struct.unpack_from(f"{order}HH{'Q' if big else 'I'}", data, entry)
        if tag not in _TOLD or kind not in _FIELDS or many == 0:
            continue
        form, many = _FIELDS[kind], min(many, _MOST_VALUES)
        place = entry + 4 + room
        if struct.calcsize(form) * many > room:
            (place,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, place)
        tags[tag] = struct.unpack_from(f"{order}{many}{form}", data, place)
        if tag == SUB_DIRECTORIES:
            below = [place + struct.calcsize(form) * number for number in range(many)]
    return tags, at + size * count, below, count
