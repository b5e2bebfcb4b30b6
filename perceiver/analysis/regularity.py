"""Regularity of a map: the highest peak of its autocorrelation away from zero shift."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64, Int64
from scipy.fft import fftshift, irfftn, rfftn
from scipy.ndimage import gaussian_filter, label, map_coordinates, maximum_filter

MOST, SHIFTS = 64, 2_000_000
"""Maps of a block that are measured, at most, and shifts of all of them together."""

OVERLAP = 0.5
"""Share of the elements that have to lie on others after a shift, for it to count."""

LOCAL = 16
"""Spread of what counts as a map's surroundings: this part of each axis."""

PEAKS = 12
"""Peaks of a map that are examined, the highest."""


def repeats(maps: Float64[np.ndarray, "n *shape"], mask: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "k"]:
    """How well each map repeats itself: 0 where no shift brings it back, 1 where one does so exactly.

    maps  their mean taken off
    mask  1 where there is an element, 0 elsewhere

    Maps are looked at less their local mean: a lattice over something broad and bright is a lattice, too.

    The autocorrelation is that of the elements that lie on elements after the shift. A map that is merely smooth
    correlates with itself shifted a little and less and less beyond: that is no repeating. So a peak counts by its
    height, but by no more than half of how far it rises above the lowest value on the straight way to it: a wave falls
    to -1 on its way back to 1. NaN where elements lie on elements after none but the smallest shifts.
    """
    overlap = _across(mask, mask)
    enough = overlap >= OVERLAP * mask.sum() - 0.5
    if np.count_nonzero(enough) <= 3**mask.ndim:
        return np.full(len(maps), math.nan)
    overlap = np.where(enough, overlap, 0.0)
    return np.array([_repeats(_detail(one, mask), mask, overlap) for one in maps], dtype=np.float64)


def few(count: int, shape: tuple[int, ...]) -> Int64[np.ndarray, "k"]:
    """Which of so many maps are enough to look at, evenly spread: all, where it does not take long."""
    most = min(count, MOST, max(4, SHIFTS // (math.prod(shape) * 2 ** len(shape))))
    return np.linspace(0, count - 1, most).astype(np.int64)


def _detail(one: Float64[np.ndarray, "*shape"], mask: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """A map less its mean over what is around each element."""
    spread = [n / LOCAL for n in one.shape]
    around = gaussian_filter(mask, spread, mode="constant")
    out = (one - gaussian_filter(one * mask, spread, mode="constant") / np.maximum(around, 1e-12)) * mask
    return (out - out.sum() / mask.sum()) * mask


def _repeats(
    one: Float64[np.ndarray, "*shape"], mask: Float64[np.ndarray, "*shape"], overlap: Float64[np.ndarray, "*shifts"]
) -> float:
    correlation, centre = _autocorrelation(one, mask, overlap)
    # A ridge that leads away from no shift is sameness along a line, not repeating.
    near, _ = label(correlation > 0)
    highest = maximum_filter(correlation, size=3, mode="constant", cval=-2.0)
    peaks = np.argwhere((correlation >= highest) & (near > 0) & (near != near[tuple(centre)]))
    best = 0.0
    for peak in peaks[np.argsort(-correlation[tuple(peaks.T)])[:PEAKS]]:
        way = np.linspace(centre, peak, 2 * int(np.abs(peak - centre).max()) + 1).T
        height, lowest = float(correlation[tuple(peak)]), float(map_coordinates(correlation, way, order=1).min())
        best = max(best, min(height, (height - max(lowest, -1.0)) / 2))
    return min(best, 1.0)


def _autocorrelation(
    one: Float64[np.ndarray, "*shape"], mask: Float64[np.ndarray, "*shape"], overlap: Float64[np.ndarray, "*shifts"]
) -> tuple[Float64[np.ndarray, "*shifts"], Int64[np.ndarray, "axes"]]:
    """Correlation of a map with itself at every shift, no shift in the middle; -1 where the overlap is given as 0."""
    squares = _across(one**2, mask)
    # The opposite shift exchanges the two maps: reversed about the middle.
    turned = np.roll(np.flip(squares), 1, axis=tuple(range(one.ndim)))
    # Where little is left of a map after a shift, as of a spot that was moved away, even flat rests would correlate: so
    # the map's own spread counts as well.
    spread = overlap * (one**2).sum() / mask.sum()
    scale = np.maximum(np.sqrt(np.maximum(squares, 0) * np.maximum(turned, 0)), spread)
    correlation = np.full(scale.shape, -1.0)
    np.divide(_across(one, one), scale, out=correlation, where=(overlap > 0) & (scale > 1e-12))
    return correlation, np.array(one.shape)


def _across(a: Float64[np.ndarray, "*shape"], b: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shifts"]:
    """Sums of products of two maps at every shift, no shift in the middle."""
    size = [2 * n for n in a.shape]
    return fftshift(irfftn(rfftn(a, size) * np.conj(rfftn(b, size)), size))
