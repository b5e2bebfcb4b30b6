"""The frequencies at which the bands of a code, and a baseline to compare them with, are measured in maps.

Frequencies are cycles across an axis: f in sin(pi f x), x in [-1, 1]. A grid of n elements puts its first and last at
-1 and 1, so f cycles span n - 1 steps and lie between the bins of its Fourier transform: energy is measured by
projection onto sine and cosine at f itself. No window is used: its wider lobe would carry a band's energy over to the
baseline, 2 cycles apart or less. What a window is for, maps that end otherwise than they began, is seen to by taking
off first what is slower than all that is measured: the mean, the coordinates and one cycle. Bands beyond what n
elements can show, (n - 1) / 2, appear mirrored there, and are measured where they appear.
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
"""Values of waves held at a time: 64 MB."""

SLOWEST = 1 + 1e-5
"""Bands of up to so many cycles are removed from a map before anything is measured."""

TINY = 1e-30


@dataclass(frozen=True)
class BandMatch:
    """Where energy is measured: `points` are frequencies (one an axis); of every band that can be measured `own` is the
    index of its own point, `others` those of its baseline with their weights, which add up to 1.

    matched  the baseline, as `Spectrum` tells it
    """

    points: Float64[np.ndarray, "points axes"]
    own: list[int]
    others: list[list[tuple[int, float]]]
    matched: Baseline

    @property
    def resolved(self) -> int:
        """How many bands can be measured."""
        return len(self.own)

    def shares(self, measured: Float64[np.ndarray, "numbers"]) -> tuple[float, float]:
        """The energy at the bands and at their baselines, from what was measured at every point.

        A band's own baseline is the geometric mean of its points: energy falls with the frequency by a factor, not by a
        difference. Frequencies that lie close see a little of one another, but a sum of shares is never above 1.
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
    """Finds the frequency at which each band is measured, and those of its baseline.

    shape  of the grid that the elements lie on; None for free ones, which show any frequency
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
    """Where elements so many steps apart show a frequency."""
    return f if steps is None else min(f % steps, steps - f % steps) if steps > 0 else 0.0


def _shown(along: Sequence[float], steps: int | None) -> list[float]:
    """Where the bands of an axis appear: without those of one cycle and below, which are taken off, and, of those that
    appear mirrored, those that do so on top of others."""
    kept: list[float] = []
    for f in along:
        seen = _appears(f, steps)
        mirrored = seen != f
        if seen > SLOWEST and not (mirrored and any(abs(seen - one) < 1 for one in kept)):
            kept.append(seen)
    return kept


def _between(along: Sequence[float], steps: int | None) -> list[float]:
    """Frequencies halfway between neighbouring bands, where these are far enough apart, and beyond the last."""
    seen = sorted(_appears(f, steps) for f in along)
    middle = [(one + other) / 2 for one, other in pairwise(seen) if other - one >= APART]
    if len(along) > 1:
        beyond = seen[-1] + (along[1] - along[0]) / 2
        middle += [beyond] if steps is None or beyond <= steps / 2 else []
    return middle


def _around(f: float, between: Sequence[float]) -> list[tuple[float, float]]:
    """The two of `between` next to a frequency with weights by which any power of the frequency meets f, or the one
    below where none is above; none where none is below."""
    below, above = [g for g in between if g < f], [g for g in between if g > f]
    if not below:
        return []
    if not above:
        return [(below[-1], 1.0)]
    weight = math.log(above[0] / f) / math.log(above[0] / below[-1])
    return [(below[-1], weight), (above[0], 1 - weight)]


def _frames(axes: int) -> list[np.ndarray]:
    """The axes turned together, away from themselves; a row each."""
    if axes < 2:
        return []
    if axes == 2:
        turns = [(math.cos(angle), math.sin(angle)) for angle in np.radians([30, 45, 60])]
        return [np.array([[c, s], [-s, c]]) for c, s in turns]
    mirror = np.eye(axes) - 2 / axes
    signs = [np.ones(axes), *(1 - 2 * np.eye(axes))]
    return [mirror * sign for sign in signs]


class OnGrid:
    """The share of each map's energy at every point, where elements lie on a grid.

    What lies along an axis is measured on the map's mean over the other axes, which is the same and much less work.
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
    """The share of each map's energy that waves at the bands explain together, and those at the baselines, where
    elements are free.

    Unevenly placed elements see one frequency in another, so shares taken one by one could add up to more than all.
    """

    def __init__(self, wanted: BandMatch, places: Float[Tensor, "M axes"]) -> None:
        # As many points in a baseline as bands: every first, every second, ... By chance waves explain as much as there
        # are independent ones among them, fewer where elements lie in a plane.
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
    """An orthonormal basis of what waves can draw."""
    left, values, _ = torch.linalg.svd(waves, full_matrices=False)
    return left[:, values > 1e-6 * values[:1].clamp_min(TINY)]


def _power(maps: Float[Tensor, "n m"], waves: tuple[Tensor, Tensor]) -> Float64[np.ndarray, "n points"]:
    first, second = waves
    return ((maps @ first) ** 2 + (maps @ second) ** 2).numpy()


def _waves(points: Float64[np.ndarray, "points axes"], places: Float[Tensor, "m axes"]) -> tuple[Tensor, Tensor]:
    """Two maps of length 1 for every point, (m, points) each, that draw what its sine and cosine can beside what is
    slower."""
    cosine, sine = _slower_off(points, places)
    first = _unit(cosine)
    return first, _unit(sine - first * (first * sine).sum(0))


def _slower_off(points: Float64[np.ndarray, "points axes"], places: Float[Tensor, "m axes"]) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every point over the elements, (m, points) each, less what is slower: the mean, the
    coordinates, one cycle of each axis, and products of these of two axes."""
    exact = places.double()
    axes = [torch.stack([x, (math.pi * x).cos(), (math.pi * x).sin()], dim=1) for x in exact.T]
    both = [(one[:, :, None] * other[:, None, :]).flatten(1) for one, other in combinations(axes, 2)]
    slower = _basis(torch.cat([torch.ones_like(exact[:, :1]), *axes, *both], dim=1))
    angles = math.pi * exact @ torch.from_numpy(points).T
    cosine, sine = angles.cos(), angles.sin()
    return cosine - slower @ (slower.T @ cosine), sine - slower @ (slower.T @ sine)


def _unit(columns: Float[Tensor, "m points"]) -> Float[Tensor, "m points"]:
    """Each column of length 1; 0 where it is but rounding."""
    length = columns.norm(dim=0)
    nonzero = length > 1e-6 * len(columns) ** 0.5
    return torch.where(nonzero, columns / length.clamp_min(TINY), 0.0)
