"""Properties of JPEG, PNG, GIF and AVIF files, parsed without decoding a pixel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_PNG_HEAD = 8
_SOS, _EOI, _COM, _APP0, _APP14 = 0xDA, 0xD9, 0xFE, 0xE0, 0xEE
# In coded data a byte FF is followed by 00, or by a restart mark; what stands alone has no length behind it.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


@dataclass(frozen=True)
class JpegScans:
    """The coded part of a JPEG.

    streamed  it decodes row by row; otherwise every coefficient of the picture is held in memory at once
    count     passes over the picture that decoding takes
    ended     an end marker follows the coded data
    """

    streamed: bool
    count: int
    ended: bool


def jpeg_scans(data: bytes) -> JpegScans | None:
    """The scans of a JPEG, found without decoding; None when its headers are damaged."""
    components, progressive, streamed, count, ended = 0, False, False, 0, False
    for marker, start, _ in _segments(data):
        if marker in _FRAMES:
            components, progressive = _byte(data, start + 9), marker in _PROGRESSIVE
        if marker == _SOS:
            count += 1
            streamed = count == 1 and not progressive and _byte(data, start + 4) == components
        ended = marker == _EOI
    return JpegScans(streamed, count, ended) if count else None


def png_depth(data: bytes) -> int:
    """Bits a sample of a PNG."""
    return _byte(data, 24)


def png_chunks(data: bytes) -> Mapping[bytes, bytes]:
    """The chunks of a PNG before its pixels, by kind; the first of each."""
    out: dict[bytes, bytes] = {}
    for kind, start, stop in _chunks(data):
        if kind in (b"IDAT", b"IEND"):
            break
        out.setdefault(kind, data[start + 8 : stop - 4])
    return out


def avif_cicp(data: bytes) -> tuple[int, int] | None:
    """The code points of the primaries and the transfer of an AVIF's main picture (ITU-T H.273), if it names them."""
    for codes in _main_properties(data):
        if codes[:4] == b"nclx" and len(codes) >= 8:
            return int.from_bytes(codes[4:6], "big"), int.from_bytes(codes[6:8], "big")
    return None


def gif_frames(data: bytes, most: int) -> int:
    """Frames of a GIF, counted to one more than `most`."""
    frames, at = 0, 13 + _colour_table(_byte(data, 10))
    while frames <= most:
        match _byte(data, at):
            case 0x2C:
                frames += 1
                at = _past_blocks(data, at + 11 + _colour_table(_byte(data, at + 9)))
            case 0x21:
                at = _past_blocks(data, at + 2)
            case _:
                break
    return frames


def without_metadata(data: bytes) -> bytes:
    """The same JPEG or PNG with nothing but what its pixels need; other files, and broken ones, as they are.

    A profile, a comment or a preview that is damaged then no longer stands in the way of a good picture.
    """
    if data.startswith(b"\xff\xd8"):
        out, at = [data[:2]], 2
        for marker, start, stop in _segments(data):
            at = start if marker == _SOS else stop
            if marker == _SOS:
                break
            # APP14 says how the colours are coded, APP0 that there is nothing to say.
            if marker != _COM and not (_APP0 < marker <= 0xEF and marker != _APP14):
                out.append(data[start:stop])
        return b"".join((*out, data[at:]))
    if data.startswith(b"\x89PNG"):
        keep = (data[start:stop] for kind, start, stop in _chunks(data) if kind[:1].isupper() or kind == b"tRNS")
        return b"".join((data[:_PNG_HEAD], *keep))
    return data


def _colour_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _past_blocks(data: bytes, at: int) -> int:
    while length := _byte(data, at):
        at += 1 + length
    return at + 1


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and stop of every JPEG segment up to the end marker, coded data skipped."""
    at = 2
    while found := _MARKER.search(data, at):
        start, marker = found.start(), data[found.start() + 1]
        at = start + 2 + (0 if marker == _EOI else max(int.from_bytes(data[start + 2 : start + 4], "big"), 2))
        yield marker, start, at
        if marker == _EOI:
            return


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and stop of every PNG chunk."""
    at = _PNG_HEAD
    while at + 8 <= len(data):
        stop = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], at, stop
        at = stop


def _byte(data: bytes, at: int) -> int:
    return data[at] if at < len(data) else 0


_Box = tuple[bytes, int, int]


def _boxes(data: bytes, start: int, stop: int) -> Iterator[_Box]:
    """Kind, start and stop of the content of every box of an ISO container."""
    while start + 8 <= stop:
        size, head = int.from_bytes(data[start : start + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        end = min(start + size, stop) if size else stop
        if end < start + head:
            return
        yield data[start + 4 : start + 8], start + head, end
        start = end


def _box(data: bytes, within: tuple[int, int], *path: bytes) -> tuple[int, int] | None:
    """The content of the first box at a path of kinds."""
    for kind in path:
        found = next((box for box in _boxes(data, *within) if box[0] == kind), None)
        if found is None:
            return None
        # These begin with a version and flags.
        within = (found[1] + (4 if kind in (b"meta", b"pitm", b"ipma") else 0), found[2])
    return within


def _main_properties(data: bytes) -> Iterator[bytes]:
    """The colour properties of the main picture."""
    whole = (0, len(data))
    main, known = _box(data, whole, b"meta", b"pitm"), _box(data, whole, b"meta", b"iprp", b"ipco")
    owners = _box(data, whole, b"meta", b"iprp", b"ipma")
    if not (main and known and owners):
        return
    wide = 4 if data[main[0] - 4] else 2
    item = int.from_bytes(data[main[0] : main[0] + wide], "big")
    properties = list(_boxes(data, *known))
    wide, long = 4 if data[owners[0] - 4] else 2, data[owners[0] - 1] & 1
    at = owners[0] + 4
    while at + wide < owners[1]:
        owner, count = int.from_bytes(data[at : at + wide], "big"), data[at + wide]
        at += wide + 1
        for place in range(at, min(at + count * (1 + long), owners[1]), 1 + long):
            number = int.from_bytes(data[place : place + 1 + long], "big") & (0x7FFF if long else 0x7F)
            if owner == item and 0 < number <= len(properties) and properties[number - 1][0] == b"colr":
                _, start, stop = properties[number - 1]
                yield data[start:stop]
        at += count * (1 + long)
