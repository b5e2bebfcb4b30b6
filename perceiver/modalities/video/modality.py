"""Videos: a video file -> the frames that a model reads, without their sound, and maps laid back on the frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float
from PIL import Image

from ...errors import ConfigError, InputError
from ...sample import Sample
from .. import grid
from ..base import MEGABYTE, Box, check_size, shortened
from ..description import Description
from ..image.settings import PixelSettings
from ..options import settle, windowless
from ..settings import check_names, number, pillow_filter
from . import DESCRIPTION, MIDDLE
from .file import examine, extent, input_errors
from .scan import Scan
from .window import FrameFormat, FrameWindow, VideoSample, overview, window_start

if TYPE_CHECKING:
    from torch import Tensor

# Pixels that a model may read of one window; 16 frames of 224 x 224 are 0.8 million.
_MOST = 60_000_000


@dataclass(frozen=True)
class VideoSettings(PixelSettings):
    """The preprocessing of a model of videos, whose shape says how many frames it reads and of which size.

    seconds   length of the window that the frames are spread over; None for all of the video
    resample  the filter that brings frames to the model's size
    """

    seconds: float | None = None
    resample: Image.Resampling = Image.Resampling.BILINEAR

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> VideoSettings:
        """The settings of a configuration. Raises ConfigError for unknown names and impossible values."""
        check_names(values, {field.name for field in fields(cls)}, "models of videos")
        seconds = None if values.get("seconds") is None else number(values, "seconds", 1.0)
        if seconds is not None and not seconds > 0:
            raise ConfigError(f"preprocess.seconds is {seconds:g}; it must be above 0, or null for the whole video")
        return cls(**cls.checked(values), seconds=seconds, resample=pillow_filter(values, "resample", "bilinear"))


@dataclass(frozen=True)
class VideoModality(grid.GridModality):
    """Videos, read as (frames, H, W, 3): frames spread evenly over a window, turned upright, cropped, resized.

    max_bytes  the largest file that is taken
    """

    description: ClassVar[Description] = DESCRIPTION
    max_bytes: int = 256 * MEGABYTE

    def read(
        self,
        data: bytes,
        name: str,
        *,
        shape: tuple[int, ...],
        preprocess: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
    ) -> VideoSample:
        """Makes a sample of one window of a video; its sound is not read.

        shape       (frames, H, W)
        preprocess  the fields of `VideoSettings`, all optional
        options     "start": seconds at which the window begins, or "middle"

        Content is ((rgb / 255 - mean) / std), one row a pixel, frame by frame and row by row. Raises InputError for
        whatever is wrong with the file or the options, ConfigError for a shape or setting that means nothing.
        """
        shown, settings = shortened(name), VideoSettings.of(preprocess)
        format_ = _format(shape, settings)
        start = settle(self.options, options or {})["start"]
        check_size(data, shown, self.max_bytes, "a video")
        file = examine(data, shown)
        with input_errors(file):
            clip = extent(file)
            begin = window_start(clip, settings.seconds or clip.seconds, start, shown)
            seconds = settings.seconds or clip.seconds - begin
            frames = FrameWindow.of(file, clip, begin, seconds, format_)
        seen, (original, box) = frames.seen(), frames.original()
        return VideoSample(
            name=shown,
            modality=self.name,
            content=settings.normalise(seen),
            shape=seen.shape[:3],
            seen=seen,
            original=original,
            box=((begin, begin + seconds), *box),
            notes=tuple(frames.notes(middle=start == MIDDLE)),
            start=begin,
            stop=begin + seconds,
            duration=clip.seconds,
            times=frames.times,
            thumbnails=overview(file, clip, seconds),
            padding=frames.padding(seen.shape[:3]),
        )

    def scan(
        self,
        data: bytes,
        name: str,
        *,
        shape: tuple[int, ...],
        preprocess: Mapping[str, Any],
        every: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Scan:
        """The windows of a whole video, for predictions over time: iterate over them; `len()` tells how many there are.

        every    seconds from one window's start to the next; None puts them end to end
        options  there are none for all windows

        Raises InputError and ConfigError as `read` does; InputError for an `every` that is not above 0, and for a model
        whose window is the whole video.
        """
        shown, settings = shortened(name), VideoSettings.of(preprocess)
        format_, seconds = _format(shape, settings), settings.seconds
        settle(windowless(self.options), options or {})
        if seconds is None:
            raise InputError(f"{shown} is read as one window, so there is nothing to scan along")
        check_size(data, shown, self.max_bytes, "a video")
        file = examine(data, shown)
        with input_errors(file):
            clip = extent(file)

        def content(begin: float) -> Float[Tensor, "M content"]:
            with input_errors(file):
                return settings.normalise(FrameWindow.of(file, clip, begin, seconds, format_).seen())

        return Scan(clip, seconds, every, content)

    def grid_box(self, sample: Sample) -> tuple[Box, tuple[int, ...]]:
        """The box with frames for seconds, and the size of the original frames (frames, h, w)."""
        size = sample.original.shape[:3]
        return ((0.0, float(size[0])), *sample.box[1:]), size

    def places(self, sample: Sample) -> Mapping[str, Float[np.ndarray, "..."]]:
        """The centres of the elements: "time" in seconds of the video, "rows" and "cols" in pixels of the original
        frames."""
        names = ("time", "rows", "cols")
        return {
            name: grid.centres(edges, count) for name, edges, count in zip(names, sample.box, sample.shape, strict=True)
        }


def _format(shape: tuple[int, ...], settings: VideoSettings) -> FrameFormat:
    if len(shape) != 3 or min(shape) < 1:
        raise ConfigError(f"input_shape is {shape}; a video needs (frames, height, width)")
    if math.prod(shape) > _MOST:
        raise ConfigError("input_shape describes a video larger than any model reads")
    return FrameFormat(shape[0], shape[1], shape[2], settings.resample, grey=settings.channels == 1)


MODALITY = VideoModality()
