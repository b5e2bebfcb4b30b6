"""IMG-07: a file is what its first bytes say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver.modalities import for_file, identify, kinds, sniff
from tests.modalities import files

ISO = b"\x00\x00\x00\x1cftyp%s\x00\x00\x00\x00mif1%s" + bytes(40)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file"),
        (b"<html>404</html>", "web page"),
        (b"\xef\xbb\xbf  <!DOCTYPE html><html><svg></svg>", "web page"),
        ("<html>seite</html>".encode("utf-16"), "web page"),
        ("0 1 2\n3 4 5\n".encode("utf-16"), "text file"),
        (b'<?xml version="1.0"?><!-- drawn --><svg xmlns="x"/>', "SVG drawing"),
        (b"<svg/>", "SVG drawing"),
        (b'<?xml version="1.0"?><feed/>', "XML document"),
        (b'{"error": 404}', "JSON file"),
        (b"404 Not Found\n", "text file"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(70), "HEIC picture"),
        (ISO % (b"mif1", b"heic"), "HEIC picture"),
        (ISO % (b"mif1", b"avif"), "AVIF picture"),
        (ISO % (b"avif", b"miaf"), "AVIF picture"),
        (ISO % (b"isom", b"mp42"), "MP4 video"),
        (ISO % (b"qt  ", b"    "), "QuickTime video"),
        (ISO % (b"M4A ", b"mp42"), "M4A sound"),
        (b"\x1a\x45\xdf\xa3" + bytes(20), "WebM video"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "AVI video"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "WAV sound"),
        (b"ID3\x03\x00", "MP3 sound"),
        (b"\xff\xfb\x90\x64" + bytes(40), "MP3 sound"),
        (b"\xff\xf1\x50\x80" + bytes(40), "AAC sound"),
        (b"\xff\xf1\x4c\x80" + bytes(40), "AAC sound"),
        (b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128) + b"\xff\xf1\x4c\x80" + bytes(40), "AAC sound"),
        (b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128) + b"fLaC\x00", "FLAC sound"),
        (b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128) + b"\xff\xfb\x90\x64", "MP3 sound"),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "Wave64 sound"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "WAV sound"),
        (b"BW64\xff\xff\xff\xffWAVEds64", "WAV sound"),
        (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat", "QuickTime video"),
        (b"fLaC\x00", "FLAC sound"),
        (b"OggS\x00", "Ogg sound"),
        (b"%PDF-1.7", "PDF document"),
        (b"PK\x03\x04" + bytes(22) + b"\x05\x00\x00\x00a.npy", "NumPy archive"),
        (b"PK\x03\x04" + bytes(22) + b"\x05\x00\x00\x00a.txt", "ZIP archive"),
        (b"\x7fELF\x02", "program"),
        (b"8BPS\x00\x01", "Photoshop picture"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000 picture"),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "camera raw picture"),
        (b"ply\nformat ascii 1.0\n", "PLY point cloud"),
        (b"# .PCD v0.7\n", "PCD point cloud"),
        (b"VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nDATA binary\n\x00\x01", "PCD point cloud"),
        (b"OFF\n3 1 0\n", "OFF mesh"),
        (b"OFF3 1 0\n", "OFF mesh"),
        (b"STCN4OFF # made\n3 1 0\n", "OFF mesh"),
        (b"office hours: 9 to 5\n", "text file"),
        (b'{"asset": {"version": "2.0"}, "meshes": []}', "glTF mesh"),
        (b"\x89HDF\r\n\x1a\n\x00", "HDF5 archive"),
        (b"Kaydara FBX Binary  \x00", "FBX mesh"),
        (b"solid cube\nfacet normal 0 0 1\n", "STL mesh"),
        (bytes(80) + b"\x01\x00\x00\x00" + bytes(50), "STL mesh"),
        (b"BM and other words", "text file"),
        (bytes(range(256)), None),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_says_what_the_first_bytes_are(data: bytes, words: str | None) -> None:
    assert sniff(data, "holiday.jpg") == words


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "PPM"])
def test_knows_every_kind_that_can_be_read_whatever_its_name(format: str) -> None:
    kind = identify(files.save(files.noise(8, 8), format), "sound.wav")
    assert kind is not None
    assert kind.medium == "picture"
    assert kind.words.lower().startswith({"PPM": "pnm"}.get(format, format.lower()))


def test_an_ending_decides_only_among_text_files() -> None:
    assert sniff(b"v 0 0 0\nf 1 1 1\n", "chair.OBJ") == "OBJ mesh"
    assert sniff(b"0.1 0.2 0.3\n", "cloud.xyz") == "table of numbers"
    assert sniff(b"x;y;z\n0,1;0,2;0,3\n", "cloud.csv") == "table of numbers"
    assert sniff(b"a b c\nd e f\n", "cloud.csv") == "text file"
    assert sniff(b'{"meshes": []}', "chair.gltf") == "glTF mesh"
    assert sniff(bytes(80) + b"\x09\x00\x00\x00" + bytes(50), "chair.stl") == "STL mesh"
    assert sniff(b"<html></html>", "cloud.xyz") == "web page"
    assert sniff(b"\x89PNG\r\n\x1a\n", "chair.obj") == "PNG picture"


def test_names_the_modalities_a_file_may_be_for() -> None:
    # Those that are meant for videos come before those that take the sound out of them.
    assert for_file(identify(b"\x1a\x45\xdf\xa3" + bytes(20))) == ("video", "audiovisual", "audio")
    assert for_file(kinds.WAV) == ("audio",)
    assert for_file(kinds.GIF) == ("image",)
    assert for_file(kinds.STL) == ("points",)
    assert for_file(kinds.WEB_PAGE) == for_file(None) == ()


def test_names_the_mime_types_of_what_browsers_play() -> None:
    assert kinds.MP3.mime == "audio/mpeg"
    assert kinds.MP4.mime == "video/mp4"
    assert kinds.AIFF.mime == kinds.AVI.mime == ""


def test_phrases_carry_the_right_article() -> None:
    for kind in (kinds.HEIC, kinds.AVIF, kinds.MP3, kinds.SVG, kinds.EMPTY, kinds.PNG):
        article = "an" if kind in (kinds.AVIF, kinds.MP3, kinds.SVG, kinds.EMPTY) else "a"
        assert kind.phrase == f"{article} {kind.words}"


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=600), st.text(max_size=20))
def test_takes_any_bytes_and_any_name(data: bytes, name: str) -> None:
    words = sniff(data, name)
    assert words is None or words.strip()
