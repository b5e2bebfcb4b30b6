"""Drawing of clips: a picture of every frame that a model read, and one of its sound, each with its part of a map.

A sample has `part`, and `seen` (frames, H, W, 3) or `sound` (`VideoSample`, `ClipSample`).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8

from .. import colour
from ..overlay import GREY_BAND, hatched, laid_over
from ..scale import ColourRange
from .audio import GAP, STRIP, written
from .base import Drawable, absent_of, colours_for
from .frames import marked, over_frames

NO_PLACE = 128
"""The grey of a patch whose content is none of the picture, and of a part that a map does not apply to."""


def frame_pictures(
    sample: Drawable,
    values: Float[np.ndarray, "*shape"] | None = None,
    range_: ColourRange | None = None,
    colours: str = "",
    strength: float | None = None,
) -> UInt8[np.ndarray, "frames H W 3"]:
    """Every frame at the size that the model reads, with a map over it: the same cells on all frames of an element.

    values    of all elements, in the sample's shape; None draws the frames alone
    strength  of the map over the frames; None draws the map alone

    Hatching marks padding and elements taken out of the input array; all is grey where the map does not apply
    (`applies`). Raises ValueError for a sample without a picture.
    """
    part, elements = _part(sample, "video")
    each = len(sample.seen) // part.shape[0]
    hidden = absent_of(sample)
    absent = None if hidden is None else hidden.ravel()[elements].reshape(part.shape).repeat(each, axis=0)
    if values is None or range_ is None:
        return marked(sample.seen, absent)
    if not applies(values, elements):
        return marked(np.full_like(sample.seen, NO_PLACE), absent)
    cells = np.asarray(values).ravel()[elements].reshape(part.shape).repeat(each, axis=0)
    return over_frames(sample.seen, cells, range_, colours, strength, absent)


def sound_picture(
    sample: Drawable,
    width: int,
    height: int,
    values: Float[np.ndarray, "*shape"] | None = None,
    range_: ColourRange | None = None,
    colours: str = "",
    strength: float | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """The waveform over columns coloured by a map, and below it a strip with the unblended colours; arguments as
    `frame_pictures` takes them. A column shows the mean of the elements within it."""
    _, elements = _part(sample, "audio")
    hidden = absent_of(sample)
    # A column that shows some sound is not hatched.
    absent = None if hidden is None else columns(hidden.ravel()[elements].astype(np.float64), width) >= 1
    if values is None or range_ is None:
        return _marked(written(np.full((height, width, 3), GREY_BAND[0]), sample.sound), absent)
    if not applies(values, elements):
        return _marked(np.full((height, width, 3), NO_PLACE, np.uint8), absent)
    unit = range_.apply(columns(np.asarray(values).ravel()[elements], width))[None]
    chosen = colours_for(range_, colours)
    painted = colour.paint(unit, chosen)
    if strength is None:
        return _marked(np.repeat(painted, height, axis=0), absent)
    ground = np.full_like(painted, round(GREY_BAND[0]))
    tinted = laid_over(ground, unit, chosen, strength, signed=range_.signed).astype(np.float64)
    strip = max(4, round(height * STRIP / 96))
    wave = written(np.repeat(tinted, height - strip - GAP, axis=0), sample.sound)
    gap = np.zeros((GAP, width, 3), np.uint8)
    return np.concatenate([_marked(wave, absent), gap, _marked(np.repeat(painted, strip, axis=0), absent)])


def applies(values: Float[np.ndarray, "*shape"], elements: slice) -> bool:
    """Whether a map applies to a part of the input: it has values there, or nowhere. The channels of an axis of the
    frames have none on the sound."""
    held = np.isfinite(values).ravel()
    return bool(held[elements].any() or not held.any())


def moved_frames(sample: Drawable, order: Int64[np.ndarray, "M"]) -> UInt8[np.ndarray, "frames H W 3"]:
    """The frames with their elements permuted: element i shows order[i], and grey where that is none of the picture."""
    part, elements = _part(sample, "video")
    steps, rows, across = part.shape
    frames, height, width = sample.seen.shape[:3]
    each = (frames // steps, height // rows, width // across)
    split = sample.seen.reshape(steps, each[0], rows, each[1], across, each[2], 3)
    patches = split.transpose(0, 2, 4, 1, 3, 5, 6).reshape(part.count, *each, 3)
    moved = _moved(patches, order[elements] - elements.start, NO_PLACE)
    out = moved.reshape(steps, rows, across, *each, 3).transpose(0, 3, 1, 4, 2, 5, 6)
    return out.reshape(sample.seen.shape)


def moved_sound(sample: Drawable, order: Int64[np.ndarray, "M"]) -> Float[np.ndarray, "samples"]:
    """The sound with its elements permuted: element i is that of order[i], and silence where that is none of it."""
    part, elements = _part(sample, "audio")
    pieces = sample.sound.reshape(part.count, -1)
    return _moved(pieces, order[elements] - elements.start, 0).ravel()


def _moved(values: np.ndarray, order: np.ndarray, otherwise: int) -> np.ndarray:
    own = (order >= 0) & (order < len(values))
    out = np.full_like(values, otherwise)
    out[own] = values[order[own]]
    return out


def columns(values: Float[np.ndarray, "elements"], width: int) -> Float[np.ndarray, "width"]:
    """The mean of the elements in each column; with fewer elements than columns, the element that contains it."""
    edges = np.linspace(0, len(values), width + 1)
    if len(values) <= width:
        return values[np.minimum(((np.arange(width) + 0.5) * len(values) / width).astype(np.int64), len(values) - 1)]
    starts = np.minimum(np.floor(edges[:-1] + 1e-9).astype(np.int64), len(values) - 1)
    counts = np.diff(np.append(starts, len(values)))
    return np.add.reduceat(values, starts) / counts


def _part(sample: Drawable, name: str) -> tuple[Drawable, slice]:
    found: tuple[Drawable, slice] | None = sample.part(name)
    if found is None:
        raise ValueError(f"{sample.name} has no part {name}")
    return found


def _marked(picture: UInt8[np.ndarray, "h w 3"], absent: Bool[np.ndarray, "w"] | None) -> UInt8[np.ndarray, "h w 3"]:
    """The picture with hatching over the columns without recorded sound."""
    return picture if absent is None else hatched(picture, np.broadcast_to(absent, picture.shape[:2]))
