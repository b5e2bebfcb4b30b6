"""Files made by hand for the tests: what Pillow cannot write, and what should never have been written."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms

RED, GREEN, BLUE, WHITE, MAGENTA = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (255, 0, 255)


def save(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def red_left(width: int = 40, height: int = 20) -> Image.Image:
    picture = Image.new("RGB", (width, height), WHITE)
    picture.paste(RED, (0, 0, width // 2, height))
    return picture


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: bytes) -> bytes:
    """A PNG of unfiltered rows (each begins with its filter byte, 0) with extra chunks before the pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels


def tiff(values: bytes, width: int, height: int, *, order: str = "<", **tags: int | tuple[int, ...]) -> bytes:
    """A one-strip TIFF. `order` is "<" (II) or ">" (MM); tags: bits, photometric, sample_format, tile, extra."""
    bits = tags.get("bits", 8)
    bits = bits if isinstance(bits, tuple) else (bits,)
    start = 8
    after = start + len(values)
    long_bits = struct.pack(f"{order}{len(bits)}H", *bits)
    fields = {256: (4, width), 257: (4, height), 259: (3, 1), 262: (3, tags.get("photometric", 1)), 273: (4, start)}
    fields |= {277: (3, len(bits)), 278: (4, height), 279: (4, len(values)), 339: (3, tags.get("sample_format", 1))}
    if "tile" in tags:
        fields |= {322: (4, tags["tile"]), 323: (4, tags["tile"])}
    if "extra" in tags:
        fields |= {338: (3, tags["extra"])}
    entries = []
    for tag, (kind, value) in fields.items():
        packed = struct.pack(f"{order}{'H2x' if kind == 3 else 'I'}", value)
        entries.append((tag, struct.pack(f"{order}HHI", tag, kind, 1) + packed))
    inline = long_bits.ljust(4, b"\0") if len(long_bits) <= 4 else struct.pack(f"{order}I", after)
    entries.append((258, struct.pack(f"{order}HHI", 258, 3, len(bits)) + inline))
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entry for _, entry in sorted(entries)) + bytes(4)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, after + len(long_bits))
    return head + values + long_bits + directory


def swapped_profile() -> bytes:
    """The sRGB profile with the places of its red and green primaries exchanged: pure red means green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile)


def profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC version 2 profile of these tags."""
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", at + len(body), len(value))
        body += value
    kind = b"mntr" if space == b"GRAY" else b"prtr"
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"test", 0x02100000, kind, space, connection)
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + body


def description(text: bytes) -> bytes:
    return b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(1 + 8 + 3 + 67)


def xyz(x: int, y: int, z: int) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">III", x, y, z)


def linear_grey_profile() -> bytes:
    """Grey values proportional to light."""
    curve = b"curv" + bytes(4) + struct.pack(">I", 0)
    tags = {b"desc": description(b"linear grey"), b"wtpt": xyz(0xF6D6, 0x10000, 0xD32D), b"kTRC": curve}
    return profile(b"GRAY", b"XYZ ", tags | {b"cprt": b"text" + bytes(4) + b"none\0"})


def cmyk_profile(first: tuple[int, int, int], last: tuple[int, int, int]) -> bytes:
    """A CMYK profile in which C alone leads from Lab `first` (no ink) to Lab `last`, and K to black.

    Both are 8-bit Lab: L * 2.55, a + 128, b + 128.
    """
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    black = (0, 128, 128)
    corners = b"".join(bytes(black if corner & 1 else last if corner & 8 else first) for corner in range(16))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + ramp * 4 + corners + ramp * 3
    tags = {b"desc": description(b"test inks"), b"wtpt": xyz(0xF6D6, 0x10000, 0xD32D), b"A2B0": table}
    return profile(b"CMYK", b"Lab ", tags | {b"cprt": b"text" + bytes(4) + b"none\0"})
