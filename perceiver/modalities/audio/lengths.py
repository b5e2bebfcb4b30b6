"""The length that sound files announce, which is wrong where a recording, a pipe or a download was interrupted.

The bytes that are there decide. A WAV whose chunks do not add up gets a new header in front of its sound; for other
containers it is enough to say that bytes are missing.
"""

from __future__ import annotations

import struct
from typing import Literal

from .. import kinds
from ..kinds import Kind

# A WAV header has 32 bits for a length; writers that do not know it put 0 or the largest number that they hold.
_NO_LENGTH = 0x7FFFFF00
# Real files have a dozen chunks; walking through millions of empty ones takes minutes.
_MOST_CHUNKS = 1000
_XING, _FRAMES_FLAG = (b"Xing", b"Info"), 1


def repaired(data: bytes, kind: Kind) -> tuple[bytes, str | None]:
    """The file with a header that decoders can follow, and a note if less is there than its header announces."""
    if kind is kinds.WAV and data.startswith(b"RIFF"):
        return _repaired_wav(data)
    if kind is kinds.OGG:
        end = _has_ended(data)
        return data, None if end else "read what is there; its end mark is missing: it is cut off or was never finished"
    announced = _announced(data, kind)
    if announced is None or announced <= len(data):
        return data, None
    return data, f"read the {len(data):,} bytes that are there of the {announced:,} its header announces: it is cut off"


def counts_frames(data: bytes) -> bool:
    """Whether an MP3 begins with a frame that counts the others; without one its length is an estimate."""
    start = kinds.id3_length(data)
    head = data[start : start + 512]
    at = max(head.find(mark) for mark in _XING)
    return at >= 0 and len(head) > at + 7 and bool(head[at + 7] & _FRAMES_FLAG)


def _repaired_wav(data: bytes) -> tuple[bytes, str | None]:
    at, forgetful = 12, False
    before: list[tuple[int, int]] = []
    while data[at : at + 4] != b"data" and at + 8 <= len(data) and len(before) < _MOST_CHUNKS:
        size = _little(data, at + 4)
        before.append((at, at + 8 + size))
        at += 8 + size
        if size & 1:
            # A chunk of odd length is followed by a byte of padding, which some writers forget.
            forgotten = not _is_name(data[at + 1 : at + 5]) and _is_name(data[at : at + 4])
            at, forgetful = at + (not forgotten), forgetful or forgotten
    start = at + 8
    present = len(data) - start
    if data[at : at + 4] != b"data" or present <= 0:
        return data, None
    claimed, note = _little(data, at + 4), None
    unknown = claimed >= _NO_LENGTH or (claimed == 0 and not _are_chunks(data, start))
    if unknown:
        note = f"read the {present:,} bytes of sound that are there: its header gives no length"
    elif claimed > present:
        note = f"read the {present:,} bytes of sound that are there: its header announces {claimed:,}"
    if not (forgetful or unknown):
        return data, note
    size = present if unknown else min(claimed, present)
    chunks = [data[begin:end] + bytes((end - begin) & 1) for begin, end in before]
    chunks += [b"data", struct.pack("<I", size), data[start : start + size]]
    return b"".join((b"RIFF", struct.pack("<I", 4 + sum(map(len, chunks))), b"WAVE", *chunks)), note


def _are_chunks(data: bytes, at: int) -> bool:
    """Whether nothing but whole chunks follow."""
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data) or not _is_name(data[at : at + 4]):
            break
        at += 8 + _little(data, at + 4)
        at += at & 1
    return at >= len(data)


def _is_name(code: bytes) -> bool:
    return len(code) == 4 and all(32 <= byte < 127 for byte in code)


def _has_ended(data: bytes) -> bool:
    """Whether an Ogg's last page is whole and marked as the last."""
    at = data.rfind(b"OggS")
    body = at + 27 + (data[at + 26] if at + 26 < len(data) else 0)
    return body <= len(data) and bool(data[at + 5] & 4) and body + sum(data[at + 27 : body]) <= len(data)


def _announced(data: bytes, kind: Kind) -> int | None:
    """Bytes of the whole file according to its header; None where it does not say."""
    if kind is kinds.AIFF:
        return 8 + int.from_bytes(data[4:8], "big")
    if kind is kinds.W64:
        return _long(data, 16, "little")
    if kind is kinds.WAV and data[12:16] == b"ds64":
        return _plus(8, _long(data, 20, "little"))
    if kind is kinds.AU:
        size = int.from_bytes(data[8:12], "big")
        return None if size == 0xFFFFFFFF else int.from_bytes(data[4:8], "big") + size
    return _announced_by_caf(data) if kind is kinds.CAF else None


def _announced_by_caf(data: bytes) -> int | None:
    at = 8
    for _ in range(_MOST_CHUNKS):
        end = _plus(at + 12, _long(data, at + 4, "big"))
        if data[at : at + 4] == b"data" or end is None:
            return end
        at = end
    return None


def _little(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _long(data: bytes, at: int, order: Literal["little", "big"]) -> int | None:
    """A 64-bit length; None for the values that mean it was not known."""
    value = int.from_bytes(data[at : at + 8], order, signed=True)
    return value if value > 0 else None


def _plus(start: int, length: int | None) -> int | None:
    return None if length is None else start + length
