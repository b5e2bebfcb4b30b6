"""The image modality: crop, resize, content, and the way back (IMG-07, IMG-08, ATT-01, ATT-02, ATT-05, APP-07)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from perceiver import ConfigError, InputError, Sample
from perceiver.modalities import Modality, get, names
from perceiver.modalities.image.modality import ImageModality, crop_box
from tests.modalities import files

IMAGE = get("image")


def read(picture: Image.Image, shape: tuple[int, int] = (8, 8), **preprocess: object) -> Sample:
    return IMAGE.read(files.save(picture), "picture.png", shape=shape, preprocess=preprocess)


def test_the_registry_holds_it_by_name() -> None:
    assert "image" in names()
    assert isinstance(IMAGE, Modality)
    assert IMAGE.name == "image"
    assert all(ending == ending.lower().lstrip(".") for ending in IMAGE.extensions)
    with pytest.raises(ConfigError, match="'smell'; it must be one of image"):
        get("smell")


def test_content_is_the_normalised_picture_row_by_row() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10
    sample = read(Image.fromarray(pixels), (2, 3), mean=[0.5, 0.25, 0.0], std=[0.5, 0.25, 2.0])
    assert np.array_equal(sample.seen, pixels)
    assert np.array_equal(sample.original, pixels)
    assert sample.shape == (2, 3)
    assert sample.notes == ()
    # Element 4 is row 1, column 1: 120, 130, 140.
    expected = [(120 / 255 - 0.5) / 0.5, (130 / 255 - 0.25) / 0.25, 140 / 255 / 2]
    assert sample.content[4].tolist() == pytest.approx(expected)
    assert sample.content.dtype == torch.float32
    assert read(Image.fromarray(pixels), (2, 3)).content[4].tolist() == pytest.approx([120 / 255, 130 / 255, 140 / 255])


def test_grey_models_read_the_luma_alone() -> None:
    pixels = np.zeros((1, 4, 3), dtype=np.uint8)
    pixels[0] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [40, 40, 40]]
    sample = read(Image.fromarray(pixels), (1, 4), channels=1, mean=0.5, std=0.5)
    luma = np.array([0.299 * 255, 0.587 * 255, 0.114 * 255, 40])  # ITU-R 601
    assert sample.content.shape == (4, 1)
    assert np.abs((sample.content[:, 0].numpy() * 0.5 + 0.5) * 255 - luma).max() < 0.51
    # What is shown as read is grey, the original keeps its colours.
    assert sample.seen.shape == (1, 4, 3)
    assert np.abs(sample.seen[0] - luma[:, None]).max() < 0.51
    assert np.array_equal(sample.original, pixels)
    assert sample.notes == ("read its brightness alone, since the model reads grey pictures",)
    grey = read(Image.fromarray(pixels[:, 3:]), (1, 1), channels=1)
    assert grey.content.tolist() == [[pytest.approx(40 / 255)]]
    assert grey.notes == ()


def bicubic(size: int, target: int) -> np.ndarray:
    """Weights (target, size) of the antialiased bicubic filter, a = -0.5, straight from its definition."""
    scale = size / target
    distance = np.abs((np.arange(size) + 0.5)[None] - (np.arange(target)[:, None] + 0.5) * scale) / max(scale, 1)
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("shape", [(8, 8), (5, 11), (64, 64)])
def test_crops_first_and_resizes_the_crop_alone(shape: tuple[int, int]) -> None:
    picture = files.noise(40, 32)
    (top, bottom), (left, right) = crop_box((32, 40), shape, 0.875)
    crop = np.asarray(picture)[top:bottom, left:right].astype(float)
    # Rows first; what lies between the two passes is held in 8 bits.
    across = np.einsum("hwc,Ww->hWc", crop, bicubic(right - left, shape[1])).clip(0, 255)
    reference = np.einsum("Hh,hWc->HWc", bicubic(bottom - top, shape[0]), across).clip(0, 255)
    seen = read(picture, shape, crop=0.875).seen
    assert np.abs(seen - reference).max() <= 2


def test_deepminds_crop() -> None:
    # int(224/256 * 300) = 262; offsets (38 + 1) // 2 and (138 + 1) // 2.
    assert crop_box((300, 400), (224, 224), 224 / 256) == ((19, 281), (69, 331))
    assert crop_box((256, 256), (224, 224), 0.875) == ((16, 240), (16, 240))
    assert crop_box((257, 256), (224, 224), 0.875) == ((17, 241), (16, 240))


def test_a_grid_that_is_not_square_takes_a_crop_of_its_own_aspect() -> None:
    assert crop_box((100, 100), (2, 4), 1.0) == ((25, 75), (0, 100))
    assert crop_box((100, 100), (4, 2), 1.0) == ((0, 100), (25, 75))
    assert crop_box((100, 100), (4, 2), 0.5) == ((25, 75), (38, 63))


@settings(deadline=None, derandomize=True)
@given(*[st.integers(1, 4000)] * 2, *[st.integers(1, 300)] * 2, st.floats(0.01, 1))
def test_a_crop_lies_inside_centred_and_keeps_the_aspect(h: int, w: int, rows: int, columns: int, share: float) -> None:
    (top, bottom), (left, right) = crop_box((h, w), (rows, columns), share)
    assert 0 <= top < bottom <= h
    assert 0 <= left < right <= w
    assert abs(top - (h - bottom)) <= 1
    assert abs(left - (w - right)) <= 1
    height, width = bottom - top, right - left
    if min(height, width) > 1:
        # Two roundings down, each of less than a pixel.
        assert abs(height * columns - width * rows) <= 2 * max(rows, columns)


def test_the_map_meets_the_dot_in_the_crops_corner() -> None:
    """ATT-05: 400 x 300, DeepMind's crop; their resize-first recipe puts the box at y 18.8-281.2, x 68.0-330.5."""
    picture = Image.new("RGB", (400, 300), files.WHITE)
    picture.putpixel((69, 19), files.RED)
    sample = read(picture, (224, 224), crop=0.875)
    assert sample.box == ((19.0, 281.0), (69.0, 331.0))
    for got, resized_first in zip(np.ravel(sample.box), (18.8, 281.2, 68.0, 330.5), strict=True):
        assert abs(got - resized_first) <= 1
    assert any("57 % of the picture" in note for note in sample.notes)
    values = np.zeros((224, 224))
    values[0, 0] = 1
    laid = IMAGE.to_original(sample, values)
    assert laid.shape == (300, 400)
    assert np.argwhere(laid == 1)[0].tolist() == [19, 69]
    assert np.argwhere(sample.original[..., 1] == 0).tolist() == [[19, 69]]
    assert int(np.isfinite(laid).sum()) == 262 * 262
    assert np.isnan(laid[18, 69])
    assert np.isnan(laid[19, 68])
    assert IMAGE.element_at(sample, 19, 69) == 0
    assert IMAGE.element_at(sample, 280, 330) == 224 * 224 - 1
    assert IMAGE.element_at(sample, 281, 330) is None
    assert IMAGE.box_of(sample, 0)[0] == pytest.approx((19, 19 + 262 / 224))


