"""Every mode to 8-bit sRGB: IMG-03 (16 bits), IMG-05 (transparency), IMG-11 (profiles)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from perceiver import InputError, Sample, modalities
from tests.modalities import files

GREYS = (np.arange(256) * 257).astype("uint16").reshape(16, 16)


def read(data: bytes, **preprocess: Any) -> Sample:
    return modalities.get("image").read(data, "upload.png", shape=(2, 2), preprocess=preprocess)


def grey(data: bytes) -> list[int]:
    """The grey values of a picture, which must be grey."""
    pixels = read(data).original
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0].ravel().tolist()


def note(sample: Sample, part: str) -> str:
    found = [text for text in sample.notes if part in text]
    assert len(found) == 1, sample.notes
    return found[0]


# IMG-03


@pytest.mark.parametrize(
    "data",
    [
        files.save(Image.fromarray(GREYS), "PNG"),
        files.save(Image.fromarray(GREYS), "TIFF"),
        files.save(Image.fromarray(GREYS), "TIFF", compression="tiff_lzw"),
        files.save(Image.fromarray(GREYS.astype("int32")), "TIFF"),
        files.tiff(GREYS.astype("<u2").tobytes(), 16, 16, bits=16),
        files.tiff(GREYS.astype(">u2").tobytes(), 16, 16, order=">", bits=16),
        b"P5 16 16 65535\n" + GREYS.astype(">u2").tobytes(),
    ],
    ids=["PNG", "TIFF", "TIFF LZW", "TIFF 32 bits", "TIFF II", "TIFF MM", "PGM"],
)
def test_sixteen_bits_keep_every_grey(data: bytes) -> None:
    assert grey(data) == list(range(256))
    assert "(0 to 65535) to 8 bits: 0 to 65535 became 0 to 255" in note(read(data), "rescaled")


def test_eight_bits_are_left_alone_whatever_they_came_in() -> None:
    colours = files.png(1, 1, 16, 2, b"\0" + bytes([200, 0, 100, 0, 50, 0]))
    assert read(colours).original.tolist() == [[[200, 100, 50]]]
    assert not any("rescaled" in text for text in read(colours).notes)
    assert grey(files.save(Image.fromarray(np.arange(256, dtype=np.uint8)[None]))) == list(range(256))


@pytest.mark.parametrize(
    ("values", "tags", "expected", "window"),
    [
        (np.array([0, 65535, 32896, 257], "<u2"), {"bits": 16, "photometric": 0}, [255, 0, 127, 254], "0 to 65535"),
        (np.array([0, 4095, 2048, 1024], "<u2"), {"bits": 16}, [0, 255, 128, 64], "0 to 4095"),
        (np.array([0, 4096, 0, 0], "<u2"), {"bits": 16}, [0, 16, 0, 0], "0 to 65535"),
        (np.array([0, 0, 0, 0], "<u2"), {"bits": 16}, [0, 0, 0, 0], "0 to 65535"),
        (np.frombuffer(b"\x00\x08\x00\xff\xff\xff", np.uint8), {"bits": 12}, [0, 128, 255, 255], "0 to 4095"),
        (np.array([-100, 100, 0, 50], "<i2"), {"bits": 16, "sample_format": 2}, [0, 255, 128, 191], "-100 to 100"),
        (np.array([0, 2**32 - 1, 2**31, 0], "<u4"), {"bits": 32}, [0, 255, 128, 0], "0 to 4.29497e+09"),
        (np.array([0, 1, 0.5, 0.2], "<f4"), {"bits": 32, "sample_format": 3}, [0, 255, 128, 51], "0 to 1"),
        (np.array([0, 200, 100, 2], "<f4"), {"bits": 32, "sample_format": 3}, [0, 255, 128, 3], "0 to 200"),
        (np.array([0, 1.0000001, 0.5, 0.2], "<f4"), {"bits": 32, "sample_format": 3}, [0, 255, 127, 51], "0 to 1"),
        (np.array([0, 1.05, 0.5, 0.2], "<f4"), {"bits": 32, "sample_format": 3}, [0, 255, 121, 49], "0 to 1.05"),
        (np.array([3, 12, 6, 4], "<f4"), {"bits": 32, "sample_format": 3}, [0, 255, 85, 28], "3 to 12"),
        (np.array([-1e-6, 1, 0.5, 0.2], "<f4"), {"bits": 32, "sample_format": 3}, [0, 255, 128, 51], "-1e-06 to 1"),
        (np.array([0.2, 0.4, 0.4, 0.4], "<f4"), {"bits": 32, "sample_format": 3}, [51, 102, 102, 102], "0 to 1"),
        (np.array([-3e38, 3e38, 0, 0], "<f4"), {"bits": 32, "sample_format": 3}, [0, 255, 128, 128], "-3e+38 to 3e+38"),
        (np.array([-1, 3, 1, 0], "<f4"), {"bits": 32, "sample_format": 3}, [0, 255, 128, 64], "-1 to 3"),
        # One value alone has no range; a hair above 1 stays white.
        (np.full(4, 1, "<f4"), {"bits": 32, "sample_format": 3}, [255, 255, 255, 255], "0 to 1"),
        (np.full(4, 1.0000001, "<f4"), {"bits": 32, "sample_format": 3}, [255, 255, 255, 255], "0 to 1"),
        (np.full(4, 700, "<f4"), {"bits": 32, "sample_format": 3}, [255, 255, 255, 255], "0 to 1"),
        (np.full(4, -7, "<f4"), {"bits": 32, "sample_format": 3}, [0, 0, 0, 0], "0 to 1"),
        (np.full(4, 0.5, "<f4"), {"bits": 32, "sample_format": 3}, [128, 128, 128, 128], "0 to 1"),
        (np.full(4, 100_000, "<i4"), {"bits": 32, "sample_format": 2}, [255, 255, 255, 255], "0 to 65535"),
    ],
)
def test_other_depths_have_a_stated_window(
    values: np.ndarray, tags: dict[str, int], expected: list[int], window: str
) -> None:
    data = files.tiff(values.tobytes(), 2, 2, **tags)
    assert grey(data) == expected
    assert f"{window} became 0 to 255" in note(read(data), "rescaled")


def test_values_that_are_not_finite_are_counted_and_located() -> None:
    values = np.array([np.nan, 1, np.inf, 0.2], "<f4")
    data = files.tiff(values.tobytes(), 2, 2, bits=32, sample_format=3)
    assert grey(data) == [0, 255, 0, 51]
    assert "values that are not finite (2, the first in row 1, column 1) became 0" in note(read(data), "rescaled")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_value_that_is_not_finite_is_located(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.linspace(0, 2, 35, dtype="<f4").reshape(5, 7)
    values[3, 4] = values[4, 1] = value
    for rows in (10**6, 7):  # whole, and in bands of one row
        monkeypatch.setattr("perceiver.modalities.image.colour._BAND_PIXELS", rows)
        for data in (
            files.tiff(values.tobytes(), 7, 5, bits=32, sample_format=3),
            b"Pf\n7 5\n-1.0\n" + values[::-1].tobytes(),  # a PFM begins with its last row
        ):
            assert "not finite (2, the first in row 4, column 5) became 0" in note(read(data), "rescaled")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_picture_without_a_finite_value_is_refused(value: float) -> None:
    lost = np.full(4, value, "<f4")
    for data, kind in (
        (files.tiff(lost.tobytes(), 2, 2, bits=32, sample_format=3), "TIFF"),
        (b"Pf\n2 2\n-1.0\n" + lost.tobytes(), "PNM"),
    ):
        with pytest.raises(InputError) as caught:
            read(data)
        assert str(caught.value) == (
            f"upload.png is a {kind} picture, but none of its values is a finite number, so there is nothing to show"
        )


@pytest.mark.parametrize("most", [1.0, 1.0000001, 1.05, 12.0])
def test_a_pfm_has_the_same_window(most: float) -> None:
    values = np.array([0, most, most / 5, most / 2], "<f4")
    for order, scale in (("<", b"-1.0"), (">", b"1.0")):
        data = b"Pf\n2 2\n" + scale + b"\n" + values.reshape(2, 2)[::-1].astype(f"{order}f4").tobytes()
        pixels = grey(data)
        assert pixels[:3] == [0, 255, 51]
        assert pixels[3] in (127, 128)
        assert f"(0 to {most:g}) to 8 bits: 0 to {most:g} became 0 to 255" in note(read(data), "rescaled")


# IMG-05


def cut_out() -> Image.Image:
    picture = Image.new("RGBA", (16, 16), (*files.MAGENTA, 0))
    picture.paste((*files.GREEN, 255), (4, 4, 12, 12))
    return picture


def palette(**transparency: Any) -> bytes:
    """Index 0 magenta at the corner, index 1 green in the centre."""
    picture = Image.new("P", (16, 16), 0)
    picture.putpalette([*files.MAGENTA, *files.GREEN])
    picture.paste(1, (4, 4, 12, 12))
    return files.save(picture, **transparency)


def corner_and_centre(data: bytes, **preprocess: Any) -> tuple[list[int], list[int]]:
    pixels = read(data, **preprocess).original
    return pixels[0, 0].tolist(), pixels[8, 8].tolist()


@pytest.mark.parametrize(
    "data",
    [
        files.save(cut_out()),
        files.save(cut_out(), "TIFF"),
        files.save(cut_out(), "WEBP", lossless=True),
        palette(transparency=0),
        palette(transparency=b"\0"),
        palette(transparency=b"\0\xff"),
    ],
    ids=["PNG", "TIFF", "WebP", "palette index", "palette byte", "palette bytes"],
)
def test_what_is_transparent_shows_the_background(data: bytes) -> None:
    assert corner_and_centre(data) == (list(files.WHITE), list(files.GREEN))
    assert corner_and_centre(data, background=[1, 2, 3]) == ([1, 2, 3], list(files.GREEN))
    note(read(data), "laid its transparent parts on the background colour (255, 255, 255)")


def test_the_model_and_the_preview_see_the_same() -> None:
    sample = read(files.save(Image.new("RGBA", (4, 4), (*files.MAGENTA, 0))))
    assert (sample.seen == 255).all()
    assert (sample.original == 255).all()


def test_half_transparency_is_mixed() -> None:
    # 128/255 of green on 127/255 of white.
    assert corner_and_centre(palette(transparency=bytes([0, 128]))) == ([255, 255, 255], [127, 255, 127])
    half = files.save(Image.new("RGBA", (16, 16), (200, 100, 0, 51)))
    # A fifth of the colour, four fifths of the background.
    assert corner_and_centre(half, background=[0, 50, 100])[0] == [40, 60, 80]


def test_a_gif_with_a_transparent_index() -> None:
    picture = Image.new("P", (16, 16), 0)
    picture.putpalette([*files.MAGENTA, *files.GREEN])
    picture.paste(1, (4, 4, 12, 12))
    data = files.save(picture, "GIF", transparency=0)
    assert corner_and_centre(data) == (list(files.WHITE), list(files.GREEN))


def test_premultiplied_alpha() -> None:
    """Associated alpha (ExtraSamples 1): 80, 40, 0 is what is left of 200, 100, 0 at an opacity of 102/255."""
    data = files.tiff(bytes([80, 40, 0, 102]) * 4, 2, 2, bits=(8, 8, 8, 8), photometric=2, extra=1)
    assert read(data).original[0, 0].tolist() == [233, 193, 153]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (files.save(Image.new("LA", (1, 1), (0, 0))), [[9, 9, 9]]),
        (files.save(Image.new("LA", (1, 1), (70, 255))), [[70, 70, 70]]),
        (files.save(Image.new("L", (1, 1), 70)), [[70, 70, 70]]),
        (files.save(Image.new("1", (1, 1), 1)), [[255, 255, 255]]),
        (files.save(Image.new("1", (1, 1), 0)), [[0, 0, 0]]),
        (files.png(1, 1, 1, 3, b"\0\x80", files.chunk(b"PLTE", bytes([5, 5, 5, 7, 8, 9]))), [[7, 8, 9]]),
        # A single colour named as transparent, in every depth it can be named in.
        (files.png(2, 1, 1, 0, b"\0\x40", files.chunk(b"tRNS", b"\0\1")), [[0, 0, 0], [9, 9, 9]]),
        (files.png(2, 1, 2, 0, b"\0\x60", files.chunk(b"tRNS", b"\0\1")), [[9, 9, 9], [170, 170, 170]]),
        (files.png(2, 1, 4, 0, b"\0\x3f", files.chunk(b"tRNS", b"\0\3")), [[9, 9, 9], [255, 255, 255]]),
        (files.png(2, 1, 8, 0, b"\0\x03\x04", files.chunk(b"tRNS", b"\0\3")), [[9, 9, 9], [4, 4, 4]]),
        (files.png(2, 1, 16, 0, b"\0\1\2\1\3", files.chunk(b"tRNS", b"\1\2")), [[9, 9, 9], [255, 255, 255]]),
        (
            files.png(2, 1, 8, 2, b"\0\x0a\x14\x1e\x0a\x14\x1f", files.chunk(b"tRNS", b"\0\x0a\0\x14\0\x1e")),
            [[9, 9, 9], [10, 20, 31]],
        ),
        (
            files.png(2, 1, 16, 2, b"\0\1\2\3\4\5\6\7\0\7\0\7\0", files.chunk(b"tRNS", b"\1\2\3\4\5\6")),
            [[9, 9, 9], [7, 7, 7]],
        ),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)
def test_grey_one_bit_and_named_transparency(data: bytes, expected: list[list[int]]) -> None:
    assert read(data, background=[9, 9, 9]).original[0].tolist() == expected


def test_opaque_alpha_is_not_worth_a_note() -> None:
    assert not any("transparent" in text for text in read(files.save(files.noise(4, 4, "RGBA"))).notes)


def test_bands_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large pictures are brought to sRGB a few rows at a time; the outcome and the notes are those of the whole."""
    depth = np.arange(24 * 16, dtype="uint16").reshape(24, 16)
    floating = files.tiff(depth.astype("<f4").tobytes(), 16, 24, bits=32, sample_format=3)
    cyan = files.save(Image.new("CMYK", (16, 24), (255, 0, 0, 0)), "TIFF")
    everything = [files.save(cut_out()), palette(transparency=b"\0\x80"), files.save(Image.fromarray(depth)), floating]
    everything += [cyan, files.save(files.noise(16, 24), icc_profile=files.swapped_profile())]
    whole = [read(data) for data in everything]
    monkeypatch.setattr("perceiver.modalities.image.colour._BAND_PIXELS", 50)
    for data, expected in zip(everything, whole, strict=True):
        sample = read(data)
        assert np.array_equal(sample.original, expected.original)
        assert sample.notes == expected.notes


