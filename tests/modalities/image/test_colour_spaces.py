"""Colour spaces that a file names by code points or a gamma: what Chromium 156 shows of the same files."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from perceiver import Sample
from perceiver.modalities import get
from perceiver.modalities.image import colour
from tests.modalities import files

STORED = [55, 55, 55, 188, 188, 188, 200, 50, 100, 20, 220, 60, 30, 40, 250, 255, 255, 255, 255, 0, 0, 128, 128, 128]
SAME = "55/55/55 188/188/188 200/50/100 20/220/60 30/40/250 255/255/255 255/0/0 128/128/128"
LINEAR = "128/128/128 223/223/223 229/122/168 79/239/133 96/110/253 255/255/255 255/0/0 188/188/188"
PQ = "21/21/21 251/251/251 255/0/19 0/255/0 0/0/255 255/255/255 255/0/0 132/132/132"
BRIGHT_PQ = "21/21/21 223/223/223 255/0/16 0/255/0 0/0/255 255/255/255 255/0/0 132/132/132"
HLG = "35/35/35 181/181/181 230/0/79 0/234/0 0/4/245 255/255/255 255/0/0 99/99/99"
P3 = "55/55/55 188/188/188 218/24/100 0/224/0 27/40/255 255/255/255 255/0/0 128/128/128"
GAMMA_22 = "52/52/52 189/189/189 201/46/100 12/221/57 24/35/250 255/255/255 255/0/0 129/129/129"

SRGB_PLACES = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE_PLACES = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


def cicp(primaries: int, transfer: int, matrix: int = 0, full: int = 1) -> bytes:
    return files.chunk(b"cICP", bytes([primaries, transfer, matrix, full]))


def gamma(value: int) -> bytes:
    return files.chunk(b"gAMA", struct.pack(">I", value))


def places(*values: float) -> bytes:
    return files.chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


def light(nits: int) -> bytes:
    return files.chunk(b"cLLI", struct.pack(">II", nits * 10_000, 400 * 10_000))


def screen(nits: int) -> bytes:
    primaries = (35400, 14600, 8500, 39850, 6550, 2300, 15635, 16450)
    return files.chunk(b"mDCV", struct.pack(">8HII", *primaries, nits * 10_000, 50))


SRGB = files.chunk(b"sRGB", b"\0")
CASES = {
    "nothing": ((), SAME),
    "linear": ((gamma(100_000),), LINEAR),
    "gamma 1/2": (
        (gamma(50_000),),
        "61/61/61 195/195/195 206/55/109 18/224/67 31/43/251 255/255/255 255/0/0 137/137/137",
    ),
    "gamma of sRGB": ((gamma(45_455),), SAME),
    "gamma and primaries of sRGB": ((gamma(45_455), places(*SRGB_PLACES)), GAMMA_22),
    "gamma and primaries of Adobe RGB": (
        (gamma(45_455), places(*ADOBE_PLACES)),
        "52/52/52 189/189/189 232/46/102 0/221/29 18/35/255 255/255/255 255/0/0 129/129/129",
    ),
    "gamma 0": ((gamma(0),), SAME),
    "primaries without a gamma": ((places(*ADOBE_PLACES),), SAME),
    "primaries that are none": ((gamma(45_455), places(*[0] * 8)), SAME),
    "sRGB beside a gamma": ((SRGB, gamma(100_000)), SAME),
    "code points of sRGB": ((cicp(1, 13),), SAME),
    "Display P3": ((cicp(12, 13),), P3),
    "BT.2020": (
        (cicp(9, 13),),
        "55/55/55 188/188/188 247/0/101 0/232/0 0/32/255 255/255/255 255/0/0 128/128/128",
    ),
    "BT.709": ((cicp(1, 1),), "44/44/44 184/184/184 197/39/91 7/218/49 18/28/250 255/255/255 255/0/0 121/121/121"),
    "BT.601": ((cicp(6, 6),), "44/44/44 184/184/184 192/49/91 54/215/47 34/46/250 255/255/255 248/36/0 121/121/121"),
    "BT.470 BG": ((cicp(5, 6),), "44/44/44 184/184/184 201/39/91 0/218/56 17/28/248 255/255/255 255/0/0 121/121/121"),
    "gamma 2.2": ((cicp(1, 4),), GAMMA_22),
    "gamma 2.8": ((cicp(1, 5),), "31/31/31 175/175/175 189/26/76 3/212/36 8/17/249 255/255/255 255/0/0 106/106/106"),
    "240M": ((cicp(1, 7),), "73/73/73 196/196/196 206/68/115 38/224/77 48/58/251 255/255/255 255/0/0 141/141/141"),
    "linear by code": ((cicp(1, 8),), LINEAR),
    "DCI-P3": (
        (cicp(11, 17),),
        "39/39/39 186/186/187 213/0/86 0/228/0 3/15/255 255/255/255 255/0/0 118/118/118",
    ),
    "PQ": ((cicp(9, 16),), PQ),
    "PQ with the primaries of sRGB": (
        (cicp(1, 16),),
        "21/21/21 251/251/251 255/8/51 0/255/5 0/1/255 255/255/255 255/0/0 132/132/132",
    ),
    "PQ of 4,000 nits": ((cicp(9, 16), light(4000)), BRIGHT_PQ),
    "PQ of a screen of 4,000 nits": ((cicp(9, 16), screen(4000)), BRIGHT_PQ),
    "PQ beside sRGB": ((cicp(9, 16), SRGB), PQ),
    "HLG": ((cicp(9, 18),), HLG),
    "HLG with the primaries of sRGB": (
        (cicp(1, 18),),
        "35/35/35 181/181/181 182/38/78 11/227/48 14/22/241 255/255/255 255/0/0 99/99/99",
    ),
    "unspecified": ((cicp(2, 2),), SAME),
    "a range that a PNG cannot have": ((cicp(9, 16, 0, 0),), SAME),
    "a curve that is not known": ((cicp(1, 9),), SAME),
}


def parsed(shown: str) -> np.ndarray:
    return np.array([[int(value) for value in colour.split("/")] for colour in shown.split()])


def read(data: bytes, name: str = "a.png", **preprocess: object) -> Sample:
    return get("image").read(data, name, shape=(2, 2), preprocess=preprocess)


def noted(sample: Sample, part: str) -> bool:
    return any(part in note for note in sample.notes)


@pytest.mark.parametrize("case", CASES)
def test_a_png_shows_the_colours_that_a_browser_shows(case: str) -> None:
    chunks, shown = CASES[case]
    sample = read(files.png(8, 1, 8, 2, b"\0" + bytes(STORED), *chunks))
    assert np.abs(sample.original[0].astype(int) - parsed(shown)).max() <= 1
    assert noted(sample, "converted its") == (shown != SAME)


def test_what_is_done_is_said() -> None:
    def notes(*chunks: bytes) -> str:
        return "\n".join(read(files.png(8, 1, 8, 2, b"\0" + bytes(STORED), *chunks)).notes)

    assert "converted its colours from a gamma of 1 to sRGB" in notes(gamma(100_000))
    assert "converted its colours from Display P3 with the sRGB curve to sRGB" in notes(cicp(12, 13))
    hdr = "converted its high dynamic range (BT.2020 with {}) to sRGB, tone-mapped from a peak of {} nits"
    assert hdr.format("PQ", "4,000") in notes(cicp(9, 16), light(4000))
    assert hdr.format("HLG", "1,000") in notes(cicp(9, 18), light(4000))
    assert "since their code points (1 and 9) are not known" in notes(cicp(1, 9))
    assert "ignored its colour code points (cICP), which a PNG cannot have" in notes(cicp(9, 16, 9))


def test_code_points_come_before_a_profile_and_a_profile_before_a_gamma() -> None:
    red = Image.new("RGB", (4, 4), files.RED)
    plain = files.save(red, icc_profile=files.swapped_profile())
    at = plain.index(b"iCCP") - 4
    for chunk, expected in ((gamma(100_000), files.GREEN), (cicp(9, 13), files.RED)):
        assert (read(plain[:at] + chunk + plain[at:]).original == expected).all()


@pytest.mark.parametrize(
    ("depth", "kind", "rows", "extra"),
    [
        (8, 0, b"\0\x37\xbc", b""),
        (16, 0, b"\0\x37\x37\xbc\xbc", b""),
        (16, 2, b"\0" + b"\x37\x37" * 3 + b"\xbc\xbc" * 3, b""),
        (8, 3, b"\0\0\1", files.chunk(b"PLTE", bytes([55] * 3 + [188] * 3))),
        (8, 4, b"\0\x37\xff\xbc\xff", b""),
        (8, 6, b"\0" + b"\x37\x37\x37\xff" + b"\xbc\xbc\xbc\xff", b""),
    ],
    ids=["grey", "grey 16", "RGB 16", "palette", "grey and alpha", "RGBA"],
)
def test_every_sort_of_pixels(depth: int, kind: int, rows: bytes, extra: bytes) -> None:
    for chunk, expected in ((gamma(100_000), (128, 223)), (cicp(9, 16), (21, 251)), (cicp(9, 18), (35, 181))):
        pixels = read(files.png(2, 1, depth, kind, rows, chunk, extra)).original[0]
        assert pixels.tolist() == [[value] * 3 for value in expected]


@pytest.mark.parametrize("chunk", [gamma(100_000), cicp(1, 8), cicp(9, 8)])
def test_sixteen_bit_greys_are_converted_before_they_are_rounded(chunk: bytes) -> None:
    """1,000 of 65,535 is light of 0.01526, so 255 (1.055 * 0.01526**(1 / 2.4) - 0.055) = 33.07; 200 is 10.05.

    Rounded to 8 bits first they would be 34 and 13.
    """
    rows = b"\0" + struct.pack(">5H", 55 * 257, 188 * 257, 1000, 200, 65535)
    assert read(files.png(5, 1, 16, 0, rows, chunk)).original[0, :, 0].tolist() == [128, 223, 33, 10, 255]


def test_transparency_is_laid_on_the_background_after_the_conversion() -> None:
    rows = b"\0" + bytes([55, 55, 55, 0]) + bytes([188, 188, 188, 255])
    data = files.png(2, 1, 8, 6, rows, gamma(100_000))
    assert read(data, background=[9, 9, 9]).original[0].tolist() == [[9] * 3, [223] * 3]


def test_bands_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = files.noise(16, 24).tobytes()
    rows = b"".join(b"\0" + pixels[at : at + 48] for at in range(0, len(pixels), 48))
    data = files.png(16, 24, 8, 2, rows, cicp(9, 16))
    whole = read(data)
    monkeypatch.setattr(colour, "_BAND_PIXELS", 50)
    assert np.array_equal(read(data).original, whole.original)
    assert read(data).notes == whole.notes


def avif(primaries: int, transfer: int, **options: object) -> bytes:
    """Blocks of the stored colours, lossless enough, with other code points in the file's colour property."""
    blocks = Image.fromarray(np.array(STORED, np.uint8).reshape(1, 8, 3)).resize((128, 16), Image.Resampling.NEAREST)
    data = bytearray(files.save(blocks, "AVIF", quality=100, subsampling="4:4:4", **options))
    at = data.index(b"nclx")
    data[at + 4 : at + 8] = struct.pack(">HH", primaries, transfer)
    return bytes(data)


