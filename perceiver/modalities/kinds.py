"""Identifies files by their first bytes; the ending of the name only decides among plain text files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from .mpeg_audio import find_stream

Medium = Literal["picture", "sound", "video", "cloud"]

# Abbreviations spoken letter by letter that begin with the sound of a vowel.
_SPELLED = frozenset({"AMR", "FBX", "FLV", "HDF5", "MP3", "MP4", "MPEG", "M4A", "STL", "SVG", "XML", "XCF"})


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    words   what to call it: "HEIC picture"
    medium  what such files hold, if that is known; a video holds pictures, or sound, or both: only a decoder can tell
    mime    its MIME type, where browsers play it: of sounds, videos and pictures that move
    """

    words: str
    medium: Medium | None = None
    mime: str = ""

    @property
    def phrase(self) -> str:
        """The words with their article, for a sentence: "a HEIC picture"."""
        first = self.words.split()[0]
        return f"{'an' if first[0] in 'aeiouAEIOU' or first in _SPELLED else 'a'} {self.words}"


def sniff(data: bytes, name: str = "") -> str | None:
    """What the bytes are, in words ("HEIC picture", "web page", "empty file"); None when nothing is recognised."""
    kind = identify(data, name)
    return kind.words if kind else None


def identify(data: bytes, name: str = "") -> Kind | None:
    """The kind of a file, judged by its first bytes; None when nothing is recognised. Reads a few kilobytes, and the
    zeros that some sounds stand behind."""
    return locate(data, name)[0]


def locate(data: bytes, name: str = "") -> tuple[Kind | None, int]:
    """The kind of a file, as `identify` gives it, and the place of its first byte: above 0 for a sound that stands
    behind zeros, a tag of another kind of file, or the rest of a frame."""
    kind = _identify(data, name)
    tagged = data.startswith(b"ID3") and kind in (MP3, FLAC, AAC)
    if kind is not None and not tagged:
        return kind, 0
    behind, place = _behind(data)
    if tagged:
        # Decoders of these three know one tag.
        known = behind is None or (place == id3_length(data) and behind in (MP3, FLAC, AAC))
        return (kind, 0) if known else (behind, place)
    if behind is not None:
        return behind, place
    stream = find_stream(data)
    return (None, 0) if stream is None else ({"MP3": MP3, "AAC": AAC}[stream[1]], stream[0])


def _identify(data: bytes, name: str) -> Kind | None:
    if not data:
        return EMPTY
    for offset, magic, kind in _MAGIC:
        if data.startswith(magic, offset):
            return kind
    # A binary STL begins with anything; whole ones are known by their length.
    return (
        _tagged(data)
        or _container(data)
        or _weak(data)
        or _text(data, name)
        or (STL if _ending(name) == ".stl" else None)
    )


def _picture(words: str) -> Kind:
    return Kind(f"{words} picture", "picture")


def _sound(words: str, mime: str = "") -> Kind:
    return Kind(f"{words} sound", "sound", mime)


def _video(words: str, mime: str = "") -> Kind:
    return Kind(f"{words} video", "video", mime)


def _cloud(words: str) -> Kind:
    return Kind(words, "cloud")


EMPTY = Kind("empty file")
WEB_PAGE = Kind("web page")
ARCHIVE = Kind("ZIP archive")
TEXT = Kind("text file")

JPEG, PNG, BMP = _picture("JPEG"), _picture("PNG"), _picture("BMP")
GIF = Kind("GIF picture", "picture", "image/gif")
WEBP, TIFF, PNM, AVIF = _picture("WebP"), _picture("TIFF"), _picture("PNM"), _picture("AVIF")
HEIC, SVG = _picture("HEIC"), Kind("SVG drawing", "picture")
CAMERA = _picture("camera raw")
WAV, FLAC, OGG = _sound("WAV", "audio/wav"), _sound("FLAC", "audio/flac"), _sound("Ogg", "audio/ogg")
MP3, AAC, M4A = _sound("MP3", "audio/mpeg"), _sound("AAC", "audio/aac"), _sound("M4A", "audio/mp4")
W64, AIFF, CAF, AU, AMR = _sound("Wave64"), _sound("AIFF"), _sound("CAF"), _sound("AU"), _sound("AMR")
MP4, WEBM = _video("MP4", "video/mp4"), _video("WebM", "video/webm")
QUICKTIME, AVI = _video("QuickTime"), _video("AVI")
MPEG, FLV, WINDOWS_MEDIA = _video("MPEG"), _video("FLV"), _video("Windows Media")
PLY, PCD, LAS = _cloud("PLY point cloud"), _cloud("PCD point cloud"), _cloud("LAS point cloud")
OBJ, OFF, STL, GLTF = _cloud("OBJ mesh"), _cloud("OFF mesh"), _cloud("STL mesh"), _cloud("glTF mesh")
NPY, NPZ, TABLE = _cloud("NumPy array"), _cloud("NumPy archive"), _cloud("table of numbers")

