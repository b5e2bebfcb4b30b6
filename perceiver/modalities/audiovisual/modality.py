"""Clips: a video file -> frames and sound as a model reads them together, and maps laid back on the frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from PIL import Image
from torch import Tensor

from ...errors import ConfigError, InputError
from ...sample import Part, Sample
from .. import grid
from ..base import MEGABYTE, Box, check_size, printable
from ..options import Option, settle
from .file import ClipFile, Extent, examine, extent, refusing
from .frames import Chosen, Shown, chosen
from .sample import ClipSample
from .scan import Scan
from .settings import ClipSettings
from .sound import Sound, sound_of

MIDDLE = "middle"
# Longest side of what is kept of the original frames for display.
_DISPLAY = 480
# Headers round, and count what is trimmed; by no more than these seconds.
_TOLERANCE = 0.5


@dataclass(frozen=True)
class AudiovisualModality:
    """Clips, read as (M,): frames cut to patches, sound cut to patches, one after the other.

    max_bytes  the largest file that is taken
    """

    name: str = "audiovisual"
    extensions: tuple[str, ...] = (
        *("mp4", "m4v", "mov", "3gp", "webm", "mkv", "avi", "mpg", "mpeg", "ts", "flv", "wmv", "ogv", "gif"),
    )
    max_bytes: int = 256 * MEGABYTE
    options: tuple[Option, ...] = (
        Option(
            name="start",
            default=MIDDLE,
            choices=(MIDDLE,),
            number=True,
            help="Seconds into the clip at which the model begins to read, or so that it reads the middle.",
        ),
    )

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
        options     "start": seconds at which the window begins, or "middle"

        The window is cut into as many equal parts as the model reads frames; each is the frame that is shown in the
        middle of its part. Frames are turned upright, centre-cropped and resized; content are values / 255 of their
        patches, and the samples of mono sound, -1 to 1. A clip without sound is read with silence.

        Raises InputError for whatever is wrong with the file or the options, ConfigError for a shape or setting that
        means nothing.
        """
        shown = printable(name)
        settings = _settings(preprocess, shape)
        start = settle(self.options, options or {})["start"]
        check_size(data, shown, self.max_bytes, "a clip")
        file = examine(data, shown)
        with refusing(file):
            clip = extent(file)
            begin = max((clip.seconds - settings.seconds) / 2, 0.0) if start == MIDDLE else float(start)
            if begin >= clip.seconds:
                raise InputError(f"{shown} is {clip.seconds:,.2f} s long, so a window cannot begin at {begin:,.2f} s")
            frames, sound, moments = _window(file, clip, begin, settings)
        seen = _read(frames, settings)
        original, box = _whole(frames, settings)
        notes = [
            *_window_notes(clip, settings, begin, middle=start == MIDDLE),
            *_frame_notes(clip, frames, settings, moments),
            *_picture_notes(frames.shown[0], settings),
            *sound.notes,
        ]
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
            notes=tuple(notes),
            sound=sound.waveform,
            rate=settings.rate,
            start=window[0],
            stop=window[1],
            duration=clip.seconds,
            times=np.array([frames.shown[i].time - clip.begin for i in frames.which], dtype=np.float64),
            clip_rate=sound.rate,
            channels=sound.channels,
        )

    def scan(
        self,
        data: bytes,
        name: str,
        *,
        shape: tuple[int, ...],
        preprocess: Mapping[str, Any],
        every: float | None = None,
    ) -> Scan:
        """The windows of a whole clip, for predictions over time: iterate over them; `len()` tells how many there are.

        every  seconds from one window's start to the next; None puts them end to end

        Raises InputError and ConfigError as `read` does, and InputError for an `every` that is not above 0.
        """
        shown = printable(name)
        settings = _settings(preprocess, shape)
        check_size(data, shown, self.max_bytes, "a clip")
        file = examine(data, shown)
        with refusing(file):
            clip = extent(file)

        def content(begin: float) -> Float[Tensor, "M content"]:
            with refusing(file):
                frames, sound, _ = _window(file, clip, begin, settings)
            return _content(_read(frames, settings), sound, settings)

        return Scan(clip, settings.seconds, every, content)

    def to_original(self, sample: Sample, values: Float[np.ndarray, "M"]) -> Float[np.ndarray, "frames h w"]:
        """Lays the video's part of a map on the original frames, nearest neighbour; NaN where the model saw nothing.

        What lies on sound has no place there; `Sample.split` has it. Raises ValueError for a map of another shape.
        """
        if values.shape != sample.shape:
            raise ValueError(f"the map is {values.shape}, the input {sample.shape}")
        return grid.lay(sample.split(values)["video"], _on_frames(sample), sample.original.shape[:3])

    def element_at(self, sample: Sample, *index: int) -> int | None:
        """The input element that covers (frame, row, column) of the original frames; None outside the crop."""
        part, first = _part(sample, "video")
        found = grid.element_at(index, _on_frames(sample), part.shape, sample.original.shape[:3])
        return None if found is None else first + found

    def box_of(self, sample: Sample, element: int) -> Box:
        """Where one input element lies: ((second, second), (row, row), (column, column)) of the original frames,
        ((second, second),) for sound, () for the label.

        Raises ValueError for an element that does not exist.
        """
        first = 0
        for part in sample.parts:
            if 0 <= element - first < part.count:
                return grid.box_of(element - first, part.box, part.shape) if part.box else ()
            first += part.count
        raise ValueError(f"there is no input element {element}; they run from 0 to {first - 1}")

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