@pytest.mark.parametrize(
    ("primaries", "transfer", "shown"),
    [
        (1, 13, SAME),
        (2, 2, SAME),
        (1, 1, SAME),  # the curve of BT.709 stands for sRGB's here
        (1, 8, LINEAR.replace("255/0/0", "255/0/13")),  # a blue of 1 that the coding left
        (1, 4, GAMMA_22),
        (12, 13, P3),
        (9, 16, PQ),
        (9, 18, HLG),
    ],
)
def test_an_avif_shows_the_colours_that_a_browser_shows(primaries: int, transfer: int, shown: str) -> None:
    sample = read(avif(primaries, transfer), "a.avif")
    assert np.abs(sample.original[8, 8::16].astype(int) - parsed(shown)).max() <= 4
    assert np.abs(sample.original[8, 8:40:16].astype(int) - parsed(shown)[:2]).max() <= 1
    assert noted(sample, "converted its") == (shown != SAME)


def test_an_avif_with_a_profile_and_one_without_anything() -> None:
    profile = files.swapped_profile()
    green = read(files.save(Image.new("RGB", (16, 16), files.RED), "AVIF", quality=100, icc_profile=profile), "a.avif")
    assert np.abs(green.original[8, 8].astype(int) - files.GREEN).max() <= 4
    without = avif(9, 16).replace(b"colrnclx", b"freenclx")
    assert np.abs(read(without, "a.avif").original[8, 8].astype(int) - 55).max() <= 1