_MAGIC: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (0, b"II*\x00\x10\x00\x00\x00CR", CAMERA),
    (0, b"II*\x00", TIFF),
    (0, b"MM\x00*", TIFF),
    (0, b"II+\x00", TIFF),
    (0, b"MM\x00+", TIFF),
    (0, b"IIRO", CAMERA),
    (0, b"IIRS", CAMERA),
    (0, b"IIU\x00", CAMERA),
    (0, b"MMOR", CAMERA),
    (0, b"FUJIFILMCCD-RAW", CAMERA),
    (0, b"\x00MRM", CAMERA),
    (0, b"FOVb", CAMERA),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", _picture("JPEG 2000")),
    (0, b"\xff\x4f\xff\x51", _picture("JPEG 2000")),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", _picture("JPEG XL")),
    (0, b"\xff\x0a", _picture("JPEG XL")),
    (0, b"8BPS", _picture("Photoshop")),
    (0, b"gimp xcf", _picture("XCF")),
    (0, b"\x00\x00\x01\x00", Kind("icon file", "picture")),
    (0, b"icns", Kind("icon file", "picture")),
    (0, b"qoif", _picture("QOI")),
    (0, b"\x76\x2f\x31\x01", _picture("OpenEXR")),
    (0, b"#?RADIANCE", _picture("Radiance HDR")),
    (0, b"#?RGBE", _picture("Radiance HDR")),
    (0, b"PF\n", _picture("colour PFM")),
    (0, b"DDS ", _picture("DDS")),
    (0, b"SIMPLE  =", _picture("FITS")),
    (128, b"DICM", _picture("DICOM")),
    (0, b"%PDF-", Kind("PDF document")),
    (0, b"%!PS", Kind("PostScript document")),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind("Office document")),
    (0, b"\x1f\x8b", Kind("gzip archive")),
    (0, b"7z\xbc\xaf\x27\x1c", Kind("7z archive")),
    (0, b"Rar!\x1a\x07", Kind("RAR archive")),
    (257, b"ustar", Kind("tar archive")),
    (0, b"\x7fELF", Kind("program")),
    (0, b"SQLite format 3\x00", Kind("database")),
    (0, b"fLaC", FLAC),
    (0, b"caff", CAF),
    (0, b"riff\x2e\x91\xcf\x11", W64),
    (0, b".snd", AU),
    (0, b"#!AMR", AMR),
    (0, b"MThd", Kind("MIDI score")),
    (0, b"OggS", OGG),
    (0, b"\x1a\x45\xdf\xa3", WEBM),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", WINDOWS_MEDIA),
    (0, b"\x00\x00\x01\xba", MPEG),
    (0, b"\x00\x00\x01\xb3", MPEG),
    (0, b"FLV\x01", FLV),
    (0, b"ply\n", PLY),
    (0, b"ply\r", PLY),
    (0, b"# .PCD", PCD),
    (0, b"LASF", LAS),
    (0, b"glTF", GLTF),
    (0, b"\x93NUMPY", NPY),
    (0, b"\x89HDF\r\n\x1a\n", _cloud("HDF5 archive")),
    (0, b"ASTM-E57", _cloud("E57 point cloud")),
    (0, b"Kaydara FBX Binary", _cloud("FBX mesh")),
    (0, b"BLENDER", _cloud("Blender scene")),
)

_OFF = re.compile(rb"(st)?c?n?4?n?off\s*(\d|#|binary|$)")
_PCD = re.compile(rb"^FIELDS\s[^\n]*\n(?s:.*)^DATA\s+(ascii|binary)", re.MULTILINE)
_TABLES = frozenset({".xyz", ".xyzrgb", ".pts", ".asc", ".csv", ".txt"})
_NUMBERS = re.compile(rb"^[ \t\"]*[+-]?\.?\d[^\s,;]*([ \t,;\"]+[+-]?\.?\d[^\s,;]*){2}", re.MULTILINE)

# Sounds are looked for behind as many zeros and tags; three of the longest frames fit into a block.
_MOST_ZEROS, _MOST_TAGS, _BLOCK = 1 << 20, 16, 1 << 14

_RIFF = {b"WEBP": WEBP, b"WAVE": WAV, b"AVI ": AVI}
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_STILL_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})


def id3_length(data: bytes) -> int:
    """Bytes of the ID3 tag that the data begin with; 0 without one."""
    if not data.startswith(b"ID3") or len(data) < 10:
        return 0
    # The tag's length is written in seven bits a byte.
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))


