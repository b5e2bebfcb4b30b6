"""Clips: a video file -> frames and sound as a model reads them together, and maps laid back on the frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from ...errors import ConfigError
from ...isolation.codec import as_tensor
from ...sample import Part, Sample
from ...validation import index_of
from .. import grid
from ..audio.decode import channel_number
from ..base import MEGABYTE, Box, Modality, check_size, printable
from ..description import Description
from ..options import settle, windowless
from ..video import MIDDLE
from ..video.file import ClipFile, Extent, examine, extent, input_errors
from ..video.scan import Scan
from ..video.window import FrameWindow, VideoSample, window_start
from . import DESCRIPTION
from .settings import ClipSettings
from .sound import Sound, window_sound

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, repr=False)
class ClipSample(VideoSample):
    """A `VideoSample` with the sound of the clip.

    shape is (M,): elements lie on the grids of `parts`, whose boxes are those of frames for "video",
    ((second, second),) for "audio", () for "label".

    sound      mono samples that the model reads, -1 to 1; zeros where there is none
    rate       samples a second of `sound`, Hz
    clip_rate  samples a second of the file's sound, Hz; 0 without any
    channels   of the file's sound; 0 without any
    """

    sound: Float32[np.ndarray, "samples"]
    rate: int
    clip_rate: int
    channels: int


@dataclass(frozen=True)
class AudiovisualModality(Modality):
    """Clips, read as (M,): frames cut to patches, sound cut to patches, one after the other.

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
    ) -> ClipSample:
        """Makes a sample of one window of a clip.

        shape       what `ClipSettings.shape` says of `preprocess`
        preprocess  the fields of `ClipSettings`
        options     "start": seconds at which the window begins, or "middle"; "channel": the channel of its sound that
                    is read, from 1, or "mix"

        The window is cut into as many equal parts as the model reads frames; each is the frame that is shown in the
        middle of its part. Frames are turned upright, centre-cropped and resized; content are values / 255 of their
        patches, and the samples of mono sound, -1 to 1. A clip without sound is read with silence.

        Raises InputError for whatever is wrong with the file or the options, ConfigError for a shape or setting that
        means nothing.
        """
        shown = printable(name)
        settings = _settings(preprocess, shape)
        chosen = settle(self.options, options or {})
        start, channel = chosen["start"], channel_number(chosen["channel"])
        check_size(data, shown, self.max_bytes, "a clip")
        file = examine(data, shown)
        with input_errors(file):
            clip = extent(file)
            begin = window_start(clip, settings.seconds, start, shown)
            frames, sound = _window(file, clip, begin, settings, channel)
        seen = frames.seen()
        original, box = frames.original()
        window = (begin, begin + settings.seconds)
        boxes: dict[str, Box] = {"audio": (window,), "video": (window, *box), "label": ()}
        return ClipSample(
            name=shown,
            modality=self.name,
            content=_content(seen, sound, settings),
            shape=settings.shape,
            parts=tuple(Part(part, grid_shape, boxes[part]) for part, grid_shape in settings.shapes.items()),
            seen=seen,
            original=original,
            box=(),
            notes=(*frames.notes(middle=start == MIDDLE), *sound.notes),
            sound=sound.waveform,
            rate=settings.rate,
            start=window[0],
            stop=window[1],
            duration=clip.seconds,
            times=frames.times,
            clip_rate=sound.rate,
            channels=sound.channels,
            padding=_padding(frames, sound, settings),
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
        """The windows of a whole clip, for predictions over time: iterate over them; `len()` tells how many there are.

        every    seconds from one window's start to the next; None puts them end to end
        options  "channel", as `read` takes it

        Raises InputError and ConfigError as `read` does, and InputError for an `every` that is not above 0.
        """
        shown = printable(name)
        settings = _settings(preprocess, shape)
        channel = channel_number(settle(windowless(self.options), options or {})["channel"])
        check_size(data, shown, self.max_bytes, "a clip")
        file = examine(data, shown)
        with input_errors(file):
            clip = extent(file)

        def content(begin: float) -> Float[Tensor, "M content"]:
            with input_errors(file):
                frames, sound = _window(file, clip, begin, settings, channel)
            return _content(frames.seen(), sound, settings)

        return Scan(clip, settings.seconds, every, content)

    def to_original(self, sample: Sample, values: Float[np.ndarray, "M"]) -> Float[np.ndarray, "frames h w"]:
        """Lays the video's part of a map on the original frames, nearest neighbour; NaN where there is no element.

        What lies on sound has no place there; `Sample.split` has it. Raises ValueError for a map of another shape.
        """
        if values.shape != sample.shape:
            raise ValueError(f"the map is {values.shape}, the input {sample.shape}")
        return grid.lay(sample.split(values)["video"], _on_frames(sample), sample.original.shape[:3])

    def element_at(self, sample: Sample, *index: int) -> int | None:
        """The input element that covers (frame, row, column) of the original frames; None outside the crop."""
        part, elements = _video(sample)
        found = grid.element_at(index, _on_frames(sample), part.shape, sample.original.shape[:3])
        return None if found is None else elements.start + found

    def box_of(self, sample: Sample, element: int) -> Box:
        """Where one input element lies: ((second, second), (row, row), (column, column)) of the original frames,
        ((second, second),) for sound, () for the label.

        Raises ConfigError for an element that does not exist.
        """
        index_of("input element", element, sum(part.count for part in sample.parts))
        first = 0
        for part in sample.parts:
            if element - first < part.count:
                return grid.box_of(element - first, part.box, part.shape) if part.box else ()
            first += part.count
        raise AssertionError("an index in range lies in some part")

    def places(self, sample: Sample) -> Mapping[str, Float[np.ndarray, "..."]]:
        """The centres of the elements of each part along its axes: "audio_time" and "video_time" in seconds of the
        clip, "video_rows" and "video_cols" in pixels of the original frames. The label lies nowhere."""
        names = {"audio": ("time",), "video": ("time", "rows", "cols"), "label": ()}
        return {
            f"{part.name}_{axis}": grid.centres(edges, count)
            for part in sample.parts
            for axis, edges, count in zip(names[part.name], part.box, part.shape, strict=False)
        }


def _settings(preprocess: Mapping[str, Any], shape: tuple[int, ...]) -> ClipSettings:
    settings = ClipSettings.of(preprocess)
    if shape != settings.shape:
        raise ConfigError(f"input_shape is {shape}; with these settings of preprocess a clip is {settings.shape}")
    return settings


def _window(
    file: ClipFile, clip: Extent, begin: float, settings: ClipSettings, channel: int | None
) -> tuple[FrameWindow, Sound]:
    """The frames and the sound of the window that begins so many seconds into a clip."""
    frames = FrameWindow.of(file, clip, begin, settings.seconds, settings.format)
    return frames, window_sound(file, clip.begin + begin, settings, channel)


def patches(frames: UInt8[np.ndarray, "T H W 3"], settings: ClipSettings) -> Float32[np.ndarray, "elements channels"]:
    """Frames as elements in [0, 1], row by row; in each its frames, rows, columns and colours, in this order."""
    t, p = settings.patch_frames, settings.patch
    count, height, width = settings.shapes["video"]
    cut = frames.reshape(count, t, height, p, width, p, 3).transpose(0, 2, 4, 1, 3, 5, 6)
    return cut.reshape(count * height * width, -1).astype(np.float32) / 255


def _content(seen: UInt8[np.ndarray, "T H W 3"], sound: Sound, settings: ClipSettings) -> Float[Tensor, "M content"]:
    width = settings.content_channels
    parts = {
        "audio": sound.waveform.reshape(-1, settings.samples_per_patch),
        "video": patches(seen, settings),
        "label": np.zeros((1, width), np.float32),
    }
    rows = [np.pad(parts[name], ((0, 0), (0, width - parts[name].shape[1]))) for name in settings.order]
    return as_tensor(np.concatenate(rows))


def _padding(frames: FrameWindow, sound: Sound, settings: ClipSettings) -> Bool[np.ndarray, "M"] | None:
    """The elements of frames after the end of the clip, and of sound where none was recorded; None without any."""
    shapes = settings.shapes
    video = frames.padding(shapes["video"])
    parts = {
        "audio": grid.uncovered(np.linspace(0, settings.seconds, shapes["audio"][0] + 1), sound.recorded),
        "video": np.zeros(math.prod(shapes["video"]), bool) if video is None else video.ravel(),
        "label": np.zeros(1, bool),
    }
    padding = np.concatenate([parts[name] for name in settings.order])
    return padding if padding.any() else None


def _video(sample: Sample) -> tuple[Part, slice]:
    found = sample.part("video")
    assert found is not None
    return found


def _on_frames(sample: Sample) -> Box:
    """The video's box with frames for seconds."""
    part, _ = _video(sample)
    return ((0.0, float(len(sample.original))), *part.box[1:])


MODALITY = AudiovisualModality()