# IMG-11


def test_a_profile_is_applied() -> None:
    """Red and green primaries exchanged: what is stored as red is green."""
    for picture in (Image.new("RGB", (4, 4), files.RED), Image.new("RGB", (4, 4), files.RED).convert("P")):
        sample = read(files.save(picture, icc_profile=files.swapped_profile()))
        assert (sample.seen == files.GREEN).all()
        assert (sample.original == files.GREEN).all()
        assert "sRGB built-in" in note(sample, "converted its colours from its profile")


def test_a_profile_leaves_transparency_alone() -> None:
    picture = Image.new("RGBA", (4, 4), (*files.RED, 255))
    picture.putpixel((0, 0), (*files.RED, 0))
    sample = read(files.save(picture, icc_profile=files.swapped_profile()), background=[1, 2, 3])
    assert sample.original[0, 0].tolist() == [1, 2, 3]
    assert sample.original[3, 3].tolist() == list(files.GREEN)


def test_a_grey_profile() -> None:
    """Linear grey 128/255 = 0.502 is 1.055 * 0.502**(1/2.4) - 0.055 = 0.737 in sRGB: 188."""
    data = files.save(Image.new("L", (4, 4), 128), icc_profile=files.linear_grey_profile())
    assert grey(data) == [188] * 16
    assert "linear grey" in note(read(data), "converted its colours")


