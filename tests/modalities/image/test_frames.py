"""A choice of frame: animations, pages and pictures of several views."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from perceiver import InputError
from perceiver.modalities import describe
from perceiver.modalities.image import picture
from perceiver.modalities.image.modality import ImageModality, ImageSample
from tests.modalities import files

COLOURS = (files.RED, files.GREEN, files.BLUE)
FORMATS = ("GIF", "TIFF", "PNG", "WEBP", "AVIF", "MPO")


def read(data: bytes, max_pixels: int = 50_000_000, **options: Any) -> ImageSample:
    return ImageModality(max_pixels=max_pixels).read(data, "a.bin", shape=(2, 2), preprocess={}, options=options)


def refusal(data: bytes, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(data, **options)
    return str(caught.value)


def several(format: str) -> bytes:
    first, *rest = (Image.new("RGB", (16, 16), colour) for colour in COLOURS)
    return files.save(first, format, save_all=True, append_images=rest)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_frame_can_be_read(format: str, number: int) -> None:
    for chosen in (number, str(number), float(number)):
        sample = read(several(format), frame=chosen)
        assert np.abs(sample.original.astype(int) - COLOURS[number - 1]).max() <= 2
        assert f"used frame {number} of 3" in sample.notes
        assert (sample.frame, sample.frames) == (number - 1, 3)


@pytest.mark.parametrize("format", FORMATS)
def test_the_first_one_is_the_default(format: str) -> None:
    for sample in (read(several(format)), read(several(format), frame="first")):
        assert np.abs(sample.original.astype(int) - files.RED).max() <= 2
        assert (sample.frame, sample.frames) == (0, 3)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (0, "a.bin has no frame 0: frames are counted 1, 2, 3 and so on"),
        (1.5, "a.bin has no frame 1.5: frames are counted 1, 2, 3 and so on"),
        (4, "a.bin has 3 frames, so frame 4 cannot be read"),
        (10**9, "a.bin has 3 frames, so frame 1,000,000,000 cannot be read"),
        ("last", "frame cannot be 'last'; it is first or a number from 0"),
    ],
)
def test_frames_that_are_not_there(format: str, chosen: Any, words: str) -> None:
    assert refusal(several(format), frame=chosen) == words


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "PPM", "GIF", "TIFF"])
def test_a_single_picture_is_its_only_frame(format: str) -> None:
    data = files.save(files.noise(8, 8), format)
    assert read(data, frame=1).notes == read(data).notes
    assert read(data).frames == 1
    assert "a.bin has 1 frame, so frame 2 cannot be read" in refusal(data, frame=2)


def animation(format: str, **options: Any) -> tuple[bytes, list[np.ndarray]]:
    """Four frames that each add a square, and what is seen after each."""
    shown, frames = [], []
    canvas = Image.new("RGB", (24, 16), (10, 20, 30))
    for number, colour in enumerate((*COLOURS, files.MAGENTA)):
        canvas.paste(colour, (number * 5, number, number * 5 + 4, number + 4))
        frames.append(canvas.copy())
        shown.append(np.asarray(canvas))
    return files.save(frames[0], format, save_all=True, append_images=frames[1:], **options), shown


@pytest.mark.parametrize(
    ("format", "options"), [("GIF", {}), ("GIF", {"disposal": 2}), ("PNG", {}), ("WEBP", {"lossless": True})]
)
def test_frames_that_hold_only_what_changed(format: str, options: dict[str, Any]) -> None:
    data, shown = animation(format, **options)
    for number, expected in enumerate(shown, start=1):
        assert np.array_equal(read(data, frame=number).original, expected)


def test_pages_of_different_sorts() -> None:
    grey = Image.fromarray(np.linspace(0, 2, 12, dtype=np.float32).reshape(3, 4))
    pages = [files.noise(30, 20), grey, Image.new("RGBA", (5, 7), (0, 0, 0, 0)), files.red_left()]
    data = files.save(pages[0], "TIFF", save_all=True, append_images=pages[1:], exif=files.exif(1))
    samples = [read(data, frame=number) for number in (1, 2, 3, 4)]
    assert [sample.original.shape[:2] for sample in samples] == [(20, 30), (3, 4), (7, 5), (20, 40)]
    assert any("rescaled its grey values (0 to 2)" in note for note in samples[1].notes)
    assert (samples[2].original == 255).all()
    assert np.array_equal(samples[3].original, np.asarray(files.red_left()))


def test_the_size_of_the_chosen_page_counts() -> None:
    large, small = Image.new("1", (300, 300)), Image.new("1", (10, 10), 1)
    data = files.save(large, "TIFF", save_all=True, append_images=[small])
    assert (read(data, max_pixels=1000, frame=2).original == 255).all()
    assert "90,000 in all; at most 1,000 are read" in refusal(data, max_pixels=1000)
    assert "90,000 in all" in refusal(
        files.save(small, "TIFF", save_all=True, append_images=[large]), max_pixels=1000, frame=2
    )


def test_late_frames_of_long_animations_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_MOST_SEQUENTIAL", 2 * 24 * 16)
    data, shown = animation("GIF")
    assert np.array_equal(read(data, frame=3).original, shown[2])
    assert "of which 4 are too many to decode; choose an earlier frame" in refusal(data, frame=4)


def test_frames_behind_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_MOST_FRAMES", 2)
    for format in ("GIF", "TIFF"):
        assert (read(several(format)).frames, read(several(format), frame=2).frame) == (2, 1)
        assert "has more than 2 frames, of which only these can be chosen, so frame 3" in refusal(
            several(format), frame=3
        )


def test_the_option_is_described() -> None:
    (option,) = describe("image").options
    assert option.usage == "frame=NUMBER|first"
