"""Decoding, case by case: IMG-01 (orientation), IMG-07 (wrong kind), IMG-08 (huge), IMG-10 (cut off)."""

from __future__ import annotations

import struct
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from perceiver import InputError, Sample
from perceiver.modalities.image import modality as image
from perceiver.modalities.image import picture
from perceiver.modalities.image.modality import ImageModality
from tests.modalities import files

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def read(data: bytes, name: str = "upload.png", max_pixels: int = 50_000_000, **preprocess: Any) -> Sample:
    return ImageModality(max_pixels=max_pixels).read(data, name, shape=(8, 8), preprocess=preprocess)


def refusal(data: bytes, name: str = "upload.png", max_pixels: int = 50_000_000) -> str:
    with pytest.raises(InputError) as caught:
        read(data, name, max_pixels)
    message = str(caught.value)
    assert message.startswith(f"{name} ")
    assert message.isprintable()
    return message


# IMG-01


@pytest.mark.parametrize(("format", "tolerance"), [("PNG", 0), ("TIFF", 0), ("WEBP", 8), ("JPEG", 8), ("AVIF", 8)])
def test_a_photo_stored_sideways_is_turned_once(format: str, tolerance: int) -> None:
    sample = read(files.save(files.red_left(), format, exif=files.exif(6)))
    assert sample.original.shape == (40, 20, 3)
    assert np.abs(sample.original[2, 2] - np.array(files.RED, int)).max() <= tolerance
    assert np.abs(sample.original[37, 2] - np.array(files.WHITE, int)).max() <= tolerance
    assert "turned it upright, as its orientation tag asks" in sample.notes
    # The crop is the middle 20 x 20: its upper half is red, as in the picture it is laid on.
    assert sample.box == ((10.0, 30.0), (0.0, 20.0))
    assert np.abs(sample.seen[0, 0] - np.array(files.RED, int)).max() <= tolerance


# EXIF: the place in the scene that the stored first row and the stored first column show.
UPRIGHT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 65535])
@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_every_orientation(orientation: int, format: str, options: dict[str, Any]) -> None:
    stored = np.asarray(files.noise(3, 2))
    data = files.save(Image.fromarray(stored), format, exif=files.exif(orientation), **options)
    sample = read(data)
    upright = UPRIGHT.get(orientation, lambda a: a)
    assert np.array_equal(sample.original, upright(stored))
    assert any("upright" in note for note in sample.notes) == (orientation in UPRIGHT)


