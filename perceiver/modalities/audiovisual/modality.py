"""Clips: a video file -> frames and sound as a model reads them together, and maps laid back on the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
from ..base import MEGABYTE, Box, Modality, check_size, shortened
from ..description import Description
from ..options import settle, windowless
from ..video import MIDDLE
from ..video.file import ClipFile, Extent, examine, extent, input_errors
from ..video.scan import Scan
from ..video.window import FrameWindow, VideoSample, overview, window_start
from . import DESCRIPTION
from .content import content
from .settings import ClipSettings
from .sound import NO_SOUND, Sound, has_sound, window_sound

if TYPE_CHECKING:
    from torch import Tensor


# Seconds by which the sound of a clip often begins before its pictures.
_EARLY = 0.5


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
        middle of its part. Frames are turned upright, centre-cropped and resized; `content` says what becomes of them
        and of mono sound. A clip without sound is read with silence. Where the model reads frames or sound alone, the
        other is decoded for display.

        Raises InputError for whatever is wrong with the file or the options, ConfigError for a shape or setting that
        means nothing.
        """
        shown = shortened(name)
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
        boxes: dict[str, Box] = {"audio": (_heard(begin, settings),), "video": (window, *box), "label": ()}
        return ClipSample(
            name=shown,
            modality=self.name,
            content=_content(seen, sound, settings),
            shape=settings.shape,
            parts=tuple(Part(part, grid_shape, boxes[part]) for part, grid_shape in settings.shapes.items()),
            seen=seen,
            original=original,
            box=(),
            notes=tuple(_notes(frames, sound, settings, middle=start == MIDDLE)),
            sound=sound.waveform,
            rate=settings.rate,
            start=window[0],
            stop=window[1],
            duration=clip.seconds,
            times=frames.times,
            thumbnails=overview(file, clip, settings.seconds),
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
        shown = shortened(name)
        settings = _settings(preprocess, shape)
        channel = channel_number(settle(windowless(self.options), options or {})["channel"])
        check_size(data, shown, self.max_bytes, "a clip")
        file = examine(data, shown)
        with input_errors(file):
            clip = extent(file)
            lacks_sound = "audio" in settings.order and not has_sound(file)

        def window(begin: float) -> Float[Tensor, "M content"]:
            with input_errors(file):
                frames, sound = _window(file, clip, begin, settings, channel)
            return _content(frames.seen(), sound, settings)

        return Scan(clip, settings.seconds, every, window, (NO_SOUND,) if lacks_sound else ())

    def to_original(self, sample: Sample, values: Float[np.ndarray, "M"]) -> Float[np.ndarray, "frames h w"]:
        """Lays the video's part of a map on the original frames, nearest neighbour; NaN where there is no element.

        What lies on sound has no place there; `Sample.split` has it. Raises ValueError for a map of another shape.
        """
        if values.shape != sample.shape:
            raise ValueError(f"the map is {values.shape}, the input {sample.shape}")
        size, there = sample.original.shape[:3], sample.part("video")
        if there is None:
            return np.full(size, np.nan)
        return grid.lay(sample.split(values)["video"], _on_frames(sample, there[0]), size)

    def element_at(self, sample: Sample, *index: int) -> int | None:
        """The input element that covers (frame, row, column) of the original frames; None outside the crop."""
        there = sample.part("video")
        if there is None:
            return None
        part, elements = there
        found = grid.element_at(index, _on_frames(sample, part), part.shape, sample.original.shape[:3])
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


def read_window(
    data: bytes, name: str, settings: ClipSettings, begin: Callable[[float], float]
) -> tuple[UInt8[np.ndarray, "T H W channels"], Float32[np.ndarray, "samples"]]:
    """The frames and the mono sound of one window of a clip as `content` takes them; for training.

    begin  given the seconds of the clip, those at which the window begins

    Raises InputError for a file that cannot be read.
    """
    file = examine(data, name)
    with input_errors(file):
        clip = extent(file)
        frames, sound = _window(file, clip, begin(clip.seconds), settings, None)
    return frames.seen()[..., : settings.channels], sound.waveform


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


def _content(seen: UInt8[np.ndarray, "T H W 3"], sound: Sound, settings: ClipSettings) -> Float[Tensor, "M content"]:
    # Grey frames have three equal channels, of which one is kept.
    return as_tensor(content(seen[None, ..., : settings.channels], sound.waveform[None], settings)[0])


def _heard(begin: float, settings: ClipSettings) -> tuple[float, float]:
    """The seconds that the elements of sound cover; frames of a spectrogram are centred on their time, so that the
    first begins half of their distance before the window."""
    early = settings.samples_per_patch / settings.rate / 2 if settings.spectrogram else 0.0
    return begin - early, begin - early + settings.seconds


def _notes(frames: FrameWindow, sound: Sound, settings: ClipSettings, *, middle: bool) -> Iterator[str]:
    """What was changed in what the model reads."""
    if "video" in settings.order:
        yield from frames.notes(middle=middle)
    else:
        yield "the model reads its sound alone; its frames are shown only"
    if "audio" in settings.order:
        if sound.begin is not None and (early := frames.clip.begin - sound.begin) > _EARLY:
            yield f"its sound begins {early:,.2f} s before its pictures; what comes before them is not read"
        yield from sound.notes
    else:
        yield "the model reads its frames alone, without the sound"


def _padding(frames: FrameWindow, sound: Sound, settings: ClipSettings) -> Bool[np.ndarray, "M"] | None:
    """The elements of frames after the end of the clip, and of sound where none was recorded; None without any."""
    absent = []
    for name, shape in settings.shapes.items():
        if name == "video":
            past = frames.padding(shape)
            absent.append(np.zeros(shape, bool).ravel() if past is None else past.ravel())
        elif name == "audio":
            absent.append(grid.uncovered(np.linspace(*_heard(0.0, settings), shape[0] + 1), sound.recorded))
        else:
            absent.append(np.zeros(shape, bool))
    padding = np.concatenate(absent)
    return padding if padding.any() else None


def _on_frames(sample: Sample, part: Part) -> Box:
    """The video's box with frames for seconds."""
    return ((0.0, float(len(sample.original))), *part.box[1:])


MODALITY = AudiovisualModality()