def test_first_and_last_element_are_the_corners_and_none_is_dropped() -> None:
    """ATT-01, ATT-02: unequal sides, every element in its place, no token left out."""
    sample = read(Image.new("RGB", (50, 30)), (3, 5))
    laid = IMAGE.to_original(sample, np.arange(15.0).reshape(3, 5))
    assert (laid[0, 0], laid[0, -1], laid[-1, 0], laid[-1, -1]) == (0, 4, 10, 14)
    assert laid[15, 45] == 9
    assert sorted(set(laid.ravel())) == list(range(15))
    with pytest.raises(ValueError, match=r"the map is \(5, 3\), the input \(3, 5\)"):
        IMAGE.to_original(sample, np.zeros((5, 3)))


def test_a_large_original_is_shown_smaller_with_its_box_in_place() -> None:
    picture = Image.new("RGB", (4000, 1000), files.WHITE)
    picture.paste(files.BLUE, (1500, 0, 2500, 1000))
    sample = read(picture, (10, 10))
    assert sample.original.shape == (400, 1600, 3)
    assert sample.box == ((0.0, 400.0), (600.0, 1000.0))
    assert (sample.seen == files.BLUE).all()
    inside = np.isfinite(IMAGE.to_original(sample, np.ones((10, 10))))
    assert (sample.original[inside] == files.BLUE).all()
    assert (sample.original[~inside] == files.WHITE).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 10000), (10000, 3), (1, 5000)])
@pytest.mark.parametrize("crop", [1.0, 0.875])
def test_tiny_and_extreme_pictures(size: tuple[int, int], crop: float) -> None:
    sample = read(Image.new("RGB", size, files.RED), (16, 16), crop=crop)
    assert (sample.seen == files.RED).all()
    assert max(sample.original.shape) <= 1600
    assert any(note.startswith("enlarged") and "16 × 16" in note for note in sample.notes)
    laid = IMAGE.to_original(sample, np.arange(256.0).reshape(16, 16))
    assert np.isfinite(laid).any()
    row, column = np.argwhere(np.isfinite(laid))[0].tolist()
    assert IMAGE.element_at(sample, row, column) == laid[row, column]


def test_upsampling_is_said() -> None:
    assert "enlarged 4 × 4 pixels to the 8 × 8 that the model reads" in read(files.noise(4, 4)).notes[0]
    assert read(files.noise(8, 8)).notes == ()


@pytest.mark.parametrize("name", ["evil.exe:x.png", "A.PNG", "renamed.wav", "a.jpg", "no ending", ""])
def test_content_decides_whatever_the_name(name: str) -> None:
    """APP-07 and IMG-07: a good picture under any name is good input."""
    sample = IMAGE.read(files.save(files.noise(8, 8)), name, shape=(8, 8), preprocess={})
    assert np.array_equal(sample.seen, np.asarray(files.noise(8, 8)))