@pytest.mark.parametrize("tags", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0garbage garbage"])
def test_damaged_exif_does_not_stand_in_the_way(tags: bytes) -> None:
    assert read(files.save(files.red_left(), "JPEG", exif=tags)).original.shape == (20, 40, 3)


# Several frames


@pytest.mark.parametrize("format", ["GIF", "TIFF", "PNG", "WEBP", "AVIF", "MPO"])
def test_the_first_frame_is_used_and_the_rest_counted(format: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (files.RED, files.GREEN, files.BLUE)]
    sample = read(files.save(frames[0], format, save_all=True, append_images=frames[1:]))
    assert "used frame 1 of 3" in sample.notes
    assert np.abs(sample.original - np.array(files.RED, int)).max() <= 2


def test_endless_pages_are_not_counted_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_MOST_FRAMES", 3)
    page = Image.new("1", (1, 1))
    for count, said in ((3, "3"), (4, "more than 3"), (9, "more than 3")):
        data = files.save(page, "TIFF", save_all=True, append_images=[page] * (count - 1))
        assert f"used frame 1 of {said}" in read(data).notes


def test_endless_frames_are_not_counted_to_the_end() -> None:
    data = files.save(Image.new("L", (1, 1)), "GIF")
    frame = data[data.index(b",", 13) : -1]
    assert "used frame 1 of 1,000" in read(data[:-1] + frame * 999 + b";").notes
    assert "used frame 1 of more than 1,000" in read(data[:-1] + frame * 5000 + b";").notes


def test_damage_behind_the_first_frame_does_no_harm() -> None:
    frames = [files.noise(32, 32), files.noise(32, 32).rotate(90)]
    data = files.save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read(data[: len(data) - 300]).original.shape == (32, 32, 3)


# IMG-07


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file"),
        (b"<html>404</html>", "a web page, not a picture"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 70, "a HEIC picture, a kind that is not read here"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing, a kind that is not read here"),
        (b"%PDF-1.4", "a PDF document, not a picture"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a WAV sound, not a picture"),
        (b"\0\0\0\x18ftypisom" + bytes(20), "an MP4 video, not a picture"),
        (b"just words", "a text file, not a picture"),
        (b"\x01\x02\x03\x04", "not a picture of a kind that is read"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture, but its data are cut off, damaged or of a variant that is not read"),
    ],
)
def test_says_what_it_was_given(data: bytes, words: str) -> None:
    assert words in refusal(data, "a.jpg")


def test_a_refusal_leaves_nothing_behind() -> None:
    refusal(b"<html>404</html>", "a.jpg")
    assert read(files.save(files.noise(8, 8)), "a.jpg").notes == ()


# IMG-08


def header_only(width: int, height: int) -> bytes:
    return files.png(width, height, 1, 0, b"")


@pytest.mark.parametrize(
    ("width", "height", "numbers"),
    [(9400, 9400, "88,360,000"), (12000, 9000, "108,000,000"), (30000, 30000, "900,000,000")],
)
def test_huge_pictures_are_refused_by_their_headers(width: int, height: int, numbers: str) -> None:
    message = refusal(header_only(width, height), "poster.png")
    assert f"{width:,} x {height:,} pixels, {numbers} in all" in message
    assert "at most 50,000,000 are read" in message


def test_a_real_file_that_unpacks_huge() -> None:
    data = files.save(Image.new("1", (9400, 9400)))
    assert len(data) < 20_000
    assert "88,360,000" in refusal(data)


def test_the_limit_is_the_calls_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other threads of the process set for themselves neither helps nor harms, and is left alone."""
    data = files.save(files.noise(30, 20))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert "600 in all; at most 500 are read" in refusal(data, max_pixels=500)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    assert read(files.save(files.noise(12, 8), "BMP"), max_pixels=600).original.shape == (8, 12, 3)
    assert Image.MAX_IMAGE_PIXELS == 1


def test_calls_side_by_side_keep_their_own_limits() -> None:
    data, outcomes = files.save(files.noise(30, 20)), []

    def run(limit: int) -> None:
        for _ in range(20):
            try:
                outcomes.append((limit, read(data, max_pixels=limit).original.size))
            except InputError:
                outcomes.append((limit, 0))

    threads = [threading.Thread(target=run, args=(limit,)) for limit in (500, 600)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(outcomes)) == [(500, 0), (600, 1800)]
    assert len(outcomes) == 40


@pytest.mark.parametrize(("limit", "fraction", "shape"), [(12_000, 2, (75, 100, 3)), (6_000, 4, (38, 50, 3))])
def test_a_large_honest_jpeg_is_decoded_smaller(limit: int, fraction: int, shape: tuple[int, ...]) -> None:
    whole = files.red_left(200, 150)
    sample = read(files.save(whole, "JPEG"), max_pixels=limit)
    assert sample.original.shape == shape
    assert f"read its 200 × 150 pixels at 1/{fraction} of their size" in sample.notes
    reference = np.asarray(whole.resize((shape[1], shape[0]), Image.Resampling.BOX)).astype(int)
    assert np.abs(sample.original - reference).mean() < 3


def test_a_sideways_jpeg_is_turned_after_it_was_decoded_smaller() -> None:
    sample = read(files.save(files.red_left(200, 150), "JPEG", exif=files.exif(6)), max_pixels=12_000)
    assert sample.original.shape == (100, 75, 3)
    assert np.abs(sample.original[5, 5] - np.array(files.RED, int)).max() < 8


def test_a_jpeg_that_cannot_be_streamed_has_no_allowance() -> None:
    """All coefficients of a progressive file are held at full size, however small it is decoded."""
    streamed, progressive = (files.save(files.noise(200, 150), "JPEG", progressive=p) for p in (False, True))
    assert read(streamed, max_pixels=12_000).notes
    assert "at most 12,000 are read" in refusal(progressive, max_pixels=12_000)
    assert "at most 24,000 are read" in refusal(streamed, max_pixels=3_000)


def test_a_large_picture_is_averaged_down_to_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the resizing filter would lose anyway, and everything stays in its place."""
    slope = np.add.outer(np.arange(300), np.arange(402)) // 3
    data = files.save(Image.fromarray(slope.astype(np.uint8)))
    whole = read(data)
    monkeypatch.setattr(picture, "_KEPT_WHOLE", 1000)
    monkeypatch.setattr(image, "_DISPLAY", 100)
    sample = read(data)
    assert "read its 402 × 300 pixels at 1/4 of their size" in sample.notes
    # 402 columns are 100 squares of four and half a one.
    assert np.abs(sample.seen.astype(int) - whole.seen).max() <= 2
    assert sample.box[0] == pytest.approx((0, sample.original.shape[0]))
    for got, exact in zip(sample.box[1], whole.box[1], strict=True):
        assert abs(got * 402 / 100 - exact) < 4
    assert not any("1/" in note for note in read(files.save(files.noise(20, 20))).notes)


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = files.save(files.noise(16, 16), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert read(data).original.shape == (16, 16, 3)
    assert "of 210 scans; at most 100 are read" in refusal(data[:-2] + scan * 200 + b"\xff\xd9")
    hidden = b"\xff\xfe\x00\x04\xff\xd9"
    assert "of 210 scans; at most 100 are read" in refusal(data[:-2] + hidden + scan * 200 + b"\xff\xd9")


def test_what_follows_the_end_of_a_jpeg_does_not_count() -> None:
    """Phones append previews and whole videos."""
    data = files.save(files.noise(16, 16), "JPEG") + b"\xff\xda\x00\x03" * 1000
    assert read(data).original.shape == (16, 16, 3)


def test_frames_and_tiles_larger_than_the_picture_they_are_in() -> None:
    gif = bytearray(files.save(Image.new("L", (8, 8)), "GIF"))
    at = gif.index(b",", 13)
    gif[at + 5 : at + 9] = struct.pack("<HH", 30000, 30000)
    assert "50,000,000 pixels that are read at most" in refusal(bytes(gif))
    gif[at + 5 : at + 9] = struct.pack("<HH", 8000, 8000)
    assert "64,000,000 in all" in refusal(bytes(gif))
    assert "tiles of 3,600,000,000 pixels" in refusal(files.tiff(bytes(4), 2, 2, tile=60000))
    webp = b"WEBPVP8X\x0a\0\0\0\0\0\0\0" + struct.pack("<I", 16382)[:3] * 2
    assert "50,000,000" in refusal(b"RIFF" + struct.pack("<I", len(webp)) + webp)


def test_numbers_written_as_text_are_read_while_they_are_few() -> None:
    assert read(b"P3 2 1 255\n1 2 3 250 0 9\n").original.tolist() == [[[1, 2, 3], [250, 0, 9]]]
    assert "written as text, which is read up to 4 MB only" in refusal(b"P3 2000 2000 255\n" + b"1 " * (3 << 20))


# IMG-10


@pytest.mark.parametrize("kept", [0.5, 0.98, -2])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_cut_off_is_refused(kept: float, progressive: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    data = files.save(files.noise(256, 256), "JPEG", progressive=progressive)
    cut = data[: int(kept * len(data)) if kept > 0 else int(kept)]
    assert "cut off" in refusal(cut)
    # A download that reserved its space before it stopped.
    assert "cut off" in refusal(cut.ljust(len(data) + 100, b"\0"))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert "cut off" in refusal(cut)


def test_a_jpeg_with_a_preview_is_cut_off_all_the_same() -> None:
    """The end marker of a preview inside the headers is not the picture's own."""
    preview, data = files.save(files.noise(8, 8), "JPEG"), files.save(files.noise(64, 64), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    whole = data[:2] + segment + data[2:]
    assert read(whole).original.shape == (64, 64, 3)
    assert "cut off" in refusal(whole[:-2])


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("PPM", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "jpeg"}),
    ],
)
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.98])
def test_every_other_kind_cut_off_is_refused(format: str, options: dict[str, Any], kept: float) -> None:
    data = files.save(files.noise(128, 128), format, **options)
    assert "cut off, damaged" in refusal(data[: int(kept * len(data))])


