"""Images: a picture file -> the pixels a model reads, and maps laid back on the picture. A pixel of the original takes
the value of the element that its centre lies in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from ...errors import ConfigError
from ...sample import Sample
from .. import grid
from ..base import MEGABYTE, check_size, shortened
from ..description import Description
from ..options import settle
from . import DESCRIPTION, FIRST
from .picture import DecodeOptions, decode
from .settings import ImageSettings

# Longest side of what is kept of the original for display.
_DISPLAY = 1600
# Pixels a side of the crop, for each that the model reads, that a large picture keeps before it is resized: averaging
# beyond that is lost in the resizing filter anyway.
_OVERSAMPLING = 4
_PNG_MODES = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")
# Whole pixels change an aspect by less.
_SAME_ASPECT = 0.05


@dataclass(frozen=True, kw_only=True, repr=False)
class ImageSample(Sample):
    """A picture as `Sample` describes it, and which frame of its file it is.

    frame   the number of the frame
    frames  that can be chosen from
    """

    frame: int = 0
    frames: int = 1


@dataclass(frozen=True)
class ImageModality(grid.GridModality):
    """Pictures, read as (H, W, 3): decoded, turned upright, brought to sRGB on a background, cropped, resized.

    max_bytes   the largest file that is taken
    max_pixels  the most pixels that are decoded
    """

    description: ClassVar[Description] = DESCRIPTION
    in_memory: ClassVar[str] = "a PIL image or a uint8 array (height, width) or (height, width, 3 or 4)"
    max_bytes: int = 64 * MEGABYTE
    max_pixels: int = 50_000_000

    def file_of(self, value: object) -> bytes | None:
        """The PNG file of a PIL image, with its profile and orientation, or of an array of bytes: grey, RGB or RGBA. Of
        an image of grey values that PNG does not hold, the TIFF file."""
        if isinstance(value, np.ndarray):
            colours = value.ndim == 2 or (value.ndim == 3 and value.shape[2] in (3, 4))
            if value.dtype != np.uint8 or not colours or not value.size:
                return None
            value = Image.fromarray(value)
        if not isinstance(value, Image.Image) or 0 in value.size:
            return None
        profile, out = value.info.get("icc_profile"), BytesIO()
        if value.mode[0] in "IF" and value.mode not in _PNG_MODES:
            numbers = value if value.mode == "F" else value.convert("I")
            numbers.save(out, "TIFF", exif=value.getexif())
            return out.getvalue()
        if value.mode == "La":  # which Pillow converts to nothing else
            value = value.convert("LA")
        if value.mode not in _PNG_MODES:
            value, profile = value.convert("RGBA" if "A" in value.mode or "a" in value.mode else "RGB"), None
        value.save(out, "PNG", compress_level=1, icc_profile=profile, exif=value.getexif())
        return out.getvalue()

    def read(
        self,
        data: bytes,
        name: str,
        *,
        shape: tuple[int, ...],
        preprocess: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
    ) -> ImageSample:
        """Makes a sample of a picture file.

        shape       (H, W), the pixels the model reads
        preprocess  all optional: "crop", the share of the shorter side that the centre crop keeps (1.0); "fit", what is
                    resized to the model's size: the crop in the model's aspect ("crop", the default), a square crop
                    ("square") or the whole picture ("stretch"), the last two whatever the aspect; "resample", a Pillow
                    filter by name ("bicubic"); "channels", 3, or 1 for a model of grey pictures, which reads the luma
                    of ITU-R 601 (3); "mean" and "std" of values in [0, 1], one number a channel each (0 and 1);
                    "background" under transparent parts, three whole numbers (white); for a model whose elements are
                    made of several pixels "pixels", (H, W) that it reads, and "cells", where the elements lie on them:
                    ((start, stop) of rows, of columns)
        options     "frame": the frame of an animation or the page of a document, from 1; "first", the first one at
                    full size

        Content is ((rgb / 255 - mean) / std), row-major, one row a pixel: (H*W, 3), or (H*W, 1) of luma, which `seen`
        shows as a grey picture. Raises InputError for whatever is wrong with the file, ConfigError for a shape or
        setting that means nothing.
        """
        shown = shortened(name)
        grid_shape = _shape(shape)
        settings = ImageSettings.of(preprocess)
        height, width = settings.pixels or grid_shape
        cells = settings.cells
        frame = settle(self.options, options or {})["frame"]
        check_size(data, shown, self.max_bytes, "a picture")
        decoding = DecodeOptions(
            background=settings.background,
            max_pixels=self.max_pixels,
            shorter=math.ceil(_OVERSAMPLING * max(height, width) / settings.crop),
            longer=_DISPLAY,
            frame=None if frame == FIRST else frame,
        )
        picture = decode(data, shown, decoding)
        full = picture.pixels
        size = (full.height, full.width)
        aspect = {"crop": (height, width), "square": (1, 1), "stretch": size}[settings.fit]
        (top, bottom), (left, right) = rows, columns = crop_box(size, aspect, settings.crop)
        crop = Image.fromarray(np.asarray(full)[top:bottom, left:right])
        pixels = _resized(crop, (width, height), settings)
        original = _for_display(full)
        notes = [*picture.notes, *_geometry_notes(full, crop, pixels)]
        if settings.channels == 1 and not _is_grey(crop):
            notes.append("read its brightness alone, since the model reads grey pictures")
        if cells is not None:
            notes.append(
                f"made {grid_shape[0]} × {grid_shape[1]} elements of {height} × {width} pixels, each in the middle of "
                "what the model's convolution reads for it"
            )
        return ImageSample(
            name=shown,
            modality=self.name,
            content=settings.normalise(pixels),
            shape=grid_shape,
            seen=pixels if cells is None else _averaged(pixels, cells, grid_shape),
            original=np.array(original),
            box=(
                _scaled(_part(rows, cells and cells[0], height), original.height / full.height),
                _scaled(_part(columns, cells and cells[1], width), original.width / full.width),
            ),
            notes=tuple(notes),
            frame=picture.frame,
            frames=picture.frames,
        )

    def places(self, sample: Sample) -> Mapping[str, Float[np.ndarray, "..."]]:
        """The centres of rows and columns in pixels of the original, where pixel k covers k to k + 1."""
        rows, cols = (grid.centres(edges, n) for edges, n in zip(sample.box, sample.shape, strict=True))
        return {"rows": rows, "cols": cols}


def crop_box(size: tuple[int, int], shape: tuple[int, int], share: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """The centre crop of a picture (h, w) in the aspect of (H, W): ((top, bottom), (left, right)) in whole pixels.

    The largest box of that aspect, each side then cut to int(share * side), at an offset of
    ((rest) + 1) // 2; for a square grid that is the crop DeepMind's Perceivers were trained and evaluated with.
    """
    (h, w), (grid_h, grid_w) = size, shape
    sides = (h, h * grid_w // grid_h) if h * grid_w <= w * grid_h else (w * grid_h // grid_w, w)
    out = []
    for full, side in zip(size, sides, strict=True):
        kept = max(int(share * side), 1)
        start = (full - kept + 1) // 2
        out.append((start, start + kept))
    return out[0], out[1]


def _resized(crop: Image.Image, size: tuple[int, int], settings: ImageSettings) -> UInt8[np.ndarray, "H W 3"]:
    """The crop at (width, height) of the pixels that the model reads; made grey before it is resized."""
    if settings.channels == 3:
        return np.array(crop.resize(size, settings.resample))
    luma = np.array(crop.convert("L").resize(size, settings.resample))
    return np.repeat(luma[..., None], 3, axis=2)


def _is_grey(picture: Image.Image) -> bool:
    pixels = np.asarray(picture)
    return bool((pixels == pixels[..., :1]).all())


def _averaged(
    pixels: UInt8[np.ndarray, "H W 3"], cells: tuple[tuple[float, float], ...], shape: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """The pixels averaged over each cell, for display: one colour an element."""
    (top, bottom), (left, right) = cells
    height, width = pixels.shape[:2]
    box = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    return np.array(Image.fromarray(pixels).resize(shape[::-1], Image.Resampling.BOX, box=box))


def _part(interval: tuple[int, int], cells: tuple[float, float] | None, pixels: int) -> tuple[float, float]:
    """Where the cells lie on a crop that became this many pixels; the whole crop where every pixel is an element."""
    if cells is None:
        return interval
    scale = (interval[1] - interval[0]) / pixels
    return interval[0] + cells[0] * scale, interval[0] + cells[1] * scale


def _for_display(full: Image.Image) -> Image.Image:
    """The picture, its longest side brought down to what a screen shows; every pixel keeps its place exactly."""
    ratio = _DISPLAY / max(full.size)
    if ratio >= 1:
        return full
    width, height = (max(round(side * ratio), 1) for side in full.size)
    return full.resize((width, height), Image.Resampling.BOX)


def _geometry_notes(full: Image.Image, crop: Image.Image, seen: UInt8[np.ndarray, "H W 3"]) -> list[str]:
    notes = []
    if crop.size != full.size:
        seen_part = crop.width * crop.height / (full.width * full.height)
        notes.append(
            f"read the middle {crop.width:,} × {crop.height:,} of its {full.width:,} × {full.height:,} pixels, "
            f"{f'{100 * seen_part:.0f}' if seen_part >= 0.01 else 'less than 1'} % of the picture"
        )
    if abs(crop.width * seen.shape[0] / (crop.height * seen.shape[1]) - 1) > _SAME_ASPECT:
        notes.append(
            f"changed the aspect of {crop.width:,} × {crop.height:,} pixels to that of the {seen.shape[1]:,} × "
            f"{seen.shape[0]:,} that the model reads"
        )
    if crop.width < seen.shape[1] or crop.height < seen.shape[0]:
        notes.append(
            f"enlarged {crop.width:,} × {crop.height:,} pixels to the {seen.shape[1]:,} × {seen.shape[0]:,} that the "
            "model reads, which adds no detail"
        )
    return notes


def _scaled(interval: tuple[float, float], factor: float) -> tuple[float, float]:
    return interval[0] * factor, interval[1] * factor


def _shape(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2 or min(shape) < 1:
        raise ConfigError(f"input_shape is {shape}; an image needs (height, width)")
    return shape[0], shape[1]


MODALITY = ImageModality()