def test_a_file_that_is_too_large_is_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match=r"big.png has 201.0 MB; a picture may have at most 64.0 MB"):
        IMAGE.read(bytes(201 << 20), "big.png", shape=(8, 8), preprocess={})


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\x1b[31m\u202egpj.exe", "a b\ufffd[31m\ufffdgpj.exe"),
        ("x" * 300 + ".jpg", "x" * 28 + "..." + "x" * 24 + ".jpg"),
        ("  ", "the file"),
        ("\ud800.png", "\ufffd.png"),
        ("Foto größer 写真.jpg", "Foto größer 写真.jpg"),
    ],
)
def test_names_are_made_fit_to_show(name: str, shown: str) -> None:
    with pytest.raises(InputError) as caught:
        IMAGE.read(b"", name, shape=(8, 8), preprocess={})
    assert str(caught.value) == f"{shown} is an empty file: there is nothing in it"
    assert IMAGE.read(files.save(files.noise(8, 8)), name, shape=(8, 8), preprocess={}).name == shown


@pytest.mark.parametrize(
    "preprocess",
    [
        {"crop": 0},
        {"crop": 1.5},
        {"crop": float("nan")},
        {"crop": "large"},
        {"mean": [0.5]},
        {"std": [1, 1, 0]},
        {"background": [0, 0, 300]},
        {"background": [0.5, 0, 0]},
        {"resample": "cubic"},
        {"resample": ["bicubic"]},
        {"sharpen": True},
        {"channels": 2},
        {"channels": "grey"},
        {"channels": 1, "mean": [0.5, 0.5, 0.5]},
    ],
)
def test_impossible_settings_are_the_configurations_fault(preprocess: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="preprocess"):
        read(files.noise(8, 8), **preprocess)


@pytest.mark.parametrize("shape", [(8,), (8, 8, 3), (0, 8)])
def test_an_image_needs_two_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="an image needs"):
        IMAGE.read(files.save(files.noise(8, 8)), "a.png", shape=shape, preprocess={})


FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "PPM")
REAL = [files.save(files.noise(24, 16), format) for format in FORMATS]
REAL += [files.save(files.noise(24, 16).convert("P"), "PNG", transparency=3), files.save(files.noise(9, 9), "MPO")]
REAL += [files.save(files.noise(24, 16), "JPEG", exif=files.exif(6), icc_profile=files.swapped_profile())]


# Pillow warns of damaged tags before it raises or goes on.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def refuses_or_reads(data: bytes) -> None:
    small = ImageModality(max_pixels=20_000)
    try:
        sample = small.read(data, "upload.bin", shape=(4, 4), preprocess={})
    except InputError as error:
        message = str(error)
        assert message.startswith("upload.bin ")
        assert len(message) > 25
        assert message.isprintable()
        assert "0x" not in message
    else:
        assert sample.content.shape == (16, 3)
        assert torch.isfinite(sample.content).all()


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=300), st.sampled_from([b"", *(data[:12] for data in REAL)]))
def test_no_bytes_raise_anything_but_an_input_error(data: bytes, magic: bytes) -> None:
    refuses_or_reads(magic + data)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.sampled_from(REAL), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6))
def test_no_damage_raises_anything_but_an_input_error(data: bytes, damage: list[tuple[float, int]]) -> None:
    broken = bytearray(data)
    for place, value in damage:
        # Squared, so that headers are hit as often as the data behind them.
        broken[int(place**2 * len(broken))] = value
    refuses_or_reads(bytes(broken))


def test_elements_of_several_pixels_lie_where_their_cells_do() -> None:
    """3 x 3 elements of 16 x 16 pixels, from a picture of 32 x 32: cells of 4 pixels from pixel 2 on."""
    cells = [[2.0, 14.0], [2.0, 14.0]]
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[12:20, 12:20] = 255  # what the middle cell covers: pixels 6 to 10 of 16, twice as many of the picture
    sample = read(Image.fromarray(pixels), (3, 3), pixels=[16, 16], cells=cells, resample="box")
    assert sample.content.shape == (16 * 16, 3)
    assert sample.shape == (3, 3)
    assert sample.box == ((4.0, 28.0), (4.0, 28.0))
    assert sample.seen[:, :, 0].tolist() == [[0, 0, 0], [0, 255, 0], [0, 0, 0]]
    laid = IMAGE.to_original(sample, np.arange(9.0).reshape(3, 3))
    assert np.isnan(laid[3, 3])
    assert (laid[12:20, 12:20] == 4).all()
    assert IMAGE.element_at(sample, 12, 27) == 5
    assert "made 3 × 3 elements of 16 × 16 pixels" in sample.notes[-1]


@pytest.mark.parametrize(
    "preprocess",
    [
        {"pixels": [16, 16]},
        {"cells": [[0, 1], [0, 1]]},
        {"pixels": [16], "cells": [[0, 1], [0, 1]]},
        {"pixels": [16, 10**9], "cells": [[0, 1], [0, 1]]},
        {"pixels": [16, 16], "cells": [[1, 0], [0, 1]]},
        {"pixels": [16, 16], "cells": "all"},
    ],
)
def test_cells_that_mean_nothing(preprocess: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"pixels|cells"):
        read(Image.new("RGB", (8, 8)), **preprocess)
