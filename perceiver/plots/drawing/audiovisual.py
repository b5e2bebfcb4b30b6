"""Drawing of audiovisual clips: frames with maps in rows, and below them the waveform over coloured columns."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8

from ...analysis.formatting import count
from ..scale import ColourRange
from .audio import GAP, WIDTH
from .base import Drawable, absent_of, padding_of
from .clip import NO_PLACE, applies, moved_frames, moved_sound, sound_picture
from .frames import frames_shown, marked, over_frames, tiled

HEIGHT = 96
"""Height of the waveform in pixels, with the strip below it that shows the unblended colours."""


class AudiovisualDrawing:
    """Draws a sample from its `seen` (frames, H, W, 3), `sound`, `part`, `start` and `stop` (`ClipSample`).

    Frames run from left to right, then down. A column of the waveform shows the mean of the elements within it. A part
    that the model does not read is not drawn.
    """

    modality = "audiovisual"
    over_input = True

    def given(self, sample: Drawable) -> UInt8[np.ndarray, "h w 3"]:
        """The frames and the waveform of the model's input."""
        return _drawn(sample, None, None, "", None)

    def map(
        self,
        sample: Drawable,
        values: Float[np.ndarray, "M"],
        range_: ColourRange,
        colours: str,
        strength: float | None,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """A map over the frames and the waveform; values on the label are not drawn."""
        return _drawn(sample, np.asarray(values), range_, colours, strength)

    def rearranged(self, sample: Drawable, order: Int64[np.ndarray, "M"]) -> UInt8[np.ndarray, "h w 3"]:
        """The permuted frames and sound: element i shows the content of order[i], if that is of its own part."""
        changes: dict[str, np.ndarray] = {"seen": moved_frames(sample, order)} if sample.part("video") else {}
        if sample.part("audio"):
            changes["sound"] = moved_sound(sample, order)
        return self.given(dataclasses.replace(sample, **changes))

    def size(self, sample: Drawable) -> str:
        """Frames by pixels, and seconds of sound, as text."""
        frames, height, width = sample.seen.shape[:3]
        told = [f"{count(frames)} frames of {width} × {height}"] if sample.part("video") else []
        told += [f"{sample.stop - sample.start:.3g} s sound"] if sample.part("audio") else []
        text = ", ".join(told)
        return text if padding_of(sample) is None else f"{text}; hatched: padding"


def _drawn(
    sample: Drawable,
    values: Float[np.ndarray, "M"] | None,
    range_: ColourRange | None,
    colours: str,
    strength: float | None,
) -> UInt8[np.ndarray, "h w 3"]:
    """The input, or a map over it."""
    frames = _frames(sample, values, range_, colours, strength)
    if sample.part("audio") is None:
        assert frames is not None
        return frames
    width = WIDTH if frames is None else frames.shape[1]
    sound = sound_picture(sample, width, HEIGHT, values, range_, colours, strength)
    return sound if frames is None else np.concatenate([frames, np.zeros((GAP, width, 3), np.uint8), sound])


def _frames(
    sample: Drawable,
    values: Float[np.ndarray, "M"] | None,
    range_: ColourRange | None,
    colours: str,
    strength: float | None,
) -> UInt8[np.ndarray, "h w 3"] | None:
    found = sample.part("video")
    if found is None:
        return None
    part, elements = found
    pictures, absent = frames_shown(sample.seen, part.shape), _absent(sample, elements, part.shape)
    if values is None or range_ is None:
        return tiled(marked(pictures, absent))
    if not applies(values, elements):
        return tiled(marked(np.full_like(pictures, NO_PLACE), absent))
    cells = values[elements].reshape(part.shape)
    return tiled(over_frames(pictures, cells, range_, colours, strength, absent))


def _absent(sample: Drawable, elements: slice, shape: tuple[int, ...]) -> Bool[np.ndarray, "steps rows columns"] | None:
    """The elements of a part that are hatched; None where there are none."""
    absent = absent_of(sample)
    return None if absent is None else absent[elements].reshape(shape)
