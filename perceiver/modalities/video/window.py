"""One window of a clip: where it begins, its frames as a model and as people see them, and what was changed."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, UInt8
from PIL import Image

from ...errors import InputError
from ...sample import Part, Sample
from ..base import Box
from . import MIDDLE
from .file import ClipFile, Extent
from .frames import THUMBNAIL, Frame, SelectedFrames, select_frames, thumbnails

# Longest side of what is kept of the original frames for display.
_DISPLAY = 480
# Seconds that time stamps can be rounded by.
_ROUNDED = 1e-3
# Clips whose small pictures are kept in memory.
_CLIPS = 4


@dataclass(frozen=True, kw_only=True, repr=False)
class VideoSample(Sample):
    """A `Sample` with frames of a clip. Seconds count from the clip's first frame.

    seen are the frames that the model reads, (frames, H, W, 3) uint8; original the same frames whole, upright and
    with square pixels, (frames, h, w, 3) uint8. Boxes of frames are ((second, second), (row, row), (column, column)),
    in pixels of the original.

    start, stop  the window that was read; it can end after the clip
    duration     the whole clip
    times        when each frame that was read is first shown
    thumbnails   small pictures of the whole clip, evenly spread; none of a clip that is read whole, and of a file in
                 which pictures cannot be reached without decoding all before them
    """

    start: float
    stop: float
    duration: float
    times: Float64[np.ndarray, "frames"]
    thumbnails: UInt8[np.ndarray, "n h w 3"] = field(
        default_factory=lambda: np.zeros((0, *THUMBNAIL, 3), np.uint8), repr=False
    )

    def part(self, name: str) -> tuple[Part, slice] | None:
        """A part, and which input elements it holds; without its sound, a clip is one part, "video"."""
        if self.parts or name != "video":
            return super().part(name)
        whole = Part(name, self.shape, self.box)
        return whole, slice(0, whole.count)


@dataclass(frozen=True)
class FrameFormat:
    """The frames that a model reads of one window: how many, their size in pixels, the filter that resizes them, and
    whether they are made grey before that: three equal channels of luma (ITU-R 601)."""

    frames: int
    height: int
    width: int
    filter: Image.Resampling
    grey: bool = False


@dataclass(frozen=True)
class FrameWindow:
    """The frames of a window, cut into as many equal parts as the model reads frames: each is the frame that is shown
    in the middle of its part.

    begin    seconds into the clip
    seconds  length of the window
    frames   those that are shown in it
    moments  the middles of the parts, in seconds of the container's clock
    """

    clip: Extent
    begin: float
    seconds: float
    format: FrameFormat
    frames: SelectedFrames
    moments: tuple[float, ...]

    @classmethod
    def of(cls, file: ClipFile, clip: Extent, begin: float, seconds: float, format_: FrameFormat) -> FrameWindow:
        """Decodes the frames of a window. Raises DecodeError and InputError."""
        at, part = clip.begin + begin, seconds / format_.frames
        moments = [at + (i + 0.5) * part for i in range(format_.frames)]
        return cls(clip, begin, seconds, format_, select_frames(file, clip, moments, at + seconds), tuple(moments))

    @property
    def times(self) -> Float64[np.ndarray, "frames"]:
        """When each frame is first shown, in seconds of the clip."""
        return np.array([self.frames.shown[i].time - self.clip.begin for i in self.frames.which], dtype=np.float64)

    def padding(self, grid: tuple[int, ...]) -> Bool[np.ndarray, "steps rows columns"] | None:
        """The elements of a grid over the frames that are shown after the end of the clip alone; None without any."""
        past = np.array(self.moments).reshape(grid[0], -1).min(axis=1) > self.clip.end
        return np.broadcast_to(past[:, None, None], grid) if past.any() else None

    def seen(self) -> UInt8[np.ndarray, "frames H W 3"]:
        """The frames as the model reads them: centre-cropped and resized."""
        out = []
        for shown in self.frames.shown:
            (top, bottom), (left, right) = crop(shown, self.format)
            size, box = (self.format.width, self.format.height), (left, top, right, bottom)
            picture = Image.fromarray(shown.pixels)
            if self.format.grey:
                picture = picture.convert("L").convert("RGB")
            out.append(np.asarray(picture.resize(size, self.format.filter, box=box)))
        return np.stack(out)[list(self.frames.which)]

    def original(self) -> tuple[UInt8[np.ndarray, "frames h w 3"], Box]:
        """The whole frames for display, and the rows and columns of them that the model reads."""
        first = self.frames.shown[0]
        height, width = first.pixels.shape[0], first.pixels.shape[1] * first.aspect
        ratio = min(_DISPLAY / max(height, width), 1.0)
        size = max(round(width * ratio), 1), max(round(height * ratio), 1)
        frames = [
            np.asarray(Image.fromarray(one.pixels).resize(size, Image.Resampling.BOX)) for one in self.frames.shown
        ]
        rows, columns = crop(first, self.format)
        down, across = size[1] / first.pixels.shape[0], size[0] / first.pixels.shape[1]
        box = ((rows[0] * down, rows[1] * down), (columns[0] * across, columns[1] * across))
        return np.stack(frames)[list(self.frames.which)], box

    def notes(self, *, middle: bool) -> Iterator[str]:
        """What was changed, one sentence each; `middle` says whether the window was chosen to be the middle."""
        yield from self._window_notes(middle)
        yield from self._frame_notes()
        yield from self._pixel_notes()

    def _window_notes(self, middle: bool) -> Iterator[str]:
        clip, begin = self.clip, self.begin
        yield from clip.notes()
        if clip.seconds > self.seconds + _ROUNDED:
            part = ", its middle" if middle else ""
            there = min(self.seconds, clip.seconds - begin)
            yield f"read {there:,.2f} s of its {clip.seconds:,.2f} s, from {begin:,.2f} s on{part}"

    def _frame_notes(self) -> Iterator[str]:
        frames, wanted, different = self.frames, self.format.frames, len(self.frames.shown)
        after = sum(moment > self.clip.end for moment in self.moments)
        if different == 1 and wanted > 1:
            yield f"its one frame there stands for all {wanted} that the model reads"
        elif after:
            times = f"{after} time{'s' if after > 1 else ''}"
            yield f"repeated its last frame {times}: the clip ends before the window does"
        elif different < wanted:
            yield f"repeated some of its {different} frames there to make the {wanted} that the model reads"
        elif frames.there > wanted:
            yield f"used {wanted} of its {frames.there} frames there, evenly"
        if frames.damaged:
            yield f"left out {frames.damaged:,} damaged piece{'s' if frames.damaged > 1 else ''} of its pictures"

    def _pixel_notes(self) -> Iterator[str]:
        first, model = self.frames.shown[0], self.format
        yield from first.notes
        height, width = first.pixels.shape[:2]
        (top, bottom), (left, right) = crop(first, model)
        rows, columns = bottom - top, right - left
        if (rows, columns) != (height, width):
            share = f"{100 * rows * columns / (height * width):.0f} % of the picture"
            yield f"read the middle {columns:,} × {rows:,} of its {width:,} × {height:,} pixels, {share}"
        if model.grey and any((one.pixels != one.pixels[..., :1]).any() for one in self.frames.shown):
            yield "read its brightness alone, since the model reads grey pictures"
        if rows < model.height or columns < model.width:
            yield (
                f"enlarged {columns:,} × {rows:,} pixels to the {model.width:,} × {model.height:,} that the model "
                "reads, which adds no detail"
            )


_remembered: OrderedDict[bytes, UInt8[np.ndarray, "n h w 3"]] = OrderedDict()


def overview(file: ClipFile, clip: Extent, seconds: float) -> UInt8[np.ndarray, "n h w 3"]:
    """The small pictures of a clip that is longer than the window; made once for all choices of a window."""
    if clip.seconds <= seconds:
        return np.zeros((0, *THUMBNAIL, 3), np.uint8)
    digest = hashlib.sha256(file.data).digest()
    if digest not in _remembered:
        _remembered[digest] = thumbnails(file, clip)
        while len(_remembered) > _CLIPS:
            _remembered.popitem(last=False)
    return _remembered[digest]


def window_start(clip: Extent, seconds: float, start: Any, name: str) -> float:
    """The seconds into a clip at which a window begins: a number, or MIDDLE. Raises InputError where that is after the
    end."""
    begin = max((clip.seconds - seconds) / 2, 0.0) if start == MIDDLE else float(start)
    if begin >= clip.seconds:
        raise InputError(f"{name} is {clip.seconds:,.2f} s long, so a window cannot begin at {begin:,.2f} s")
    return begin


def crop(shown: Frame, model: FrameFormat) -> tuple[tuple[int, int], tuple[int, int]]:
    """The centre crop of a frame, ((top, bottom), (left, right)) in its own pixels: the largest of the model's aspect
    where pixels are as wide as they are shown."""
    height, width = shown.pixels.shape[:2]
    aspect = model.width / model.height / shown.aspect  # in stored pixels
    sides = (min(height, int(width / aspect + 1e-6)), min(width, int(height * aspect + 1e-6)))
    out = []
    for full, side in zip((height, width), sides, strict=True):
        kept = max(side, 1)
        start = full // 2 - kept // 2
        out.append((start, start + kept))
    return out[0], out[1]
