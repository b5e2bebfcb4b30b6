"""Shared functions for sounds: the fields of a sample, names of elements, rulers, and the window as a WAV file."""

from __future__ import annotations

import io
import wave
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float32, Float64

from perceiver.analysis.formatting import clock, hertz
from perceiver.plots.axes import Axis

from ..components import Grid, Ruler, Tick


class Sound(Protocol):
    """The fields of a sound sample that are shown."""

    shape: tuple[int, ...]
    seen: Float32[np.ndarray, "samples"]
    original: Float32[np.ndarray, "2 slices"]
    box: tuple[tuple[float, float], ...]
    rate: int
    start: float
    stop: float
    duration: float
    channels: int
    padding: Bool[np.ndarray, "..."] | None
    bands: Float64[np.ndarray, "mels"]


def grid(sound: Sound) -> Grid:
    """The elements, named by their centre in time and frequency, and as padding where nothing was recorded."""
    start, stop = sound.box[-1]
    count = sound.shape[-1]
    times = start + (np.arange(count) + 0.5) * (stop - start) / count
    absent = np.zeros(count, bool) if sound.padding is None else np.atleast_2d(sound.padding)[0]
    return Grid(
        rows=tuple(hertz(float(band)) for band in sound.bands) or ("",),
        columns=tuple(
            f"{'−' if time < 0 else ''}{clock(abs(float(time)), 3)}{', padding' if none else ''}"
            for time, none in zip(times, absent, strict=True)
        ),
    )


def ruler(axis: Axis) -> Ruler:
    """The ruler of an axis."""
    return Ruler(tuple(Tick(tick.place, tick.label) for tick in axis.ticks), axis.unit)


def wav(sound: Sound) -> bytes:
    """The input window as a 16-bit WAV file; values beyond full scale are clipped."""
    samples = np.rint(32767 * np.clip(sound.seen, -1, 1)).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()
