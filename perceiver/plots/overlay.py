"""Maps blended over the model's input without interpolation, row 0 at the top."""

from __future__ import annotations

import io
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from PIL import Image

from . import colour

GREY_BAND = (32.0, 160.0)
"""The range of greys of a picture under a map of differences, whose colours go both ways."""

DIM_BAND = (12.0, 80.0)
"""The range of greys of a picture under any other map: close to the colour of the lowest values, and low in contrast,
so that brightness is the map's. Mirrored for colours whose lowest values are bright."""

HATCHING = (72.0, 136.0)
"""The greys between the lines of hatching, and of the lines."""

OPACITY_POWER = 0.6
"""The exponent of the opacity, which makes medium differences visible over a picture."""


@runtime_checkable
class Placed(Protocol):
    """The part of an image `Sample` that drawing on the original needs."""

    @property
    def original(self) -> UInt8[np.ndarray, "h w 3"]:
        """The original picture before cropping."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns of the map."""

    @property
    def box(self) -> tuple[tuple[float, float], ...]:
        """(start, stop) of the model's input, down and across, in pixels of the original."""


def greyed(seen: UInt8[np.ndarray, "H W 3"], band: tuple[float, float] = GREY_BAND) -> UInt8[np.ndarray, "H W 3"]:
    """A greyscale picture (Rec. 709 luma) within a band of greys, so that all colours and the brightest spots are the
    map's.

    The mapping is the same for every picture, without contrast stretching.
    """
    luma = seen.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32) / 255
    grey = np.rint(band[0] + (band[1] - band[0]) * luma).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def laid_over(
    seen: UInt8[np.ndarray, "H W 3"],
    unit: Float[np.ndarray, "H W"],
    colours: str,
    strength: float,
    *,
    signed: bool = False,
) -> UInt8[np.ndarray, "H W 3"]:
    """A map over its picture, which is drawn dim and in grey.

    unit      positions on the colour scale in [0, 1]; NaN gets the colour for missing values
    colours   the name of the colour map
    strength  0 shows the picture alone (in its own colours), 1 the colours in full
    signed    whether the scale has 0 in its middle, where the picture then shows through

    Without `signed` every pixel becomes brighter with its value, or darker with colours that end dark: the colours are
    added to the picture (the blend mode "screen", or "multiply"), never mixed with it.
    Raises ValueError if the shapes of picture and map differ, or for a strength outside [0, 1].
    """
    painted = colour.paint(unit, colours)
    if signed:
        return overlay(seen, painted, strength, opacity(unit))
    _check(seen.shape, painted.shape, strength)
    darkens = colour.ends_dark(colours)
    dim = greyed(seen, (255 - DIM_BAND[1], 255 - DIM_BAND[0]) if darkens else DIM_BAND)
    base = seen + (dim.astype(np.float32) - seen) * np.float32(min(1.0, 4 * strength))
    if darkens:
        out = base * (1 - strength * (1 - painted / np.float32(255)))
    else:
        out = base + strength * painted * (1 - base / np.float32(255))
    missing = np.isnan(unit)[..., None]
    return np.rint(np.where(missing, base + (painted - base) * strength, out)).astype(np.uint8)


