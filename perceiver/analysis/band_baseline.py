"""Energy of maps at the frequencies of an encoding's bands, and at baseline frequencies to compare with.

Frequencies are cycles across an axis: f in sin(pi f x), x in [-1, 1]. A grid of n elements has its first and last at
-1 and 1, so f cycles span n - 1 steps and fall between the bins of the discrete Fourier transform. Energy is therefore
measured by projection onto sine and cosine at f itself. No window is used: its wider main lobe would leak a band's
energy into the baseline, which is at most 2 cycles away. Instead, slow components (the mean, the coordinates and one
cycle) are subtracted first, which removes discontinuities between the two ends of a map. Bands above the Nyquist
frequency (n - 1) / 2 are measured at their alias.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ..positions import Band, grid_coordinates

Baseline = Literal["between", "turned", "none"]

APART = 1.4
"""Smallest distance of two bands, in cycles, at which a frequency halfway between them is resolved from both."""

AT_A_TIME = 8_000_000
"""Values of sines and cosines held in memory at a time: 64 MB."""

SLOWEST = 1 + 1e-5
"""Bands of at most this many cycles are subtracted from a map before measuring."""

TINY = 1e-30


@dataclass(frozen=True)
class BandMatch:
    """The frequencies at which energy is measured.

    `points` holds frequencies, one per axis. For every band that can be measured, `own` is the index of its point, and
    `others` the indices of its baseline points with their weights, which add up to 1.

    matched  the kind of baseline, as in `Spectrum`
    """

    points: Float64[np.ndarray, "points axes"]
    own: list[int]
    others: list[list[tuple[int, float]]]
    matched: Baseline

    @property
    def resolved(self) -> int:
        """The number of bands that can be measured."""
        return len(self.own)

    def shares(self, measured: Float64[np.ndarray, "numbers"]) -> tuple[float, float]:
        """The energy at the bands and at their baselines, from the energy at every point.

        A band's baseline is the weighted geometric mean of its points, because energy falls with frequency roughly as
        a power law. Close frequencies overlap slightly, but a sum of shares is never above 1.
        """
        if not self.own:
            return math.nan, math.nan
        at = min(1.0, float(measured[self.own].sum()))
        if self.matched == "none":
            return at, math.nan
        logs = np.log(measured + TINY)
        base = sum(float(np.exp(sum(weight * logs[i] for i, weight in points))) for points in self.others)
        return at, min(1.0, base)


def match_bands(bands: Sequence[Band], shape: tuple[int, ...] | None, axes: int) -> BandMatch:
    """Finds the frequency at which each band is measured, and the frequencies of its baseline.

    shape  the grid of elements; None for free elements, which have no Nyquist frequency
    """
    points: list[np.ndarray] = []
    own: list[int] = []
    others: list[list[tuple[int, float]]] = []
    by_axis = [sorted(band.frequency for band in bands if band.axis == axis) for axis in range(axes)]
    gaps = [float(np.diff(along).min()) for along in by_axis if len(along) > 1]
    matched: Baseline = "between" if gaps and min(gaps) >= APART else "turned" if axes > 1 else "none"
    frames = _frames(axes)

    def put(frequency: np.ndarray) -> int:
        points.append(frequency)
        return len(points) - 1

    for axis, along in enumerate(by_axis):
        steps = None if shape is None else shape[axis] - 1
        unit = np.eye(axes)[axis]
        shown = _shown(along, steps)
        between = _between(along, steps)
        for f in shown:
            around = _around(f, between)
            if matched == "between" and not around:
                continue
            own.append(put(f * unit))
            if matched == "between":
                others.append([(put(g * unit), weight) for g, weight in around])
            elif matched == "turned":
                others.append([(put(f * turned[axis]), 1 / len(frames)) for turned in frames])
            else:
                others.append([])
    return BandMatch(np.array(points).reshape(-1, axes), own, others, matched)


def _appears(f: float, steps: int | None) -> float:
    """The alias of a frequency on a grid with this number of steps."""
    return f if steps is None else min(f % steps, steps - f % steps) if steps > 0 else 0.0


def _shown(along: Sequence[float], steps: int | None) -> list[float]:
    """The measured frequencies of the bands of an axis, without bands of one cycle and below, which are subtracted, and
    without aliases that coincide with other bands."""
    kept: list[float] = []
    for f in along:
        seen = _appears(f, steps)
        mirrored = seen != f
        if seen > SLOWEST and not (mirrored and any(abs(seen - one) < 1 for one in kept)):
            kept.append(seen)
    return kept


def _between(along: Sequence[float], steps: int | None) -> list[float]:
    """Frequencies halfway between neighbouring bands that are far enough apart, and above the last band."""
    seen = sorted(_appears(f, steps) for f in along)
    middle = [(one + other) / 2 for one, other in pairwise(seen) if other - one >= APART]
    if len(along) > 1:
        beyond = seen[-1] + (along[1] - along[0]) / 2
        middle += [beyond] if steps is None or beyond <= steps / 2 else []
    return middle


def _around(f: float, between: Sequence[float]) -> list[tuple[float, float]]:
    """The two neighbours of f in `between`, with weights for which the interpolation of any power of the frequency is
    exact at f; only the lower one if none is above, and none if none is below."""
    below, above = [g for g in between if g < f], [g for g in between if g > f]
    if not below:
        return []
    if not above:
        return [(below[-1], 1.0)]
    weight = math.log(above[0] / f) / math.log(above[0] / below[-1])
    return [(below[-1], weight), (above[0], 1 - weight)]


def _frames(axes: int) -> list[np.ndarray]:
    """Orthonormal frames turned away from the axes, one direction per row."""
    if axes < 2:
        return []
    if axes == 2:
        turns = [(math.cos(angle), math.sin(angle)) for angle in np.radians([30, 45, 60])]
        return [np.array([[c, s], [-s, c]]) for c, s in turns]
    mirror = np.eye(axes) - 2 / axes
    signs = [np.ones(axes), *(1 - 2 * np.eye(axes))]
    return [mirror * sign for sign in signs]


class OnGrid:
    """The share of each map's energy at every point, for elements on a grid.

    Frequencies along one axis are measured on the map's mean over the other axes, which is equivalent and much faster.
    """

    def __init__(self, wanted: BandMatch, shape: tuple[int, ...]) -> None:
        self.points, self.shape = wanted.points, shape
        along = wanted.points != 0
        self.turned = np.flatnonzero(along.sum(1) != 1)
        self.along = [np.flatnonzero(along[:, axis] & (along.sum(1) == 1)) for axis in range(len(shape))]
        lines = [grid_coordinates((n,)) for n in shape]
        self.waves = [
            _waves(wanted.points[index][:, axis : axis + 1], line)
            for axis, (index, line) in enumerate(zip(self.along, lines, strict=True))
        ]

    def __call__(self, maps: Float[Tensor, "n M"]) -> Float64[np.ndarray, "n points"]:
        out = np.zeros((len(maps), len(self.points)))
        laid = maps.reshape(-1, *self.shape)
        for axis, (index, waves) in enumerate(zip(self.along, self.waves, strict=True)):
            others = [1 + other for other in range(len(self.shape)) if other != axis]
            profile = laid.sum(others) if others else laid
            out[:, index] = _power(profile, waves) * self.shape[axis] / maps.shape[1]
        step = max(1, AT_A_TIME // (2 * maps.shape[1]))
        for start in range(0, len(self.turned), step):
            index = self.turned[start : start + step]
            out[:, index] = _power(maps, _waves(self.points[index], grid_coordinates(self.shape)))
        return out


class Free:
    """The share of each map's energy that waves at the bands explain jointly, and that waves at the baselines explain,
    for free elements.

    On irregular positions different frequencies are not orthogonal, so separate shares could add up to more than 1.
    """

    def __init__(self, wanted: BandMatch, places: Float[Tensor, "M axes"]) -> None:
        # Each baseline has as many points as there are bands: every first, every second, ... The share explained by
        # chance grows with the number of independent waves, which is lower for elements in a plane.
        sides = [[i for i, _ in points] for points in zip(*wanted.others, strict=True)] if wanted.others else []
        self.groups = [wanted.own, *sides]
        self.bases = [_basis(torch.cat(_slower_off(wanted.points[group], places), dim=1)) for group in self.groups]
        self.points = len(wanted.points)

    def __call__(self, maps: Float[Tensor, "n M"]) -> Float64[np.ndarray, "n points"]:
        out = np.zeros((len(maps), self.points))
        for group, basis in zip(self.groups, self.bases, strict=True):
            if group:
                explained = ((maps @ basis) ** 2).sum(1).numpy() * (self.bases[0].shape[1] / max(1, basis.shape[1]))
                out[:, group] = explained[:, None] / len(group)
        return out


def _basis(waves: Float[Tensor, "M k"]) -> Float[Tensor, "M rank"]:
    """An orthonormal basis of the span of some waves."""
    left, values, _ = torch.linalg.svd(waves, full_matrices=False)
    return left[:, values > 1e-6 * values[:1].clamp_min(TINY)]


def _power(maps: Float[Tensor, "n m"], waves: tuple[Tensor, Tensor]) -> Float64[np.ndarray, "n points"]:
    first, second = waves
    return ((maps @ first) ** 2 + (maps @ second) ** 2).numpy()


def _waves(points: Float64[np.ndarray, "points axes"], places: Float[Tensor, "m axes"]) -> tuple[Tensor, Tensor]:
    """Two maps of length 1 for every point, (m, points) each, that span its sine and cosine without the slow
    components."""
    cosine, sine = _slower_off(points, places)
    first = _unit(cosine)
    return first, _unit(sine - first * (first * sine).sum(0))


def _slower_off(points: Float64[np.ndarray, "points axes"], places: Float[Tensor, "m axes"]) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every point over the elements, (m, points) each, minus the slow components: the mean, the
    coordinates, one cycle of each axis, and the products of these for two axes."""
    exact = places.double()
    axes = [torch.stack([x, (math.pi * x).cos(), (math.pi * x).sin()], dim=1) for x in exact.T]
    both = [(one[:, :, None] * other[:, None, :]).flatten(1) for one, other in combinations(axes, 2)]
    slower = _basis(torch.cat([torch.ones_like(exact[:, :1]), *axes, *both], dim=1))
    angles = math.pi * exact @ torch.from_numpy(points).T
    cosine, sine = angles.cos(), angles.sin()
    return cosine - slower @ (slower.T @ cosine), sine - slower @ (slower.T @ sine)


def _unit(columns: Float[Tensor, "m points"]) -> Float[Tensor, "m points"]:
    """Normalises each column to length 1; columns that are rounding errors become 0."""
    length = columns.norm(dim=0)
    nonzero = length > 1e-6 * len(columns) ** 0.5
    return torch.where(nonzero, columns / length.clamp_min(TINY), 0.0)
