"""The preprocessing of an image model, checked: what its `preprocess` holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from ...errors import ConfigError
from ...isolation.codec import as_tensor
from ..settings import Interval, check_names, intervals, numbers, pillow_filter
from .colour import Colour

if TYPE_CHECKING:
    from torch import Tensor

# Pixels a side that a model may read.
_MOST_READ = 4096
FITS = ("crop", "square", "stretch")


@dataclass(frozen=True)
class PixelSettings:
    """How 8-bit RGB becomes content.

    channels   3, or 1 for a model of grey pictures
    mean, std  content is (value / 255 - mean) / std, a number for each channel
    """

    channels: int = 3
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    @staticmethod
    def checked(values: Mapping[str, Any]) -> dict[str, Any]:
        """These three settings of a configuration. Raises ConfigError for impossible values."""
        channels = values.get("channels", PixelSettings.channels)
        if type(channels) is not int or channels not in (1, 3):
            raise ConfigError(f"preprocess.channels is {channels!r}; it must be 3 (colour) or 1 (grey)")
        mean = numbers(values, "mean", PixelSettings.mean[:channels])
        std = numbers(values, "std", PixelSettings.std[:channels])
        if not min(std) > 0:
            raise ConfigError(f"preprocess.std is {std}; every value must be above 0")
        return {"channels": channels, "mean": mean, "std": std}

    def normalise(self, pixels: UInt8[np.ndarray, "*grid 3"]) -> Float[Tensor, "M channels"]:
        """Pixels as content, one row an element. Grey pixels have three equal channels, of which one is kept."""
        values = pixels.reshape(-1, 3)[:, : self.channels].astype(np.float32) / 255
        return as_tensor((values - np.array(self.mean, np.float32)) / np.array(self.std, np.float32))


@dataclass(frozen=True)
class ImageSettings(PixelSettings):
    """The preprocessing of an image model.

    crop        share of the shorter side that the centre crop keeps
    fit         what the share is of, and so what is resized to the model's size: "crop", the largest part of the
                model's aspect; "square", the largest square; "stretch", the whole picture
    resample    the filter that brings the crop to the model's size
    background  under transparent parts
    pixels      (H, W) of the picture that the model's elements are made of; None where a pixel is an element
    cells       where those elements lie on these pixels: ((start, stop) of rows, of columns)
    """

    crop: float = 1.0
    fit: str = "crop"
    resample: Image.Resampling = Image.Resampling.BICUBIC
    background: Colour = (255, 255, 255)
    pixels: tuple[int, int] | None = None
    cells: tuple[Interval, Interval] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ImageSettings:
        """The settings of a configuration. Raises ConfigError for unknown names and impossible values."""
        check_names(values, {field.name for field in fields(cls)}, "image models")
        out = cls(
            **cls.checked(values),
            crop=numbers(values, "crop", (cls.crop,))[0],
            fit=values.get("fit", cls.fit),
            resample=pillow_filter(values, "resample", "bicubic"),
            background=_bytes(numbers(values, "background", cls.background)),
            pixels=_pixels(values.get("pixels")),
            cells=intervals(values, "cells"),
        )
        if (out.pixels is None) != (out.cells is None):
            raise ConfigError("preprocess needs both pixels and cells, or neither")
        if not 0 < out.crop <= 1:
            raise ConfigError(
                f"preprocess.crop is {out.crop:g}; it is a share of the shorter side, above 0 and up to 1"
            )
        if out.fit not in FITS:
            raise ConfigError(f"preprocess.fit is {out.fit!r}; it must be one of {', '.join(FITS)}")
        return out


def _pixels(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    sides = list(value) if isinstance(value, list | tuple) else []
    if len(sides) != 2 or not all(isinstance(n, int) and 0 < n <= _MOST_READ for n in sides):
        raise ConfigError(f"preprocess.pixels is {value!r}; it must be (height, width), each up to {_MOST_READ:,}")
    return sides[0], sides[1]


def _bytes(values: tuple[float, ...]) -> Colour:
    if not all(v == int(v) and 0 <= v <= 255 for v in values):
        raise ConfigError(f"preprocess.background is {values}; it must be three whole numbers from 0 to 255")
    return int(values[0]), int(values[1]), int(values[2])