def opacity(unit: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """The opacity of each cell on a signed scale: low near 0, which is in its middle; 1 for missing values."""
    return np.where(np.isnan(unit), 1.0, np.abs(2 * np.nan_to_num(unit) - 1) ** OPACITY_POWER)


def overlay(
    seen: UInt8[np.ndarray, "H W 3"],
    painted: UInt8[np.ndarray, "H W 3"],
    strength: float,
    solid: Float[np.ndarray, "H W"] | None = None,
    *,
    grey: bool = True,
) -> UInt8[np.ndarray, "H W 3"]:
    """Blends a painted map over its picture.

    strength  0 shows the picture alone (in its own colours), 1 the colours at full opacity
    solid     opacity of each cell in [0, 1] (`opacity`); None covers all cells equally
    grey      first converts the picture to greyscale, in proportion to the strength

    Raises ValueError if the shapes of picture and map differ, or for a strength outside [0, 1].
    """
    _check(seen.shape, painted.shape, strength)
    base = seen.astype(np.float32)
    if grey:
        base = base + (greyed(seen) - base) * min(1.0, 4 * strength)
    alpha = np.float32(strength) if solid is None else (strength * solid)[..., None].astype(np.float32)
    return np.rint(base + (painted - base) * alpha).astype(np.uint8)


def hatched(
    picture: UInt8[np.ndarray, "h w 3"], padding: Bool[np.ndarray, "h w"], *, kept: float = 0.0
) -> UInt8[np.ndarray, "h w 3"]:
    """Marks padding by grey hatching in place of the picture; `kept` is how far the picture shows through, 0 to 1."""
    if not padding.any():
        return picture
    height, width = picture.shape[:2]
    step = max(4, max(height, width) // 60)
    lines = np.add.outer(np.arange(height), np.arange(width)) % step < max(1, step // 4)
    grey = np.where(lines, *reversed(HATCHING))[..., None]
    marked = np.rint(grey + kept * (greyed(picture).astype(np.float32) - grey)).astype(np.uint8)
    return np.where(padding[..., None], marked, picture)


def enlarge(array: Shaped[np.ndarray, "H W *rest"], factor: int) -> Shaped[np.ndarray, "fH fW *rest"]:
    """Enlarges every cell to factor x factor pixels (nearest neighbour). Raises ValueError for a factor below 1."""
    if factor < 1:
        raise ValueError(f"cannot enlarge by {factor}; the factor is a whole number from 1")
    return np.repeat(np.repeat(array, factor, axis=0), factor, axis=1)


def on_original(
    sample: Placed,
    painted: UInt8[np.ndarray, "H W 3"],
    strength: float,
    solid: Float[np.ndarray, "H W"] | None = None,
    *,
    grey: bool = True,
    longest: int = 1200,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draws a painted map on the original picture; regions outside the model's input are dimmed, hatched and outlined.

    Every pixel takes the map's cell that contains its centre (`sample.box`), without interpolation.
    longest  the longer side of the result in pixels: larger pictures are shrunk; smaller ones are enlarged by a whole
             factor, nearest neighbour

    Raises ValueError if the map does not have the sample's shape, or for a strength outside [0, 1].
    """
    _check(tuple(sample.shape), painted.shape[:2], strength)
    picture = _resized(sample.original, longest)
    rows, cols = (
        _cells(picture.shape[axis], sample.original.shape[axis], sample.box[axis], painted.shape[axis])
        for axis in (0, 1)
    )
    inside = (rows >= 0)[:, None] & (cols >= 0)[None, :]
    out = _unseen(picture)
    window = np.ix_(rows >= 0, cols >= 0)
    cells = np.ix_(rows[rows >= 0], cols[cols >= 0])
    out[window] = overlay(picture[window], painted[cells], strength, None if solid is None else solid[cells], grey=grey)
    return _fenced(out, inside)


def png(array: UInt8[np.ndarray, "H W 3"]) -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, format="PNG")
    return buffer.getvalue()


def _check(picture: tuple[int, ...], painted: tuple[int, ...], strength: float) -> None:
    if picture[:2] != painted[:2]:
        raise ValueError(f"the picture has the shape {picture[:2]} and the map {painted[:2]}; they must agree")
    if not 0 <= strength <= 1:
        raise ValueError(f"an overlay of strength {strength:g} is impossible; it runs from 0 to 1")


def _resized(picture: UInt8[np.ndarray, "h w 3"], longest: int) -> UInt8[np.ndarray, "H W 3"]:
    side = max(picture.shape[:2])
    if side <= longest:
        return enlarge(picture, longest // side)
    height, width = (max(1, round(n * longest / side)) for n in picture.shape[:2])
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))


def _cells(length: int, original: int, box: tuple[float, float], cells: int) -> Int[np.ndarray, "length"]:
    """For each of `length` pixels along an axis, the map's cell under its centre; -1 outside the box."""
    start, stop = box
    centres = (np.arange(length) + 0.5) * (original / length)
    index = np.floor((centres - start) / (stop - start) * cells).astype(np.int64)
    return np.where((index >= 0) & (index < cells), index, -1)


def _unseen(picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """The picture dimmed, with diagonal hatching."""
    height, width = picture.shape[:2]
    dim = picture.astype(np.float32) * 0.45
    step = max(8, max(height, width) // 60)
    lines = (np.add.outer(np.arange(height), np.arange(width)) % step) < max(1, step // 10)
    dim[lines] += 0.25 * (255 - dim[lines])
    return np.rint(dim).astype(np.uint8)


def _fenced(picture: UInt8[np.ndarray, "h w 3"], inside: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Outlines the model's input with a white and a dark line, drawn outside of it; none if it is the whole picture."""
    width = max(1, max(picture.shape[:2]) // 500)
    line = _grown(inside, width)
    picture[_grown(line, width) & ~line] = 0
    picture[line & ~inside] = 255
    return picture


def _grown(mask: Bool[np.ndarray, "h w"], by: int) -> Bool[np.ndarray, "h w"]:
    for _ in range(by):
        padded = np.pad(mask, 1)
        mask = padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return mask
