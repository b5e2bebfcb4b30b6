"""The preprocessing of a sound model, checked: what its `preprocess` holds and the shapes that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ...errors import ConfigError
from ..settings import Interval, check_names, intervals, number, whole

FEATURES = ("raw", "mel")


@dataclass(frozen=True)
class AudioSettings:
    """How a window of sound becomes input elements.

    features      "raw": patches of samples; "mel": one element a cell of a log-mel spectrogram
    rate          samples a second that the model reads, Hz
    samples       length of the window
    patch         raw: samples an element
    mels          mel: bands
    n_fft, hop    mel: length of a frame and distance between frames, samples
    fmin, fmax    mel: edges of the lowest and the highest band, Hz
    floor_db      mel: what is weaker counts as this; decibels of power, where 0 is a power of 1
    mean, std     content is (x - mean) / std, of amplitudes for raw and of decibels for mel
    cells         mel: where the elements of a model with a stem lie on the cells of the spectrogram: (start, stop) of
                  rows, of columns; None where every cell is an element
    peak          the window is scaled so that its largest magnitude is this; None leaves it as it is
    """

    features: str = "raw"
    rate: int = 16_000
    samples: int = 16_000
    patch: int = 128
    mels: int = 64
    n_fft: int = 512
    hop: int = 200
    fmin: float = 40.0
    fmax: float = 8000.0
    floor_db: float = -80.0
    mean: float = 0.0
    std: float = 1.0
    peak: float | None = 0.8
    cells: tuple[Interval, Interval] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> AudioSettings:
        """The settings of a configuration. Raises ConfigError for unknown names and impossible values."""
        check_names(values, {field.name for field in fields(cls)}, "sound models")
        if (features := values.get("features", cls.features)) not in FEATURES:
            raise ConfigError(f"preprocess.features is {features!r}; it must be one of {', '.join(FEATURES)}")
        settings = cls(
            features=str(features),
            rate=whole(values, "rate", cls.rate),
            samples=whole(values, "samples", cls.samples),
            patch=whole(values, "patch", cls.patch),
            mels=whole(values, "mels", cls.mels),
            n_fft=whole(values, "n_fft", cls.n_fft),
            hop=whole(values, "hop", cls.hop),
            fmin=number(values, "fmin", cls.fmin),
            fmax=number(values, "fmax", cls.fmax),
            floor_db=number(values, "floor_db", cls.floor_db),
            mean=number(values, "mean", cls.mean),
            std=number(values, "std", cls.std),
            peak=None if values.get("peak", cls.peak) is None else number(values, "peak", 0.8),
            cells=intervals(values, "cells"),
        )
        settings._check()
        return settings

    @property
    def shape(self) -> tuple[int, ...]:
        """The grid of input elements: (patches,) for raw, (mels, frames) for mel."""
        return (self.samples // self.patch,) if self.features == "raw" else (self.mels, self.frames)

    @property
    def content_channels(self) -> int:
        """Content channels of an input element."""
        return self.patch if self.features == "raw" else 1

    @property
    def frames(self) -> int:
        """Frames of the spectrogram: frame i is centred on sample i * hop, and every centre lies in the window."""
        return -(-self.samples // self.hop)

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return self.samples / self.rate

    @property
    def highest(self) -> float:
        """The highest frequency that the model reads, Hz."""
        return self.rate / 2 if self.features == "raw" else self.fmax

    def _check(self) -> None:
        if not self.std > 0:
            raise ConfigError(f"preprocess.std is {self.std:g}; it must be above 0")
        if self.peak is not None and not self.peak > 0:
            raise ConfigError(f"preprocess.peak is {self.peak:g}; it must be above 0, or null for no scaling")
        if self.features == "raw" and self.samples % self.patch:
            raise ConfigError(
                f"preprocess.samples is {self.samples}; it must be a multiple of the patch, {self.patch} samples"
            )
        if self.features == "raw" and self.cells is not None:
            raise ConfigError("preprocess.cells belongs to spectrograms; this model reads samples")
        if self.features == "mel" and self.n_fft < 2:
            raise ConfigError(f"preprocess.n_fft is {self.n_fft}; a frame needs at least 2 samples")
        if self.features == "mel" and not 0 <= self.fmin < self.fmax <= self.rate / 2:
            raise ConfigError(
                f"preprocess.fmin and fmax are {self.fmin:g} and {self.fmax:g}; they must rise, from 0 to half the "
                f"rate, {self.rate / 2:g}"
            )
