"""Drawing of audiovisual clips: frames with maps in rows, and below them the waveform over coloured columns."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, UInt8

from ...analysis.formatting import count
from .. import colour
from ..overlay import GREY_BAND, hatched, opacity, overlay
from ..scale import ColourRange
from .audio import GAP, STRIP, written
from .base import Drawable, colours_for, padding_of
from .frames import frames_shown, marked, over_frames, tiled

HEIGHT = 96
"""Height of the waveform in pixels, with the strip below it that shows the unblended colours."""


class AudiovisualDrawing:
    """Draws a sample from its `seen` (frames, H, W, 3), `sound`, `parts`, `split`, `start` and `stop` (`ClipSample`).

    Frames run from left to right, then down. A column of the waveform shows the mean of the elements within it.
    """

    modality = "audiovisual"
    over_input = True

    def given(self, sample: Drawable) -> UInt8[np.ndarray, "h w 3"]:
        """The frames and the waveform of the model's input."""
        frames = tiled(marked(frames_shown(sample.seen, _grid(sample)), _absent(sample, "video")))
        ground = np.full((HEIGHT, frames.shape[1], 3), GREY_BAND[0])
        return _over(frames, _silenced(sample, written(ground, sample.sound)))

    def map(
        self,
        sample: Drawable,
        values: Float[np.ndarray, "M"],
        range_: ColourRange,
        colours: str,
        strength: float | None,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """A map over the frames and the waveform; values on the label are not drawn."""
        parts, pictures = sample.split(np.asarray(values)), frames_shown(sample.seen, _grid(sample))
        frames = tiled(over_frames(pictures, parts["video"], range_, colours, strength, _absent(sample, "video")))
        unit = range_.apply(_columns(parts["audio"], frames.shape[1]))[None]
        painted = colour.paint(unit, colours_for(range_, colours))
        if strength is None:
            return _over(frames, _silenced(sample, np.repeat(painted, HEIGHT, axis=0)))
        ground = np.full_like(painted, round(GREY_BAND[0]))
        tinted = overlay(ground, painted, strength, opacity(unit, signed=range_.signed), grey=False).astype(np.float64)
        wave = written(np.repeat(tinted, HEIGHT - STRIP - GAP, axis=0), sample.sound)
        strip = _silenced(sample, np.repeat(painted, STRIP, axis=0))
        return _over(_over(frames, _silenced(sample, wave)), strip)

    def size(self, sample: Drawable) -> str:
        """Frames by pixels, and seconds of sound, as text."""
        frames, height, width = sample.seen.shape[:3]
        text = f"{count(frames)} frames of {width} × {height}, {sample.stop - sample.start:.3g} s sound"
        return text if padding_of(sample) is None else f"{text}; hatched: padding"


def _absent(sample: Drawable, part: str) -> Bool[np.ndarray, "..."] | None:
    """The elements of a part for which nothing was recorded; None where there are none."""
    padding = padding_of(sample)
    return None if padding is None else sample.split(padding)[part]


def _silenced(sample: Drawable, wave: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """The waveform or its strip with hatching over the columns without recorded sound."""
    absent = _absent(sample, "audio")
    if absent is None:
        return wave
    # A column that shows some sound is no padding.
    columns = _columns(absent.astype(np.float64), wave.shape[1]) >= 1
    return hatched(wave, np.broadcast_to(columns, wave.shape[:2]))


def _grid(sample: Drawable) -> tuple[int, int, int]:
    """The grid of the video's elements: steps in time, rows, columns."""
    steps, rows, columns = next(part.shape for part in sample.parts if part.name == "video")
    return steps, rows, columns


def _over(above: UInt8[np.ndarray, "h w 3"], below: UInt8[np.ndarray, "k w 3"]) -> UInt8[np.ndarray, "H w 3"]:
    gap = np.zeros((GAP, above.shape[1], 3), np.uint8)
    return np.concatenate([above, gap, below])


def _columns(values: Float[np.ndarray, "patches"], width: int) -> Float[np.ndarray, "width"]:
    """The mean of the elements in each column; with fewer elements than columns, the element that contains it."""
    edges = np.linspace(0, len(values), width + 1)
    starts = np.minimum(np.floor(edges[:-1] + 1e-9).astype(np.int64), len(values) - 1)
    if len(values) <= width:
        return values[np.minimum(((np.arange(width) + 0.5) * len(values) / width).astype(np.int64), len(values) - 1)]
    counts = np.diff(np.append(starts, len(values)))
    return np.add.reduceat(values, starts) / counts
