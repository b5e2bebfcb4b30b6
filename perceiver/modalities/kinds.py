"""What a file is, by its first bytes. A name's ending decides only where bytes cannot: among plain text files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

# Abbreviations spoken letter by letter that begin with the sound of a vowel.
_SPELLED = frozenset({"FLV", "MP3", "MP4", "MPEG", "M4A", "STL", "SVG", "XML", "XCF"})


@dataclass(frozen=True)
class Kind:
    """A kind of file: what to call it ("HEIC picture") and the modalities whose input it may be."""

    words: str
    fits: tuple[str, ...] = ()

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
    """The kind of a file, judged by its first bytes; None when nothing is recognised. Reads a few kilobytes only."""
    if not data:
        return EMPTY
    for offset, magic, kind in _MAGIC:
        if data.startswith(magic, offset):
            return kind
    return _container(data) or _weak(data) or _text(data, name)


def _picture(words: str) -> Kind:
    return Kind(f"{words} picture", ("image",))


def _sound(words: str) -> Kind:
    return Kind(f"{words} sound", ("audio",))


def _clip(words: str) -> Kind:
    # A recorder's clip holds sound, or pictures, or both; only a decoder can tell.
    return Kind(f"{words} video", ("video", "audiovisual", "audio"))


def _cloud(words: str) -> Kind:
    return Kind(words, ("points",))


EMPTY = Kind("empty file")
WEB_PAGE = Kind("web page")
ARCHIVE = Kind("ZIP archive")
TEXT = Kind("text file")

JPEG, PNG, GIF, BMP = _picture("JPEG"), _picture("PNG"), _picture("GIF"), _picture("BMP")
WEBP, TIFF, PNM, AVIF = _picture("WebP"), _picture("TIFF"), _picture("PNM"), _picture("AVIF")
HEIC, SVG = _picture("HEIC"), Kind("SVG drawing", ("image",))
MP3, AAC, OFF = _sound("MP3"), _sound("AAC"), _cloud("OFF mesh")
CAMERA = _picture("camera raw")

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
    (0, b"FUJIFILMCCD-RAW", CAMERA),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", _picture("JPEG 2000")),
    (0, b"\xff\x4f\xff\x51", _picture("JPEG 2000")),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", _picture("JPEG XL")),
    (0, b"\xff\x0a", _picture("JPEG XL")),
    (0, b"8BPS", _picture("Photoshop")),
    (0, b"gimp xcf", _picture("XCF")),
    (0, b"\x00\x00\x01\x00", Kind("icon file", ("image",))),
    (0, b"icns", Kind("icon file", ("image",))),
    (0, b"qoif", _picture("QOI")),
    (0, b"\x76\x2f\x31\x01", _picture("OpenEXR")),
    (0, b"#?RADIANCE", _picture("Radiance HDR")),
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
    (0, b"fLaC", _sound("FLAC")),
    (0, b"ID3", MP3),
    (0, b"caff", _sound("CAF")),
    (0, b".snd", _sound("AU")),
    (0, b"#!AMR", _sound("AMR")),
    (0, b"MThd", Kind("MIDI score")),
    (0, b"OggS", _sound("Ogg")),
    (0, b"\x1a\x45\xdf\xa3", _clip("WebM")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _clip("Windows Media")),
    (0, b"\x00\x00\x01\xba", _clip("MPEG")),
    (0, b"\x00\x00\x01\xb3", _clip("MPEG")),
    (0, b"FLV\x01", _clip("FLV")),
    (0, b"ply\n", _cloud("PLY point cloud")),
    (0, b"ply\r", _cloud("PLY point cloud")),
    (0, b"# .PCD", _cloud("PCD point cloud")),
    (0, b"LASF", _cloud("LAS point cloud")),
    (0, b"glTF", _cloud("glTF mesh")),
    (0, b"\x93NUMPY", Kind("NumPy array", ("points",))),
)

_RIFF = {b"WEBP": WEBP, b"WAVE": _sound("WAV"), b"AVI ": _clip("AVI")}
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_STILL_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})


def _container(data: bytes) -> Kind | None:
    """Containers whose first bytes are shared by several kinds: RIFF, AIFF, the ISO family, ZIP."""
    if data[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return _RIFF.get(data[8:12])
    if data.startswith(b"FORM") and data[8:12] in (b"AIFF", b"AIFC"):
        return _sound("AIFF")
    if data[4:8] == b"ftyp":
        return _iso(data)
    if data.startswith(b"PK\x03\x04"):
        first = data[30 : 30 + int.from_bytes(data[26:28], "little")]
        return Kind("NumPy archive", ("points",)) if first.endswith(b".npy") else ARCHIVE
    return None


def _iso(data: bytes) -> Kind:
    """The ISO container's brand says which of many kinds it holds; neutral brands leave it to the compatible ones."""
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
        return _sound("M4A")
    return _clip("QuickTime" if major == b"qt  " else "MP4")


def _weak(data: bytes) -> Kind | None:
    """Kinds whose first bytes are so short that more has to agree before they are believed."""
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in (12, 40, 52, 56, 64, 108, 124):
        return BMP
    if len(data) > 2 and data[:2] in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf") and data[2] in b" \t\r\n#":
        return PNM
    if len(data) > 2 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        layer, rate = data[1] >> 1 & 3, data[2] >> 2 & 3
        if rate != 3 and data[2] >> 4 != 15:
            return AAC if layer == 0 else MP3
    if data.startswith(b"MZ") and b"This program" in data[:512]:
        return Kind("program")
    if data[:1] == b"G" and data[188:189] == b"G" and data[376:377] == b"G":
        return _clip("MPEG")
    if len(data) >= 134 and len(data) == 84 + 50 * int.from_bytes(data[80:84], "little"):
        return _cloud("STL mesh")
    return None


def _text(data: bytes, name: str) -> Kind | None:
    """Plain text, and what is written in it."""
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
    if words.startswith((b"off", b"coff", b"noff")):
        return OFF
    if words.startswith(b"solid ") and b"facet" in words:
        return _cloud("STL mesh")
    match PurePath(name).suffix.lower():
        case ".obj":
            return _cloud("OBJ mesh")
        case ".xyz" | ".pts" | ".csv" | ".txt" if words[:1] in b"+-.0123456789#":
            return Kind("table of numbers", ("points",))
    return Kind("JSON file") if words.startswith((b"{", b"[")) else TEXT
