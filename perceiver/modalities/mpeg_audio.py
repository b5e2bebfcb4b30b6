"""Frames of MP3 and AAC streams, to find the start of such a stream after other bytes."""

from __future__ import annotations

from collections.abc import Callable

# ISO/IEC 11172-3 and 13818-3: bit rates in kbit/s by layer, for MPEG-1 and for MPEG-2 and 2.5.
_MPEG_1 = {
    1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_MPEG_2 = {
    1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)
# Bytes that are searched, and frames in a row that are no coincidence.
_WITHIN, _IN_A_ROW = 1 << 16, 3
# The bytes of the header of AAC that tell a frame's length.
_ADTS = 6


def frame_length(data: bytes, at: int = 0) -> int | None:
    """Bytes of the MP3 frame (MPEG-1, 2 or 2.5, any layer) whose header stands at a place; None where none does."""
    header = int.from_bytes(data[at : at + 4], "big")
    if at + 4 > len(data) or header >> 21 != 0x7FF:
        return None
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    bits, rate, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
    # Number 1 of the versions and 0 of the layers are not in use; a bit rate of 0 leaves the length open.
    if version == 1 or layer == 4 or bits in (0, 15) or rate == 3:
        return None
    first = version == 3
    kilobits = (_MPEG_1 if first else _MPEG_2)[layer][bits]
    hertz = _RATES[rate] >> (0 if first else 1 if version == 2 else 2)
    if layer == 1:
        return (12_000 * kilobits // hertz + padding) * 4
    return (144_000 if first or layer == 2 else 72_000) * kilobits // hertz + padding


def adts_length(data: bytes, at: int = 0) -> int | None:
    """Bytes of the AAC frame whose ADTS header stands at a place; None where none does."""
    if at + _ADTS > len(data) or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0 or data[at + 2] >> 2 & 15 > 12:
        return None
    length = int.from_bytes(data[at + 3 : at + 6], "big") >> 5 & 0x1FFF
    return length if length > _ADTS else None


def find_stream(data: bytes) -> tuple[int, str] | None:
    """The first byte of an MP3 or AAC stream in the first 64 KiB, and which of the two it is; None where none begins.

    A stream begins where three frames of one kind follow one another, or frames up to the end of the data.
    """
    at = data.find(b"\xff", 0, _WITHIN)
    while at >= 0:
        for name, length_of, same in (("MP3", frame_length, 0xFFFE0C00), ("AAC", adts_length, 0xFFFEFC00)):
            if _in_a_row(data, at, length_of, same):
                return at, name
        at = data.find(b"\xff", at + 1, _WITHIN)
    return None


def _in_a_row(data: bytes, at: int, length_of: Callable[[bytes, int], int | None], same: int) -> bool:
    """Whether frames follow one another whose headers agree in the bits of `same`."""
    mark = int.from_bytes(data[at : at + 4], "big") & same
    for number in range(_IN_A_ROW):
        length = length_of(data, at)
        if length is None or int.from_bytes(data[at : at + 4], "big") & same != mark:
            return False
        at += length
        if at >= len(data):
            return number > 0
    return True
