"""Files as trees of chunks: parsed, changed, and written with lengths and checksums that fit again.

A chunk keeps what stands before its content. `SHAPES` lists the formats by their first bytes; writing what was parsed
gives the same file, so that a change reaches the code behind the checks of lengths and checksums.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Literal

Change = Callable[[Random, bytes], bytes]
_DEEPEST = 12


@dataclass
class Chunk:
    """A piece of a file.

    head   what stands before the content: its kind, flags; without lengths and checksums where those are written anew
    body   its content, or the chunks in it
    width  bytes of its length, where that varies
    """

    head: bytes
    body: bytes | list[Chunk]
    width: int = 0


@dataclass(frozen=True)
class Shape:
    """How files of one family consist of chunks."""

    parse: Callable[[bytes], list[Chunk]]
    write: Callable[[list[Chunk]], bytes]


def shape_of(data: bytes) -> Shape | None:
    """The shape of a file; None where none is known."""
    return next((shape for offset, magic, shape in SHAPES if data.startswith(magic, offset)), None)


def mutated(random: Random, data: bytes, others: Sequence[bytes], change: Change) -> bytes | None:
    """The file with a change to its chunks; None where its format has no chunks here.

    change  a change of bytes, for the content of a chunk
    """
    if data[:2] in (b"II", b"MM") and random.random() < 0.7:
        return _tiff_field(random, data)
    shape = shape_of(data)
    if shape is None:
        return None
    chunks = shape.parse(data)
    places = list(_places(chunks))
    if not places:
        return None
    siblings, at = random.choice(places)
    chunk = siblings[at]
    match random.choice(("change", "change", "change", "head", "remove", "repeat", "swap", "move", "borrow", "empty")):
        case "change" if isinstance(chunk.body, bytes):
            siblings[at] = Chunk(chunk.head, change(random, chunk.body), chunk.width)
        case "head":
            siblings[at] = Chunk(change(random, chunk.head), chunk.body, chunk.width)
        case "remove" | "change":
            del siblings[at]
        case "repeat":
            siblings[at:at] = [chunk] * random.choice((1, 1, 2, 40))
        case "swap":
            other, there = random.choice(places)
            siblings[at], other[there] = other[there], siblings[at]
        case "move":
            random.choice(places)[0].append(Chunk(chunk.head, shape.write([chunk]), chunk.width))
        case "borrow":
            theirs = [one for one in others if shape_of(one) is shape]
            there = list(_places(shape.parse(random.choice(theirs)))) if theirs else []
            if there:
                from_them, number = random.choice(there)
                siblings[at] = from_them[number]
        case "empty":
            siblings[at] = Chunk(chunk.head, b"", chunk.width)
    try:
        return shape.write(chunks)
    except (OverflowError, struct.error, RecursionError):
        return None  # a length that the format cannot write


def _places(chunks: list[Chunk], depth: int = 0) -> Iterator[tuple[list[Chunk], int]]:
    """All chunks, as lists and places in them."""
    for at, chunk in enumerate(chunks):
        yield chunks, at
        if isinstance(chunk.body, list) and depth < _DEEPEST:
            yield from _places(chunk.body, depth + 1)


def _content(chunk: Chunk, write: Callable[[list[Chunk]], bytes]) -> bytes:
    return chunk.body if isinstance(chunk.body, bytes) else write(chunk.body)


def _raw(data: bytes) -> list[Chunk]:
    """A rest that has no structure."""
    return [Chunk(b"", data, -1)] if data else []


# PNG: length, kind, content, checksum.


def _parse_png(data: bytes) -> list[Chunk]:
    out, at = [Chunk(b"", data[:8], -1)], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        out.append(Chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return out + _raw(data[at:])


def _write_png(chunks: list[Chunk]) -> bytes:
    return b"".join(_png_chunk(chunk) for chunk in chunks)


def _png_chunk(chunk: Chunk) -> bytes:
    body = _content(chunk, _write_png)
    if chunk.width < 0:
        return body
    return struct.pack(">I", len(body)) + chunk.head + body + struct.pack(">I", zlib.crc32(chunk.head + body))


def _writer(write_one: Callable[[Chunk, bytes], bytes]) -> Callable[[list[Chunk]], bytes]:
    """Writes chunks one after the other, those in a chunk first.

    write_one  writes a chunk, given its content as bytes; what is no chunk is written as it is
    """

    def write(chunks: list[Chunk]) -> bytes:
        bodies = ((chunk, _content(chunk, write)) for chunk in chunks)
        return b"".join(body if chunk.width < 0 else write_one(chunk, body) for chunk, body in bodies)

    return write


# RIFF and its relatives: kind, length, content, padding to an even place.


def _riff(order: str, nests: tuple[bytes, ...]) -> Shape:
    def parse(data: bytes) -> list[Chunk]:
        out, at = list[Chunk](), 0
        while at + 8 <= len(data):
            kind, length = data[at : at + 4], struct.unpack(order + "I", data[at + 4 : at + 8])[0]
            padded = length + length % 2
            if at + 8 + padded > len(data):
                break
            body = data[at + 8 : at + 8 + length]
            if kind in nests and length >= 4:
                out.append(Chunk(kind + body[:4], parse(body[4:])))
            else:
                out.append(Chunk(kind, body))
            if length % 2 and data[at + 8 + length]:
                break
            at += 8 + padded
        return out + _raw(data[at:])

    def write_one(chunk: Chunk, body: bytes) -> bytes:
        body = chunk.head[4:] + body
        return chunk.head[:4].ljust(4) + struct.pack(order + "I", len(body)) + body + bytes(len(body) % 2)

    return Shape(parse, _writer(write_one))


# ISO media files: length, kind, content.

_ISO_NESTS = frozenset(b"moov trak mdia minf stbl dinf edts udta mvex moof traf meta iprp ipco ilst tref".split())


def _parse_iso(data: bytes) -> list[Chunk]:
    out, at = list[Chunk](), 0
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if length < 8 or at + length > len(data):
            break
        body = data[at + 8 : at + length]
        # QuickTime has no version and flags before what a "meta" holds.
        flags = body[:4] if kind == b"meta" and body[4:8] != b"hdlr" else b""
        inside = _parse_iso(body[len(flags) :]) if kind in _ISO_NESTS else body
        out.append(Chunk(kind + flags, inside))
        at += length
    return out + _raw(data[at:])


def _write_iso(chunk: Chunk, body: bytes) -> bytes:
    return struct.pack(">I", 4 + len(chunk.head) + len(body)) + chunk.head + body


# Matroska and WebM: kind and length of varying width.

# Of the segment: seek heads, info, tracks, clusters, cues, tags.
_EBML_KINDS = (
    "1a45dfa3",
    "18538067",
    "114d9b74",
    "4dbb",
    "1549a966",
    "1654ae6b",
    "ae",
    "e0",
    "e1",
    "1f43b675",
    "a0",
    "1c53bb6b",
    "bb",
    "b7",
    "1254c367",
)
_EBML_NESTS = frozenset(bytes.fromhex(kind) for kind in _EBML_KINDS)


def _parse_ebml(data: bytes) -> list[Chunk]:
    out, at = list[Chunk](), 0
    while at + 2 <= len(data):
        kind = 9 - data[at].bit_length()
        if kind > 4 or at + kind >= len(data):
            break
        width = 9 - data[at + kind].bit_length()
        start = at + kind + width
        length = int.from_bytes(data[at + kind : start], "big") & ((1 << 7 * width) - 1)
        open_ended = width <= 8 and length == (1 << 7 * width) - 1
        if width > 8 or start > len(data) or (not open_ended and start + length > len(data)):
            break
        stop = len(data) if open_ended else start + length
        body, name = data[start:stop], data[at : at + kind]
        inside = _parse_ebml(body) if name in _EBML_NESTS else body
        out.append(Chunk(name, inside, width + 16 * open_ended))
        at = stop
    return out + _raw(data[at:])


def _write_ebml(chunk: Chunk, body: bytes) -> bytes:
    width = chunk.width % 16
    length = (1 << 7 * width) - 1 if chunk.width > 16 else len(body)
    if length >= 1 << 7 * width:
        width = 8
    return chunk.head + (length | 1 << 7 * width).to_bytes(width, "big") + body


# Ogg: pages with a table of segments and a checksum.


def _ogg_table() -> list[int]:
    table = []
    for number in range(256):
        value = number << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value >> 31 else value << 1) & 0xFFFFFFFF
        table.append(value)
    return table


_OGG_TABLE = _ogg_table()


def _parse_ogg(data: bytes) -> list[Chunk]:
    out, at = list[Chunk](), 0
    while data.startswith(b"OggS", at) and at + 27 <= len(data):
        table = 27 + data[at + 26]
        stop = at + table + sum(data[at + 27 : at + table])
        if stop > len(data):
            break
        out.append(Chunk(data[at : at + table], data[at + table : stop]))
        at = stop
    return out + _raw(data[at:])


def _write_ogg(chunks: list[Chunk]) -> bytes:
    out = b""
    for chunk in chunks:
        body = _content(chunk, _write_ogg)
        head = chunk.head
        if chunk.width < 0 or len(head) < 27:
            out += head + body
            continue
        if sum(head[27:]) != len(body) and len(body) < 65_000:
            full, rest = divmod(len(body), 255)
            head = head[:26] + bytes([full + 1]) + b"\xff" * full + bytes([rest])
        value = 0
        for byte in head[:22] + bytes(4) + head[26:] + body:
            value = (value << 8 & 0xFFFFFFFF) ^ _OGG_TABLE[value >> 24 ^ byte]
        out += head[:22] + struct.pack("<I", value) + head[26:] + body
    return out


# JPEG: segments, then coded data.


def _parse_jpeg(data: bytes) -> list[Chunk]:
    out, at = [Chunk(b"", data[:2], -1)], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0, 0xD9, 0xFF):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(data):
            break
        out.append(Chunk(data[at : at + 2], data[at + 4 : at + 2 + length]))
        at += 2 + length
        if data[at - length - 1] == 0xDA:
            stop = at
            while (stop := data.find(b"\xff", stop)) >= 0 and data[stop + 1 : stop + 2] in (b"\0", *_RESTARTS):
                stop += 2
            stop = len(data) if stop < 0 else stop
            out += _raw(data[at:stop])
            at = stop
    return out + _raw(data[at:])


_RESTARTS = tuple(bytes([0xD0 + number]) for number in range(8))


def _write_jpeg(chunks: list[Chunk]) -> bytes:
    out = b""
    for chunk in chunks:
        body = _content(chunk, _write_jpeg)
        out += body if chunk.width < 0 else chunk.head + struct.pack(">H", (2 + len(body)) % 65536) + body
    return out


# Files that are rows of pieces, each with its own length or mark, which are written as they are.


def _rows(split: Callable[[bytes], list[bytes]]) -> Shape:
    return Shape(
        lambda data: [Chunk(b"", piece) for piece in split(data)],
        lambda chunks: b"".join(chunk.head + _content(chunk, lambda inside: b"") for chunk in chunks),
    )


def _gif(data: bytes) -> list[bytes]:
    table = 3 << ((data[10] & 7) + 1) if len(data) > 10 and data[10] & 0x80 else 0
    out, at = [data[:13], data[13 : 13 + table]], 13 + table
    while at < len(data) and data[at] in (0x21, 0x2C):
        stop = at + 2
        if data[at] == 0x2C and at + 9 < len(data):
            stop = at + 11 + (3 << ((data[at + 9] & 7) + 1) if data[at + 9] & 0x80 else 0)
        while stop < len(data) and data[stop]:
            stop += 1 + data[stop]
        out.append(data[at : stop + 1])
        at = stop + 1
    return [piece for piece in (*out, data[at:]) if piece]


def _flac(data: bytes) -> list[bytes]:
    out, at = [data[:4]], 4
    while at + 4 <= len(data):
        stop = at + 4 + int.from_bytes(data[at + 1 : at + 4], "big")
        out.append(data[at:stop])
        last, at = data[at] & 0x80, stop
        if last:
            break
    return out + _at_marks(b"\xff\xf8")(data[at:])


def _at_marks(*marks: bytes) -> Callable[[bytes], list[bytes]]:
    """Pieces that begin with one of some marks."""

    def split(data: bytes) -> list[bytes]:
        places = sorted({at for mark in marks for at in _finds(data, mark)} | {0, len(data)})
        return [data[a:b] for a, b in pairwise(places)]

    return split


def _finds(data: bytes, mark: bytes) -> Iterator[int]:
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + len(mark))


def _packets(data: bytes) -> list[bytes]:
    return [data[at : at + 188] for at in range(0, len(data), 188)]


def _records(first: int, at: int, width: int, order: Literal["little", "big"], beside: int) -> Shape:
    """A header of `first` bytes, then records that say their length without `beside` bytes at a place of theirs."""

    def split(data: bytes) -> list[bytes]:
        out, start = [data[:first]], first
        while start < len(data):
            length = beside + int.from_bytes(data[start + at : start + at + width], order)
            stop = min(start + max(length, at + width), len(data))
            out.append(data[start:stop])
            start = stop
        return out

    return _rows(split)


def _asf(data: bytes) -> list[bytes]:
    """Objects; those of the header one by one."""
    out, at = list[bytes](), 0
    while at + 24 <= len(data):
        length = int.from_bytes(data[at + 16 : at + 24], "little")
        head = at == 0
        stop = at + (30 if head else min(max(length, 24), len(data)))
        out.append(data[at:stop])
        at = stop
    return [*out, data[at:]] if at < len(data) else out


def _sized(step: int, first: int) -> Callable[[bytes], list[bytes]]:
    """A header, then records of one size."""
    return lambda data: [data[:first], *(data[at : at + step] for at in range(first, len(data), step))]


def _tiff_field(random: Random, data: bytes) -> bytes | None:
    """A TIFF with a field of a directory changed: its tag, type, count or value."""
    order = "<" if data.startswith(b"II") else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    code, room, counts = ("Q", 20, "Q") if big else ("I", 12, "H")
    entries, at = list[int](), 4 + 4 * big
    seen: set[int] = set()
    while at + struct.calcsize(code) <= len(data) and at not in seen:
        seen.add(at)
        place = struct.unpack_from(order + code, data, at)[0]
        if place + 8 > len(data) or place == 0:
            break
        count = struct.unpack_from(order + counts, data, place)[0]
        start = place + struct.calcsize(counts)
        found = [start + room * number for number in range(min(count, 100)) if start + room * (number + 1) <= len(data)]
        entries += found
        at = start + room * count
    if not entries:
        return None
    at = random.choice(entries)
    part = random.choice(("tag", "type", "count", "value", "value", "entry"))
    if part == "entry":
        return data[:at] + data[(other := random.choice(entries)) : other + room] + data[at + room :]
    offset, width = {"tag": (0, 2), "type": (2, 2), "count": (4, 8 if big else 4)}.get(part, (room - room // 3, 4))
    tags = (
        254,
        256,
        257,
        258,
        259,
        262,
        266,
        273,
        274,
        277,
        278,
        279,
        284,
        317,
        320,
        322,
        323,
        324,
        325,
        330,
        338,
        339,
    )
    edges = (0, 1, 2, 3, 4, 5, 7, 8, 16, 32, 64, 255, 65535, 1 << 20, (1 << 31) - 1, (1 << 32) - 1, len(data), at)
    value = random.choice(tags if part == "tag" else (*range(20), 65535) if part == "type" else edges)
    packed = value.to_bytes(8, "little" if order == "<" else "big")
    packed = packed[:width] if order == "<" else packed[8 - width :]
    return data[: at + offset] + packed + data[at + offset + width :]


_RIFF, _AIFF = _riff("<", (b"RIFF", b"LIST")), _riff(">", (b"FORM",))
_ISO, _EBML = Shape(_parse_iso, _writer(_write_iso)), Shape(_parse_ebml, _writer(_write_ebml))
SHAPES: tuple[tuple[int, bytes, Shape], ...] = (
    (0, b"\x89PNG", Shape(_parse_png, _write_png)),
    (0, b"RIFF", _RIFF),
    (0, b"FORM", _AIFF),
    *((4, kind, _ISO) for kind in (b"ftyp", b"moov", b"mdat", b"wide")),
    (0, b"\x1a\x45\xdf\xa3", _EBML),
    (0, b"OggS", Shape(_parse_ogg, _write_ogg)),
    (0, b"\xff\xd8", Shape(_parse_jpeg, _write_jpeg)),
    (0, b"GIF8", _rows(_gif)),
    (0, b"fLaC", _rows(_flac)),
    (0, b"FLV", _records(13, 1, 3, "big", 15)),
    (0, b"\x30\x26\xb2\x75", _rows(_asf)),
    (0, b"glTF", _records(12, 0, 4, "little", 8)),
    (0, b"G@", _rows(_packets)),
    (0, b"\x00\x00\x01", _rows(_at_marks(b"\x00\x00\x01"))),
    (0, b"\xff\xf1", _rows(_at_marks(b"\xff\xf1"))),
    (0, b"\xff", _rows(_at_marks(b"\xff\xfb", b"\xff\xf3"))),
    (0, b"ID3", _rows(_at_marks(b"\xff\xfb", b"\xff\xf3", b"ID3"))),
    (0, b"#!AMR\n", _rows(_sized(32, 6))),
    (0, b"caff", _records(8, 4, 8, "big", 12)),
    (0, b"RF64", _records(12, 4, 4, "little", 8)),
    (0, b"riff", _records(40, 16, 8, "little", 0)),
    (0, b"LASF", _rows(_sized(34, 227))),
)
