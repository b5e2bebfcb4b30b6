"""Properties of JPEG, PNG and GIF files, parsed without decoding a pixel."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