# Damage around the pixels


@pytest.mark.parametrize(
    "damaged",
    [
        files.chunk(b"zTXt", b"note\0\x07compressed by nothing known"),
        files.chunk(b"tEXt", b"note\0words")[:-4] + b"\0\0\0\0",
        files.chunk(b"iCCP", b"name\0\x05"),
        files.chunk(b"acTL", b"\0"),
    ],
)
def test_a_png_is_read_past_damaged_extras(damaged: bytes) -> None:
    key = files.chunk(b"tRNS", bytes([0, 10, 0, 20, 0, 30]))
    data = files.png(2, 1, 8, 2, b"\0" + bytes([10, 20, 30, 255, 0, 0]), key, damaged)
    sample = read(data, background=[1, 2, 3])
    assert sample.original.tolist() == [[[1, 2, 3], [255, 0, 0]]]
    assert any("metadata" in note for note in sample.notes)


def test_a_jpeg_is_read_past_a_damaged_profile() -> None:
    data = files.save(Image.new("RGB", (16, 16), files.RED), "JPEG")
    sample = read(data[:2] + b"\xff\xe2\x00\x0eICC_PROFILE\0" + data[2:])
    assert np.abs(sample.original - np.array(files.RED, int)).max() <= 2
    assert any("metadata" in note for note in sample.notes)