def _window(file: ClipFile, clip: Extent, begin: float, settings: ClipSettings) -> tuple[Chosen, Sound, list[float]]:
    """The frames and the sound of the window that begins so many seconds into a clip, and the moments of the frames."""
    at = clip.begin + begin
    slot = settings.seconds / settings.frames
    moments = [at + (i + 0.5) * slot for i in range(settings.frames)]
    return chosen(file, clip, moments, at + settings.seconds), sound_of(file, at, settings), moments


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
    return torch.from_numpy(np.concatenate(rows))


def _read(frames: Chosen, settings: ClipSettings) -> UInt8[np.ndarray, "T H W 3"]:
    """The frames as the model reads them."""
    out = []
    for shown in frames.shown:
        (top, bottom), (left, right) = crop(shown, settings)
        size, box = (settings.width, settings.height), (left, top, right, bottom)
        out.append(np.asarray(Image.fromarray(shown.pixels).resize(size, settings.filter, box=box)))
    return np.stack(out)[list(frames.which)]


def _whole(frames: Chosen, settings: ClipSettings) -> tuple[UInt8[np.ndarray, "T h w 3"], Box]:
    """The whole frames for display, and where on them lies what the model reads."""
    first = frames.shown[0]
    height, width = first.pixels.shape[0], first.pixels.shape[1] * first.aspect
    ratio = min(_DISPLAY / max(height, width), 1.0)
    size = max(round(width * ratio), 1), max(round(height * ratio), 1)
    out = [np.asarray(Image.fromarray(one.pixels).resize(size, Image.Resampling.BOX)) for one in frames.shown]
    rows, columns = crop(first, settings)
    down, across = size[1] / first.pixels.shape[0], size[0] / first.pixels.shape[1]
    where = ((rows[0] * down, rows[1] * down), (columns[0] * across, columns[1] * across))
    return np.stack(out)[list(frames.which)], where


def crop(shown: Shown, settings: ClipSettings) -> tuple[tuple[int, int], tuple[int, int]]:
    """The centre crop of a frame, ((top, bottom), (left, right)) in its own pixels: the largest of the model's aspect
    where pixels are as wide as they are shown."""
    height, width = shown.pixels.shape[:2]
    aspect = settings.width / settings.height / shown.aspect  # in stored pixels
    sides = (min(height, int(width / aspect + 1e-6)), min(width, int(height * aspect + 1e-6)))
    out = []
    for full, side in zip((height, width), sides, strict=True):
        kept = max(side, 1)
        start = full // 2 - kept // 2
        out.append((start, start + kept))
    return out[0], out[1]


def _part(sample: Sample, name: str) -> tuple[Part, int]:
    """A part, and the number of its first element."""
    first = 0
    for part in sample.parts:
        if part.name == name:
            return part, first
        first += part.count
    raise ValueError(f"{sample.name} has no {name}")


def _on_frames(sample: Sample) -> Box:
    """The video's box with frames for seconds."""
    part, _ = _part(sample, "video")
    return ((0.0, float(len(sample.original))), *part.box[1:])


def _window_notes(clip: Extent, settings: ClipSettings, begin: float, *, middle: bool) -> Iterator[str]:
    there = clip.seconds - begin
    if clip.tracks > 1:
        yield f"used picture track 1 of {clip.tracks}"
    if clip.announced is not None and clip.announced > clip.seconds + _TOLERANCE:
        yield f"its pictures end after {clip.seconds:,.2f} s of the {clip.announced:,.2f} s that its header announces"
    elif not clip.whole:
        yield "its file is cut off or damaged at the end"
    if clip.seconds > settings.seconds:
        part = ", its middle" if middle else ""
        yield f"read {min(settings.seconds, there):,.2f} s of its {clip.seconds:,.2f} s, from {begin:,.2f} s on{part}"


def _frame_notes(clip: Extent, frames: Chosen, settings: ClipSettings, moments: list[float]) -> Iterator[str]:
    different = len(frames.shown)
    after = sum(moment > clip.end for moment in moments)
    if different == 1 and settings.frames > 1:
        yield f"its one frame there stands for all {settings.frames} that the model reads"
    elif after:
        yield f"repeated its last frame {after} time{'s' if after > 1 else ''}: the clip ends before the window does"
    elif different < settings.frames:
        yield f"repeated some of its {different} frames there to make the {settings.frames} that the model reads"
    elif frames.there > settings.frames:
        yield f"used {settings.frames} of its {frames.there} frames there, evenly"
    if frames.damaged:
        yield f"left out {frames.damaged:,} damaged piece{'s' if frames.damaged > 1 else ''} of its pictures"


def _picture_notes(first: Shown, settings: ClipSettings) -> Iterator[str]:
    yield from first.notes
    height, width = first.pixels.shape[:2]
    (top, bottom), (left, right) = crop(first, settings)
    rows, columns = bottom - top, right - left
    if (rows, columns) != (height, width):
        share = rows * columns / (height * width)
        yield f"read the middle {columns:,} x {rows:,} of its {width:,} x {height:,} pixels, {share:.0%} of the picture"
    if rows < settings.height or columns < settings.width:
        yield (
            f"enlarged {columns:,} x {rows:,} pixels to the {settings.width:,} x {settings.height:,} that the model "
            "reads, which adds no detail"
        )