@pytest.mark.parametrize("format", ["TIFF", "JPEG"])
def test_cmyk(format: str) -> None:
    """Plain cyan ink; the profile says that on this press it prints red (L 54, a 81, b 70)."""
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    plain = read(files.save(cyan, format))
    assert plain.original[0, 0].tolist() == [0, 255, 255]
    note(plain, "without a profile, so they are approximate")
    inks = files.cmyk_profile((255, 128, 128), (138, 209, 198))
    sample = read(files.save(cyan, format, icc_profile=inks))
    assert np.abs(sample.original[0, 0] - np.array(files.RED, int)).max() <= 6
    assert "test inks" in note(sample, "converted its colours from its profile")


def test_lab() -> None:
    """sRGB red is L 54.3, a 80.8, b 69.9 under D50; a TIFF stores L * 2.55, and a and b with their sign."""
    data = files.tiff(bytes([138, 81, 70]) * 4, 2, 2, bits=(8, 8, 8), photometric=8)
    assert np.abs(read(data).original - np.array(files.RED, int)).max() <= 6
    note(read(data), "converted its CIELAB colours to sRGB")


@pytest.mark.parametrize(
    ("mode", "profile", "said"),
    [
        ("RGB", b"garbage", "ignored its colour profile, which is damaged"),
        ("RGB", files.swapped_profile()[:300], "ignored its colour profile, which is damaged"),
        ("L", files.swapped_profile(), "ignored its colour profile, which is for RGB while its pixels are L"),
        ("RGB", files.linear_grey_profile(), "ignored its colour profile, which is for GRAY while its pixels are RGB"),
    ],
)
def test_a_bad_profile_never_blocks(mode: str, profile: bytes, said: str) -> None:
    picture = files.noise(4, 4, mode)
    sample = read(files.save(picture, icc_profile=profile))
    assert np.array_equal(sample.original, np.asarray(picture.convert("RGB")))
    note(sample, said)


def test_an_oversized_profile_never_blocks() -> None:
    picture = files.noise(4, 4)
    sample = read(files.save(picture, icc_profile=files.swapped_profile() + bytes(3 << 20)))
    assert np.array_equal(sample.original, np.asarray(picture))
    note(sample, "ignored its metadata (colour profile, orientation, comments), which are damaged")
