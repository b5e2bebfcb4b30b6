"""Sounds: a sound file -> the window a model reads, as patches of samples or as a log-mel spectrogram, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ...errors import ConfigError, InputError
from ...sample import Sample
from .. import grid
from ..base import MEGABYTE, Box, check_size, printable
from ..options import Option, settle
from .decode import SoundFile, examine
from .features import band_centres, content, spectrogram, to_peak
from .notes import of_clip, of_window
from .overview import Overview, overview
from .sample import AudioSample
from .scan import Scan
from .settings import AudioSettings
from .window import loudest, waveform

LOUDEST = "loudest"


@dataclass(frozen=True)
class AudioModality:
    """Sounds, read as (patches,) or (mels, frames): decoded, mixed to mono, cut to a window, resampled, scaled.

    max_bytes  the largest file that is taken
    """

    name: str = "audio"
    extensions: tuple[str, ...] = (
        *("wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "m4a", "aac", "aif", "aiff", "aifc", "caf", "au", "snd"),
        *("w64", "rf64", "amr", "wma", "webm", "weba", "mka", "mkv", "mp4", "m4v", "mov", "3gp", "avi", "flv", "ts"),
    )
    max_bytes: int = 512 * MEGABYTE
    options: tuple[Option, ...] = (
        Option(
            name="start",
            default=LOUDEST,
            choices=(LOUDEST,),
            number=True,
            help="Seconds into the sound at which the model begins to read, or its loudest part.",
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
    ) -> AudioSample:
        """Makes a sample of one window of a sound file, or of the sound track of a video.

        shape       what `AudioSettings.shape` says of `preprocess`
        preprocess  the fields of `AudioSettings`
        options     "start": seconds at which the window begins, or "loudest": the window that holds the most energy,
                    beginning 50 ms before its first onset

        Raises InputError for whatever is wrong with the file or the options, ConfigError for a shape or setting that
        means nothing.
        """
        settings = _settings(preprocess, shape)
        start = settle(self.options, options or {})["start"]
        file, clip = self._open(data, name)
        seconds = loudest(clip, settings.seconds) if start == LOUDEST else float(start)
        first = round(seconds * clip.rate)
        if first >= clip.frames:
            raise InputError(f"{file.name} is {clip.seconds:,.2f} s long, so a window cannot begin at {seconds:,.2f} s")
        window = waveform(file, clip, first, settings)
        begin = first / clip.rate
        batch = torch.from_numpy(window)[None]
        seen = to_peak(batch, settings)
        mel = settings.features == "mel"
        return AudioSample(
            name=file.name,
            modality=self.name,
            content=content(batch, settings)[0],
            shape=settings.shape,
            seen=seen[0].numpy(),
            original=clip.envelope,
            box=_box(settings, begin),
            notes=(*of_clip(clip, settings), *of_window(clip, settings, begin, window, loudest=start == LOUDEST)),
            rate=settings.rate,
            start=begin,
            stop=begin + settings.seconds,
            duration=clip.seconds,
            clip_rate=clip.rate,
            channels=clip.channels,
            features=settings.features,
            bands=band_centres(settings) if mel else np.empty(0),
            spectrogram=spectrogram(seen, settings)[0].numpy() if mel else np.empty((0, 0), np.float32),
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
        settings = _settings(preprocess, shape)
        return Scan(*self._open(data, name), settings, every)

    def to_original(self, sample: Sample, values: Float[np.ndarray, "*grid"]) -> Float[np.ndarray, "*size"]:
        """Lays a map on the slices of the whole clip, (slices,) for raw and (mels, slices) for mel; NaN elsewhere.

        A slice takes the value of the element its centre lies in; a window thinner than a slice takes the whole slice.
        Raises ValueError for a map of another shape.
        """
        if values.shape != sample.shape:
            raise ValueError(f"the map is {values.shape}, the input {sample.shape}")
        return grid.lay(values, _in_slices(sample), _size(sample))

    def element_at(self, sample: Sample, *index: int) -> int | None:
        """The input element that covers (slice,) of the clip for raw, (row, slice) for mel; None outside the window."""
        return grid.element_at(index, _in_slices(sample), sample.shape, _size(sample))

    def box_of(self, sample: Sample, element: int) -> Box:
        """What one input element covers: ((second, second),) for raw, ((row, row), (second, second)) for mel.

        Raises ValueError for an element that does not exist.
        """
        return grid.box_of(element, sample.box, sample.shape)

    def places(self, sample: Sample) -> Mapping[str, Float[np.ndarray, "..."]]:
        """The centres of the elements: "time" in seconds of the clip; for mel "frequency" in hertz, highest first."""
        times = grid.centres(sample.box[-1], sample.shape[-1])
        if len(sample.shape) == 1:
            return {"time": times}
        assert isinstance(sample, AudioSample)
        return {"frequency": sample.bands, "time": times}

    def _open(self, data: bytes, name: str) -> tuple[SoundFile, Overview]:
        shown = printable(name)
        check_size(data, shown, self.max_bytes, "a sound")
        file = examine(data, shown)
        return file, overview(file)


def _settings(preprocess: Mapping[str, Any], shape: tuple[int, ...]) -> AudioSettings:
    settings = AudioSettings.of(preprocess)
    if shape != settings.shape:
        raise ConfigError(f"input_shape is {shape}; with these settings of preprocess a sound is {settings.shape}")
    return settings


def _box(settings: AudioSettings, start: float) -> Box:
    if settings.features == "raw":
        return ((start, start + settings.seconds),)
    half = settings.hop / settings.rate / 2
    return ((0.0, float(settings.mels)), (start - half, start - half + settings.frames * settings.hop / settings.rate))


def _size(sample: Sample) -> tuple[int, ...]:
    return (*sample.shape[:-1], sample.original.shape[1])


def _in_slices(sample: Sample) -> Box:
    """The sample's box with slices of the clip for seconds."""
    assert isinstance(sample, AudioSample)
    slices = sample.original.shape[1] / sample.duration
    *rows, (begin, end) = sample.box
    return (*rows, (begin * slices, end * slices))