def _behind(data: bytes) -> tuple[Kind | None, int]:
    """The kind of a sound behind tags and zeros, and its place; None where no sound is there."""
    place, zeros, tags = 0, 0, 0
    while place < len(data) and zeros < _MOST_ZEROS and tags < _MOST_TAGS:
        if data.startswith(b"ID3", place):
            place, tags = place + max(id3_length(data[place : place + 10]), 3), tags + 1
        elif data[place] == 0:
            block = data[place : place + _BLOCK]
            passed = len(block) - len(block.lstrip(b"\0"))
            place, zeros = place + passed, zeros + passed
        else:
            break
    if place == 0:
        return None, 0
    head = data[place : place + _BLOCK]
    kind = next((kind for offset, magic, kind in _MAGIC if offset == 0 and head.startswith(magic)), None)
    kind = kind or _container(head)
    if kind is not None and kind.medium == "sound":
        return kind, place
    stream = find_stream(head)
    return (None, 0) if stream is None or stream[0] else ({"MP3": MP3, "AAC": AAC}[stream[1]], place)


def _tagged(data: bytes) -> Kind | None:
    """Sounds after an ID3 tag: nearly always MP3."""
    if not data.startswith(b"ID3"):
        return None
    start = id3_length(data)
    behind = data[start : start + 16]
    return FLAC if behind.startswith(b"fLaC") else AAC if _weak(behind) is AAC else MP3


def _container(data: bytes) -> Kind | None:
    """Containers whose first bytes are shared by several kinds: RIFF, AIFF, the ISO family and its parent, ZIP."""
    if data[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return _RIFF.get(data[8:12])
    if data.startswith(b"FORM") and data[8:12] in (b"AIFF", b"AIFC"):
        return AIFF
    if data[4:8] == b"ftyp":
        return _iso(data)
    if data[:1] == b"\0" and data[4:8] in (b"moov", b"mdat", b"wide"):
        return QUICKTIME
    if data.startswith(b"PK\x03\x04"):
        first = data[30 : 30 + int.from_bytes(data[26:28], "little")]
        return NPZ if first.endswith(b".npy") else ARCHIVE
    return None


def _iso(data: bytes) -> Kind:
    """The kind of an ISO container by its brand, or by the compatible ones where that is neutral."""
    size = min(int.from_bytes(data[:4], "big"), 512)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, size - 3, 4))]
    if brands[0] in _STILL_BRANDS:
        brands = [b for b in brands if b in _HEIC_BRANDS | _AVIF_BRANDS] or [b"heic"]
    major = brands[0]
    if major in _AVIF_BRANDS:
        return AVIF
    if major in _HEIC_BRANDS:
        return HEIC
    if major == b"crx ":
        return CAMERA
    if major in (b"M4A ", b"M4B "):
        return M4A
    return QUICKTIME if major == b"qt  " else MP4


def _weak(data: bytes) -> Kind | None:
    """Kinds whose signature is too short to be sufficient, so that more bytes are compared."""
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in (12, 40, 52, 56, 64, 108, 124):
        return BMP
    if len(data) > 2 and data[:2] in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf") and data[2] in b" \t\r\n#":
        return PNM
    # UTF-16 begins with FF FE, and every second byte of plain text in it is 0.
    wide = data.startswith(b"\xff\xfe") and data[3:4] == b"\0"
    if len(data) > 2 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and not wide:
        # Both carry a number of their rate, AAC four bits of it and MP3 two; the last ones are not in use.
        if data[1] >> 1 & 3 == 0:
            return AAC if data[2] >> 2 & 15 < 13 else None
        if data[2] >> 2 & 3 != 3 and data[2] >> 4 != 15:
            return MP3
    if data.startswith(b"MZ") and b"This program" in data[:512]:
        return Kind("program")
    if data[:1] == b"G" and data[188:189] == b"G" and data[376:377] == b"G":
        return MPEG
    if len(data) >= 134 and len(data) == 84 + 50 * int.from_bytes(data[80:84], "little"):
        return STL
    if _PCD.search(data[:2048]):
        return PCD
    return None


def _ending(name: str) -> str:
    return PurePath(name).suffix.lower()


def _text(data: bytes, name: str) -> Kind | None:
    """Kinds of plain text."""
    head = data[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "ignore").encode()
    elif any(byte < 32 and byte not in b"\t\n\f\r\x1b" for byte in head):
        return None
    words = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if words.startswith(b"<"):
        svg = words.find(b"<svg")
        page = [at for tag in (b"<!doctype html", b"<html", b"<head", b"<body") if (at := words.find(tag)) >= 0]
        if svg >= 0 and svg < min(page, default=len(words)):
            return SVG
        return Kind("XML document") if words.startswith(b"<?xml") and not page else WEB_PAGE
    if _OFF.match(words):
        return OFF
    if words.startswith(b"solid") and b"facet" in words:
        return STL
    suffix = _ending(name)
    if words.startswith((b"{", b"[")):
        scene = suffix == ".gltf" or (b'"asset"' in words and b'"meshes"' in words)
        return GLTF if scene and words.startswith(b"{") else Kind("JSON file")
    if suffix == ".obj":
        return OBJ
    # A header of words may stand above the numbers.
    if suffix in _TABLES and (words[:1] in b"+-.0123456789#" or _NUMBERS.search(words)):
        return TABLE
    return TEXT
