"""Left and bottom axes with ticks for pictures such as spectrograms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..analysis.formatting import clock
from .ticks import Tick, linear_steps

FREQUENCIES = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)
"""Octaves in Hz, as labelled along mel bands."""


CLOCK_STEPS = (10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600)
"""Seconds between the labels of a clip of minutes."""


@dataclass(frozen=True)
class Axis:
    """One axis: its ticks, at positions in [0, 1] from the left or from the top, and its unit as text."""

    ticks: tuple[Tick, ...]
    unit: str


@dataclass(frozen=True)
class Axes:
    """The axes of a picture; `left` is None if the height has no unit."""

    left: Axis | None
    bottom: Axis


def time_axis(start: float, stop: float, wanted: int = 4) -> Axis:
    """Ticks at round seconds between two times of a clip, approximately `wanted`; minutes and hours for long clips."""
    steps = _steps(start, stop, wanted)
    step = steps[1] - steps[0] if len(steps) > 1 else stop - start
    decimals = next(d for d in range(4) if d == 3 or abs(step * 10**d - round(step * 10**d)) < 1e-6)
    long = stop >= 60
    labels = [clock(s, decimals, minutes=True) if long else f"{s:.{decimals}f}" for s in steps]
    ticks = [Tick((s - start) / (stop - start), s, label) for s, label in zip(steps, labels, strict=True)]
    return Axis(tuple(ticks), "time (min:s)" if long else "time (s)")


def _steps(start: float, stop: float, wanted: int) -> tuple[float, ...]:
    """Multiples of a round step between two times: decimal steps below ten seconds, else fractions of 60."""
    raw = (stop - start) / wanted
    step = next((step for step in CLOCK_STEPS if step >= raw), 3600.0 * math.ceil(raw / 3600)) if raw > 5 else 0.0
    if not step:
        return linear_steps(start, stop, wanted)
    first, last = math.ceil(start / step - 1e-9), math.floor(stop / step + 1e-9)
    return tuple(k * step for k in range(first, last + 1))


def mel_axis(bands: Float[np.ndarray, "mels"], apart: float = 0.07) -> Axis:
    """Octaves along the rows of a spectrogram, from the centre frequencies of its bands, highest first.

    apart  minimum distance between two labels, as a share of the height; of closer octaves the higher one is kept
    """
    rows = (np.arange(len(bands)) + 0.5) / len(bands)
    ticks: list[Tick] = []
    for frequency in reversed(FREQUENCIES):
        if not bands[-1] <= frequency <= bands[0]:
            continue
        place = float(np.interp(frequency, bands[::-1], rows[::-1]))
        if not ticks or place - ticks[-1].place >= apart:
            ticks.append(Tick(place, frequency, f"{frequency / 1000:g}"))
    return Axis(tuple(ticks), "frequency (kHz)")
