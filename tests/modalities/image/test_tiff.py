"""TIFF layouts: planes, tiles, predictors, byte orders, BigTIFF; camera raw; small copies before the full picture."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perceiver import InputError, Sample
from perceiver.modalities import get
from perceiver.modalities.image import tiff
from tests.modalities import files
from tests.modalities.tiffs import Page, write

HEIGHT, WIDTH = 21, 37
REDUCED, SUB, DNG = 254, 330, 50706

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def read(data: bytes, name: str = "scan.tif", **options: Any) -> Sample:
    return get("image").read(data, name, shape=(2, 2), preprocess={}, options=options)


def values(kind: str, samples: int) -> np.ndarray:
    """Random samples that reach both ends of their type; floats in [0, 1]."""
    random, dtype = np.random.default_rng(0), np.dtype(kind)
    shape = (HEIGHT, WIDTH, samples)
    if dtype.kind == "f":
        return random.random(shape).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    out = random.integers(low, high, shape, dtype=dtype, endpoint=True)
    out[0, 0], out[0, 1] = low, high
    return out


def layouts(kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for order, planar, tile, predictor, big in itertools.product(
        "<>", (1, 2), (None, (16, 16)), range(4), (False, True)
    ):
        of_type = predictor != (2 if np.dtype(kind).kind == "f" else 3)
        # Pillow does not open big-endian BigTIFF.
        if of_type and not (big and order == ">"):
            page = {"planar": planar, "tile": tile, "deflate": predictor > 0, "predictor": max(predictor, 1)}
            yield page, {"order": order, "big": big}


@pytest.mark.parametrize(
    ("kind", "samples", "photometric"),
    [("u1", 1, 1), ("u1", 1, 0), ("u1", 3, 2), ("u2", 1, 1), ("u2", 3, 2), ("i2", 1, 1), ("i4", 1, 1), ("f4", 1, 1)],
)
def test_every_layout_holds_the_same_pixels(kind: str, samples: int, photometric: int) -> None:
    """16-bit planes, big-endian floats that are compressed, and the like: by NumPy's own rescaling."""
    stored = values(kind, samples)
    lowest, highest = (0, 1) if kind == "f4" else (int(stored.min()), int(stored.max()))
    if samples == 3:
        expected: np.ndarray = stored >> (8 * (stored.dtype.itemsize - 1))
    else:
        expected = np.rint((stored.astype(float) - lowest) * 255 / (highest - lowest))
        expected = np.repeat(255 - expected if photometric == 0 else expected, 3, axis=2)
    for page, document in layouts(kind):
        sample = read(write(Page(stored, photometric, **page), **document))
        assert np.array_equal(sample.original, expected), (page, document)


@pytest.mark.parametrize(
    ("kind", "photometric", "extra"), [("u2", 5, ()), ("u2", 2, (2,)), ("u2", 2, (1,)), ("u1", 2, (1,))]
)
def test_planes_of_four_samples_are_as_pixels_of_four(kind: str, photometric: int, extra: tuple[int, ...]) -> None:
    stored = values(kind, 4)
    whole = read(write(Page(stored, photometric, extra=extra))).original
    for page, document in layouts(kind):
        assert np.array_equal(read(write(Page(stored, photometric, extra=extra, **page), **document)).original, whole)


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_the_first_of_planes_without_a_meaning(kind: str, deflate: bool) -> None:
    stored = values(kind, 3)
    sample = read(write(Page(stored, planar=2, extra=(0, 0), deflate=deflate)))
    assert np.array_equal(sample.original[..., 0], np.rint(stored[..., 0] * (255 / np.iinfo(kind).max)))
    assert "left out 2 channels whose meaning the file does not state" in sample.notes


