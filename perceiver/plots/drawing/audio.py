"""Drawing of audio: waveforms over coloured columns, or log-mel spectrograms; time runs to the right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, UInt8

from .. import colour
from ..axes import Axes, mel_axis, time_axis
from ..overlay import GREY_BAND, hatched, laid_over
from ..scale import ColourRange
from .base import Drawable, GridDrawing, absent_of, colours_for, padding_of

DECIBELS = (-80.0, 20.0)
"""The levels of black and white in a spectrogram; fixed, so that silence is always black."""

WIDTH, HEIGHT = 500, 192
"""Approximate size of a waveform's picture in pixels; each patch has a whole number of columns."""

STRIP, GAP = 28, 4
"""Height of the strip under a waveform that shows each patch's unblended colour, and the gap above it."""

LINE = 0.6
"""Blend of a waveform's line from its column's colour towards white, or towards black for bright colours: the line is
visible everywhere, and loud passages still show the colours."""


class AudioDrawing(GridDrawing):
    """Draws a sample from its `features`, `seen`, `start`, `stop`, `spectrogram` and `bands` (`AudioSample`).

    Raw: element i is a column over the samples of its patch. Mel: one pixel is one cell, row 0 is the highest band.
    Elements of `padding` are hatched in place of the sound and of every map.
    """

    modality = "audio"
    over_input = True

    def given(self, sample: Drawable) -> UInt8[np.ndarray, "h w 3"]:
        """The window of the model's input: amplitudes from 1 to -1, or decibels in grey."""
        if sample.features == "mel":
            return _marked(sample, _greys(sample.spectrogram))
        ground = np.full((HEIGHT, _width(sample), 3), GREY_BAND[0])
        return _marked(sample, written(ground, sample.seen))

    def map(
        self,
        sample: Drawable,
        values: Float[np.ndarray, "*shape"],
        range_: ColourRange,
        colours: str,
        strength: float | None,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """A map over the window. A strip under a waveform repeats the exact colours of the colour bar."""
        unit = range_.apply(values)
        rows = np.atleast_2d(unit)
        chosen = colours_for(range_, colours)
        painted = colour.paint(rows, chosen)
        if sample.features == "mel":
            if strength is None:
                return _marked(sample, painted)
            greys = _greys(sample.spectrogram)
            return _marked(sample, laid_over(greys, rows, chosen, strength, signed=range_.signed))
        columns = np.repeat(painted, _width(sample) // rows.shape[1], axis=1)
        if strength is None:
            return _marked(sample, np.repeat(columns, HEIGHT, axis=0))
        ground = np.full_like(painted, round(GREY_BAND[0]))
        tinted = laid_over(ground, rows, chosen, strength, signed=range_.signed)
        tinted = np.repeat(tinted, _width(sample) // rows.shape[1], axis=1).astype(np.float64)
        wave = _marked(sample, written(np.repeat(tinted, HEIGHT - STRIP - GAP, axis=0), sample.seen))
        gap = np.zeros((GAP, *columns.shape[1:]), dtype=np.uint8)
        return np.concatenate([wave, gap, _marked(sample, np.repeat(columns, STRIP, axis=0))])

    def axes(self, sample: Drawable) -> Axes:
        """Seconds along the bottom, with a word on padding; kilohertz along the side of a spectrogram."""
        time = time_axis(*sample.box[-1])
        if padding_of(sample) is not None:
            time = replace(time, unit=f"{time.unit}; hatched: padding")
        return Axes(mel_axis(sample.bands) if sample.features == "mel" else None, time)

    def size(self, sample: Drawable) -> str:
        """Seconds, with the patches of samples or the bands by frames, as text."""
        seconds, padding = sample.stop - sample.start, padding_of(sample)
        filled = "" if padding is None else f", {padding.mean() * seconds:.3g} s of it padding"
        if sample.features == "mel":
            mels, frames = sample.spectrogram.shape
            return f"{seconds:.3g} s in {mels} mel bands × {frames} frames{filled}"
        patches = sample.shape[0]
        return f"{seconds:.3g} s in {patches} patches of {len(sample.seen) // patches} samples{filled}"


def _marked(sample: Drawable, picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """The picture with hatching over padding and over elements taken out of the input array."""
    absent = absent_of(sample)
    if absent is None:
        return picture
    cells = np.atleast_2d(absent)
    height, width = (of // by for of, by in zip(picture.shape, cells.shape, strict=False))
    return hatched(picture, cells.repeat(height, axis=0).repeat(width, axis=1))


def _width(sample: Drawable) -> int:
    patches = int(sample.shape[0])
    return patches * max(1, round(WIDTH / patches))


def _greys(spectrogram: Float[np.ndarray, "mels frames"]) -> UInt8[np.ndarray, "mels frames 3"]:
    low, high = DECIBELS
    grey = np.rint(255 * np.clip((spectrogram - low) / (high - low), 0, 1)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def written(ground: Float[np.ndarray, "h w 3"], waveform: Float[np.ndarray, "samples"]) -> UInt8[np.ndarray, "h w 3"]:
    """The waveform on columns of colour."""
    luma = ground[0] @ np.array([0.2126, 0.7152, 0.0722])
    line = np.where(luma > 120, 0.0, 255.0)[:, None]
    covered = LINE * _coverage(waveform, *ground.shape[:2])[..., None]
    return np.rint(ground + (line - ground) * covered).astype(np.uint8)


def _coverage(waveform: Float[np.ndarray, "samples"], height: int, width: int) -> Float[np.ndarray, "height width"]:
    """How far each pixel is covered by the line from the lowest to the highest sample of its column."""
    edges = np.linspace(0, len(waveform), width + 1).round().astype(np.int64)
    starts = np.minimum(edges[:-1], len(waveform) - 1)
    low, high = (reach.reduceat(waveform.astype(np.float64), starts) for reach in (np.minimum, np.maximum))
    # Neighbouring columns connect: each includes the first sample of the next.
    after = np.append(waveform[starts[1:]], waveform[-1])
    low, high = np.minimum(low, after), np.maximum(high, after)
    top, bottom = (height * (1 - np.clip(level, -1, 1)) / 2 for level in (high, low))
    middle, reach = (top + bottom) / 2, np.maximum(bottom - top, 1.5) / 2
    rows = np.arange(height)[:, None]
    return np.clip(np.minimum(middle + reach, rows + 1) - np.maximum(middle - reach, rows), 0, 1)
