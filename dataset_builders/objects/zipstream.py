"""Reads a zip archive front to back from a stream that cannot seek, so that gigabytes need not be stored.

Not stream-unzip, which decompresses skipped files as well; most files of this archive are skipped.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

from perceiver.errors import DataError

from ..files import Readable

_FILE, _DIRECTORY = b"PK\x03\x04", (b"PK\x01\x02", b"PK\x05\x06")
_STORED, _DEFLATED = 0, 8
_CHUNK = 1 << 20


def entries(stream: Readable, wanted: Callable[[str], bool], name: str) -> Iterator[tuple[str, bytes]]:
    """The path and contents of each wanted file of the archive `name`, in its order; the other files are skipped.

    Raises DataError when the archive ends early, a checksum differs, or a file is packed in a way that cannot be
    streamed (length unknown beforehand, over 4 GB, encrypted, or a method other than stored and deflated).
    """
    while (signature := _exactly(stream, 4, name)) == _FILE:
        _, flags, method, _, _, crc, packed, size, name_length, extra_length = struct.unpack(
            "<HHHHHIIIHH", _exactly(stream, 26, name)
        )
        path = _exactly(stream, name_length, name).decode("utf-8", "replace")
        _skip(stream, extra_length, name)
        if flags & 0b1001 or packed == 0xFFFFFFFF:
            raise DataError(f"{path} in {name} cannot be read from a stream: encrypted, over 4 GB or of unknown length")
        if not wanted(path):
            _skip(stream, packed, name)
            continue
        yield path, _unpacked(_exactly(stream, packed, name), method, size, crc, f"{path} in {name}")
    if signature not in _DIRECTORY:
        raise DataError(f"{name} is damaged: neither a file nor the directory follows the last file")


def _unpacked(body: bytes, method: int, size: int, crc: int, what: str) -> bytes:
    if method == _DEFLATED:
        try:
            body = zlib.decompress(body, -zlib.MAX_WBITS)
        except zlib.error as error:
            raise DataError(f"{what} is damaged: {error}") from None
    elif method != _STORED:
        raise DataError(f"{what} is packed with method {method}; only stored and deflated files can be read")
    if len(body) != size or zlib.crc32(body) != crc:
        raise DataError(f"{what} is damaged: its checksum differs")
    return body


def _exactly(stream: Readable, count: int, name: str) -> bytes:
    body = stream.read(count)
    if len(body) != count:
        raise DataError(f"{name} ends in the middle")
    return body


def _skip(stream: Readable, count: int, name: str) -> None:
    while count:
        count -= len(_exactly(stream, min(count, _CHUNK), name))
