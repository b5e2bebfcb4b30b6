"""Sounds: a sound file -> the window a model reads, as patches of samples or as a log-mel spectrogram, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from ...errors import ConfigError, InputError
from ...sample import Sample
from .. import grid
from ..base import MEGABYTE, Box, check_size, shortened
from ..description import Description
from ..options import settle, windowless
from . import DESCRIPTION, LOUDEST
from .decode import SoundFile, channel_number, examine
from .features import band_centres, content, spectrogram, to_peak
from .overview import Overview, overview
from .scan import Scan
from .settings import AudioSettings
from .window import clip_notes, loudest, waveform, window_notes


@dataclass(frozen=True)
class AudioModality(grid.GridModality):
    """Sounds, read as (patches,) or (mels, frames): decoded, mixed to mono, cut to a window, resampled, scaled.

    max_bytes  the largest file that is taken
    """

    description: ClassVar[Description] = DESCRIPTION
    max_bytes: int = 512 * MEGABYTE

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

        shape       what `AudioSettings.shape` says of `preprocess`; with `cells` the grid that the model's stem makes
        preprocess  the fields of `AudioSettings`
        options     "start": seconds at which the window begins, or "loudest": the window that holds the most energy,
                    beginning 50 ms before its first onset; "channel": the channel that is read, from 1, or "mix"

        Raises InputError for whatever is wrong with the file or the options, ConfigError for a shape or setting that
        means nothing.
        """
        import torch

        settings = _settings(preprocess, shape)
        chosen = settle(self.options, options or {})
        start = chosen["start"]
        file, clip = self._open(data, name, chosen["channel"])
        seconds = loudest(clip, settings.seconds) if start == LOUDEST else float(start)
        first = round(seconds * clip.rate)
        if first >= clip.frames:
            raise InputError(f"{file.name} is {clip.seconds:,.2f} s long, so a window cannot begin at {seconds:,.2f} s")
        window = waveform(file, clip, first, settings)
        begin = first / clip.rate
        box = _box(settings, shape, begin)
        batch = torch.from_numpy(window)[None]
        seen = to_peak(batch, settings)
        mel = settings.features == "mel"
        bands = band_centres(settings) if mel else np.empty(0)
        shown = spectrogram(seen, settings)[0].numpy() if mel else np.empty((0, 0), np.float32)
        if settings.cells is not None:
            rows, columns = (
                grid.cell_weights(cell, count, size)
                for cell, count, size in zip(settings.cells, shape, shown.shape, strict=True)
            )
            # Bands are spaced evenly in mel, nearly by octaves: a row of several lies at their geometric mean.
            bands, shown = np.exp(rows @ np.log(bands)), (rows @ shown @ columns.T).astype(np.float32)
        return AudioSample(
            name=file.name,
            modality=self.name,
            content=content(batch, settings)[0],
            shape=shape,
            seen=seen[0].numpy(),
            original=clip.envelope,
            box=box,
            padding=_padding(clip, box, shape),
            notes=(*clip_notes(clip, settings), *window_notes(clip, settings, begin, window, loudest=start == LOUDEST)),
            rate=settings.rate,
            start=begin,
            stop=begin + settings.seconds,
            duration=clip.seconds,
            clip_rate=clip.rate,
            channels=clip.channels,
            features=settings.features,
            bands=bands,
            spectrogram=shown,
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
        settings = _settings(preprocess, shape)
        chosen = settle(windowless(self.options), options or {})
        return Scan(*self._open(data, name, chosen["channel"]), settings, every)

    def grid_box(self, sample: Sample) -> tuple[Box, tuple[int, ...]]:
        """The box in slices of the whole clip, and (slices,) for raw, (mels, slices) for mel. A window thinner than a
        slice takes the whole slice."""
        assert isinstance(sample, AudioSample)
        slices = sample.original.shape[1] / sample.duration
        *rows, (begin, end) = sample.box
        return (*rows, (begin * slices, end * slices)), (*sample.shape[:-1], sample.original.shape[1])

    def places(self, sample: Sample) -> Mapping[str, Float[np.ndarray, "..."]]:
        """The centres of the elements: "time" in seconds of the clip; for mel "frequency" in hertz, highest first."""
        times = grid.centres(sample.box[-1], sample.shape[-1])
        if len(sample.shape) == 1:
            return {"time": times}
        assert isinstance(sample, AudioSample)
        return {"frequency": sample.bands, "time": times}

    def _open(self, data: bytes, name: str, channel: str | float) -> tuple[SoundFile, Overview]:
        shown = shortened(name)
        check_size(data, shown, self.max_bytes, "a sound")
        file = examine(data, shown, channel_number(channel))
        return file, overview(file)


def _settings(preprocess: Mapping[str, Any], shape: tuple[int, ...]) -> AudioSettings:
    settings = AudioSettings.of(preprocess)
    if settings.cells is not None:
        if len(shape) != len(settings.cells):
            raise ConfigError(f"input_shape is {shape}; elements that lie on cells of a spectrogram have two axes")
    elif shape != settings.shape:
        raise ConfigError(f"input_shape is {shape}; with these settings of preprocess a sound is {settings.shape}")
    return settings


def _box(settings: AudioSettings, shape: tuple[int, ...], start: float) -> Box:
    if settings.features == "raw":
        return ((start, start + settings.seconds),)
    hop = settings.hop / settings.rate
    first, last = settings.cells[1] if settings.cells is not None else (0, settings.frames)
    return ((0.0, float(shape[0])), (start + (first - 0.5) * hop, start + (last - 0.5) * hop))


def _padding(clip: Overview, box: Box, shape: tuple[int, ...]) -> Bool[np.ndarray, "..."] | None:
    """The elements before the clip, after it and in its gaps; None where there are none."""
    absent = grid.uncovered(np.linspace(*box[-1], shape[-1] + 1), clip.recorded)
    return np.broadcast_to(absent, shape) if absent.any() else None


@dataclass(frozen=True, kw_only=True, repr=False)
class AudioSample(Sample):
    """A `Sample` of sound. Seconds count from the beginning of the clip.

    seen is the mono window at `rate`, (samples,), scaled as the model reads it; original the lowest and highest value
    of up to 2,000 equal slices of the whole clip, (2, slices). box is ((from, to),) in seconds for raw samples and
    ((0, rows), (from, to)) in rows and seconds for a spectrogram, whose frames are centred on their time, so that the
    first begins half a hop before `start`.

    rate         samples a second that the model reads, Hz
    start, stop  the window that was read; it can end after the clip, with silence
    duration     the whole clip, as it was decoded
    clip_rate    samples a second of the file, Hz
    channels     of the file
    features     "raw" or "mel"
    bands        centre frequencies of the rows in Hz, highest first; empty for raw
    spectrogram  decibels of power as read, highest band first, the mean over each element of several cells; (0, 0) for
                 raw
    """

    rate: int
    start: float
    stop: float
    duration: float
    clip_rate: int
    channels: int
    features: str
    bands: Float64[np.ndarray, "mels"]
    spectrogram: Float32[np.ndarray, "mels frames"]


MODALITY = AudioModality()
