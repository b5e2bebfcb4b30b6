"""The preprocessing of a model of clips, checked: what its `preprocess` holds and the shapes that follow from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from PIL import Image

from ...errors import ConfigError
from ..audio.settings import AudioSettings
from ..image.settings import PixelSettings
from ..settings import check_names, pillow_filter, whole
from ..video.window import FrameFormat

PARTS = ("audio", "video", "label")
# The settings of a spectrogram that follow from those of the clip.
_FROM_CLIP = {"features", "rate", "samples", "patch", "hop", "cells"}
# Numbers that a model may read of one clip; DeepMind's reads 2.4 million.
_MOST = 200_000_000


@dataclass(frozen=True)
class ClipSettings:
    """How a window of a clip becomes input elements.

    frames             that the model reads, evenly spaced over the window
    height, width      of a frame, pixels
    patch              pixels along the sides of an element
    patch_frames       frames in an element
    resample           how frames are brought to that size, a Pillow filter by name
    rate               sound, samples a second, Hz
    samples            of sound in the window: `samples / rate` seconds are its length
    samples_per_patch  samples an element; with a spectrogram those between its frames
    channels           of a frame: 3, or 1 for a model of grey frames
    mean, std          content of frames is (value / 255 - mean) / std, a number for each channel
    spectrogram        log-mel spectrogram in place of samples, an element a frame; None for samples as they are
    order              the parts of the input array, one after the other: sound, frames or both; "label" is one element
                       without content
    """

    frames: int = 16
    height: int = 224
    width: int = 224
    patch: int = 4
    patch_frames: int = 1
    resample: str = "bilinear"
    rate: int = 48_000
    samples: int = 30_720
    samples_per_patch: int = 16
    channels: int = 3
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    spectrogram: AudioSettings | None = None
    order: tuple[str, ...] = PARTS

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ClipSettings:
        """The settings of a configuration. Raises ConfigError for unknown names and impossible values."""
        known = {field.name for field in fields(cls)}
        check_names(values, known, "models of clips")
        pixels = PixelSettings.checked(values)
        counted = known - {"resample", "order", "spectrogram", *pixels}
        counts: dict[str, Any] = {name: whole(values, name, getattr(cls, name)) for name in counted}
        resample = pillow_filter(values, "resample", cls.resample)
        order = values.get("order", cls.order)
        order = tuple(order) if isinstance(order, list | tuple) else ()
        senses = {"audio", "video"} & set(order)
        if not senses or not set(order) <= set(PARTS) or len(set(order)) != len(order):
            raise ConfigError(
                f"preprocess.order is {values.get('order')!r}; it must be audio, video or both, and maybe label, each "
                "once"
            )
        settings = cls(**counts, **pixels, resample=resample.name.lower(), order=order)
        settings._check()
        return replace(settings, spectrogram=settings._spectrogram_of(values.get("spectrogram")))

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return self.samples / self.rate

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The grids of the parts by name, in their order."""
        every: dict[str, tuple[int, ...]] = {
            "audio": (self.samples // self.samples_per_patch,),
            "video": (self.frames // self.patch_frames, self.height // self.patch, self.width // self.patch),
            "label": (1,),
        }
        return {name: every[name] for name in self.order}

    @property
    def shape(self) -> tuple[int]:
        """(M,), all elements."""
        return (sum(math.prod(shape) for shape in self.shapes.values()),)

    @property
    def content_channels(self) -> int:
        """Content channels of an input element; those of the part that has fewer end in zeros."""
        return max(self.channels_of[name] for name in self.order)

    @property
    def channels_of(self) -> dict[str, int]:
        """Content channels of the elements of each part by name."""
        return {
            "audio": self.samples_per_patch if self.spectrogram is None else self.spectrogram.mels,
            "video": self.channels * self.patch * self.patch * self.patch_frames,
            "label": 0,
        }

    @property
    def format(self) -> FrameFormat:
        """The frames of a window."""
        filter_ = Image.Resampling[self.resample.upper()]
        return FrameFormat(self.frames, self.height, self.width, filter_, grey=self.channels == 1)

    def _spectrogram_of(self, values: Any) -> AudioSettings | None:
        if values is None:
            return None
        if not isinstance(values, Mapping) or _FROM_CLIP & set(values):
            raise ConfigError(
                "preprocess.spectrogram holds mels, n_fft, fmin, fmax, floor_db, mean, std and peak; the window "
                "and the distance of its frames are those of the clip"
            )
        window = {"rate": self.rate, "samples": self.samples, "hop": self.samples_per_patch}
        return AudioSettings.of({**values, **window, "features": "mel"})

    def _check(self) -> None:
        for name, total, part in (
            ("samples", self.samples, self.samples_per_patch),
            ("frames", self.frames, self.patch_frames),
            ("height", self.height, self.patch),
            ("width", self.width, self.patch),
        ):
            if total % part:
                raise ConfigError(f"preprocess.{name} is {total}; it must be a multiple of an element's {part}")
        if self.samples + 3 * self.frames * self.height * self.width > _MOST:
            raise ConfigError("preprocess describes a clip larger than any model reads")
