"""Regularity of a map: the highest peak of its autocorrelation away from zero shift."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64, Int64
from scipy.fft import fftshift, irfftn, rfftn
from scipy.ndimage import gaussian_filter, label, map_coordinates, maximum_filter

MOST, SHIFTS = 64, 2_000_000
"""Maximum number of a block's maps that are measured, and of shifts of all of them together."""

OVERLAP = 0.5
"""Minimum share of elements that overlap after a shift for the shift to count."""

LOCAL = 16
"""Width of the local mean: each axis divided by this number."""

PEAKS = 12
"""Number of the highest peaks of a map that are examined."""


def repeats(maps: Float64[np.ndarray, "n *shape"], mask: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "k"]:
    """The periodicity of each map: 1 if some shift reproduces it exactly, 0 if none reproduces it at all.

    maps  with their mean subtracted
    mask  1 where there is an element, 0 elsewhere

    The local mean is subtracted first, so that a lattice on a broad bright background also counts.

    The autocorrelation at a shift uses only elements that overlap other elements after the shift. A smooth map
    correlates with itself at small shifts and less at larger ones, which is not a repetition. A peak therefore counts
    with its height, but at most with half its rise above the lowest value on the straight line to it: the
    autocorrelation of a wave falls to -1 before it returns to 1. NaN if elements overlap at the smallest shifts only.
    """
    overlap = _across(mask, mask)
    enough = overlap >= OVERLAP * mask.sum() - 0.5
    if np.count_nonzero(enough) <= 3**mask.ndim:
        return np.full(len(maps), math.nan)
    overlap = np.where(enough, overlap, 0.0)
    return np.array([_repeats(_detail(one, mask), mask, overlap) for one in maps], dtype=np.float64)


def few(count: int, shape: tuple[int, ...]) -> Int64[np.ndarray, "k"]:
    """The indices of the maps to measure, evenly spaced: all of them if that is cheap."""
    most = min(count, MOST, max(4, SHIFTS // (math.prod(shape) * 2 ** len(shape))))
    return np.linspace(0, count - 1, most).astype(np.int64)


def _detail(one: Float64[np.ndarray, "*shape"], mask: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """A map minus its local mean around each element."""
    spread = [n / LOCAL for n in one.shape]
    around = gaussian_filter(mask, spread, mode="constant")
    out = (one - gaussian_filter(one * mask, spread, mode="constant") / np.maximum(around, 1e-12)) * mask
    return (out - out.sum() / mask.sum()) * mask


def _repeats(
    one: Float64[np.ndarray, "*shape"], mask: Float64[np.ndarray, "*shape"], overlap: Float64[np.ndarray, "*shifts"]
) -> float:
    correlation, centre = _autocorrelation(one, mask, overlap)
    # A ridge that starts at zero shift means a map that is constant along a line, not a repetition.
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
    """Autocorrelation of a map at every shift, zero shift in the middle; -1 where the overlap is 0."""
    # Not the masked cross-correlation of scikit-image: it normalises by the variance within the overlap alone.
    squares = _across(one**2, mask)
    # The opposite shift exchanges the two maps, so the array is reversed about its middle.
    turned = np.roll(np.flip(squares), 1, axis=tuple(range(one.ndim)))
    # If a shift moves most of a map's structure out of the overlap, flat remainders would correlate strongly, so the
    # map's overall variance is included in the normalisation.
    spread = overlap * (one**2).sum() / mask.sum()
    scale = np.maximum(np.sqrt(np.maximum(squares, 0) * np.maximum(turned, 0)), spread)
    correlation = np.full(scale.shape, -1.0)
    np.divide(_across(one, one), scale, out=correlation, where=(overlap > 0) & (scale > 1e-12))
    return correlation, np.array(one.shape)


def _across(a: Float64[np.ndarray, "*shape"], b: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shifts"]:
    """Cross-correlation of two maps at every shift (sums of products), zero shift in the middle."""
    size = [2 * n for n in a.shape]
    return fftshift(irfftn(rfftn(a, size) * np.conj(rfftn(b, size)), size))