@pytest.mark.parametrize(
    ("kind", "samples", "layout", "words"),
    [
        ("f2", 1, {}, "1 sample a pixel, 16-bit floating-point numbers"),
        ("f8", 1, {}, "1 sample a pixel, 64-bit floating-point numbers"),
        ("f4", 3, {"photometric": 2}, "3 samples a pixel, 32-bit floating-point numbers"),
        ("u4", 3, {"photometric": 2}, "3 samples a pixel, 32-bit unsigned integers"),
        ("u1", 3, {"photometric": 8, "planar": 2}, "3 samples a pixel, 8-bit unsigned integers, in separate planes"),
        ("u1", 2, {"extra": (2,), "planar": 2}, "2 samples a pixel, 8-bit unsigned integers, in separate planes"),
    ],
)
def test_other_layouts_are_refused_by_name(kind: str, samples: int, layout: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(write(Page(values(kind, samples), **layout)))
    assert str(caught.value) == (
        f"scan.tif is a TIFF picture, but its layout is not read ({words}); save it as PNG and try again"
    )


# Camera raw


def thumbnail() -> Page:
    return Page(values("u1", 3)[:12, :16], 2, more={REDUCED: (4, 1)})


SENSOR = Page(values("u2", 1), 32803)
RAW = {
    "NEF": write(replace(thumbnail(), below=(thumbnail(), SENSOR)), order=">"),
    "DNG": write(replace(thumbnail(), more={REDUCED: (4, 1), DNG: (1, [1, 4, 0, 0])}, below=(SENSOR,))),
    "linear DNG": write(replace(thumbnail(), below=(replace(SENSOR, photometric=34892),))),
    "PEF": write(SENSOR, thumbnail()),
    "ARW": write(thumbnail(), SENSOR),
    "BigTIFF": write(replace(thumbnail(), below=(SENSOR,)), big=True),
    "ORF": b"IIRO" + bytes(100),
    "ORF MM": b"MMOR" + bytes(100),
    "RW2": b"IIU\0" + bytes(100),
    "CR2": b"II*\0\x10\0\0\0CR" + bytes(100),
    "CR3": b"\0\0\0\x18ftypcrx " + bytes(100),
    "RAF": b"FUJIFILMCCD-RAW" + bytes(100),
    "MRW": b"\0MRM" + bytes(100),
    "X3F": b"FOVb" + bytes(100),
}


@pytest.mark.parametrize("kind", RAW)
@pytest.mark.parametrize("ending", ["tif", "dng", "nef", "jpg"])
def test_camera_raw_is_refused_whatever_its_name(kind: str, ending: str) -> None:
    """Its thumbnail is not the photograph."""
    with pytest.raises(InputError) as caught:
        read(RAW[kind], f"photo.{ending}")
    assert str(caught.value) == (
        f"photo.{ending} is a camera raw picture: values of the sensor that are not developed yet, and small previews; "
        "export it as JPEG or PNG from the camera or a photo program and try again"
    )


def test_a_small_copy_is_not_taken_for_the_picture() -> None:
    stored = values("u1", 3)
    data = write(thumbnail(), Page(stored, 2), thumbnail())
    sample = read(data)
    assert np.array_equal(sample.original, stored)
    assert "used frame 2 of 3, the first at full size" in sample.notes
    assert read(data, frame=1).original.shape == (12, 16, 3)
    assert read(write(thumbnail())).original.shape == (12, 16, 3)


def test_sub_directories_of_a_pyramid_are_no_frames() -> None:
    stored = values("u1", 3)
    sample = read(write(Page(stored, 2, below=(thumbnail(), thumbnail()))))
    assert np.array_equal(sample.original, stored)
    assert not any("frame" in note for note in sample.notes)


def test_directories_that_lead_in_circles() -> None:
    data = bytearray(write(Page(values("u1", 3), 2)))
    first = int.from_bytes(data[4:8], "little")
    data[-4:] = first.to_bytes(4, "little")
    assert read(bytes(data)).original.shape == (HEIGHT, WIDTH, 3)
    data[-4:] = (len(data) - 2).to_bytes(4, "little")
    assert read(bytes(data)).original.shape == (HEIGHT, WIDTH, 3)


def test_grey_of_a_real_writer() -> None:
    """Pillow's own files are not taken for raw ones."""
    for options in ({}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"big_tiff": True}):
        sample = read(files.save(files.noise(24, 16), "TIFF", **options))
        assert sample.original.shape == (16, 24, 3)


def test_endless_directories_are_not_walked_to_the_end() -> None:
    """Sub-directories of thousands of entries each, all over the same bytes, are looked through up to a limit."""
    entries = (30_000).to_bytes(2, "little") * 200_000
    size = len(write(Page(values("u1", 1), more={SUB: (4, [0] * 64)})))
    data = write(Page(values("u1", 1), more={SUB: (4, [size + 2 * number for number in range(64)])})) + entries
    start = time.process_time()
    assert not tiff.is_camera_raw(data)
    assert time.process_time() - start < 2
