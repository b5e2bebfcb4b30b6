"""The tartan question: do maps carry the frequencies of the position code, and do they repeat themselves?

The paper's maps of Fourier models look like tartan (section 4.1, figures 3 and 7 to 12), those of learned positions do
not (figures 13 to 15). But for the layer norm of the input a score is linear in the code, so a band f of axis a puts
energy at frequency f along that axis: that is where it is looked for. A natural map has energy there too, more of it at
low frequencies, so every band is set against a matched baseline: halfway to its neighbours on the same axis, where the
code has no frequency.

Frequencies are cycles across an axis: f in sin(pi f x), x in [-1, 1]. A grid of n elements puts its first and last at
-1 and 1, so f cycles span n - 1 steps and lie between the bins of its Fourier transform: energy is measured by
projection onto sine and cosine at f itself. No window is used: its wider lobe would carry a band's energy over to the
baseline, 2 cycles apart or less. What a window is for, maps that end otherwise than they began, is seen to by taking
off first what is slower than all that is measured: the mean, the coordinates and one cycle. Bands beyond what n
elements can show, (n - 1) / 2, appear mirrored there, and are looked for where they appear.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ..config import PerceiverConfig
from ..positions import Band, frequencies, grid_coordinates
from ..trace import Kind, Trace
from .regularity import repeats

Baseline = Literal["between", "turned", "none"]

APART = 1.4
"""Cycles between bands from which the places between them are told apart from the bands themselves."""

CELLS = 32
"""Cells a side of the grid that free elements are put into."""

AT_A_TIME = 8_000_000
"""Weights that are held at a time: 32 MB."""

REFERENCE_BANDS = 16

FLAT = 1e-5
"""Spread below which a map is flat but for rounding, as a share of its size."""

TINY = 1e-30


@dataclass(frozen=True)
class Spectrum:
    """The spatial spectrum of one block's maps, mean over latents, each map's energy taken as 1.

    energy       power over the frequencies, axes as the input's, zero in the middle and left out; adds up to 1
    frequencies  along each axis of `energy`, in cycles across it
    at_bands     share of the energy at the bands' own frequencies, along the axes
    baseline     what the matched baseline holds, as many frequencies
    matched      the baseline: "between" neighbouring bands; "turned": as far from zero in other directions, where bands
                 lie too close to look between them; "none" where neither can be had
    regularity   how well a map repeats itself when it is shifted: 0 not at all, 1 exactly
    resolved     bands that could be measured, of `bands`: not those of one cycle, and not those that the elements show
                 on top of others
    estimated    the elements lie on no grid: `energy` and `regularity` are of a grid that they were put into (the mean
                 of what falls into a cell); the shares are of their own places, by least squares, since frequencies are
                 not independent of one another there
    """

    block: int
    energy: Float64[np.ndarray, "*frequencies"]
    frequencies: tuple[Float64[np.ndarray, "_"], ...]
    at_bands: float
    baseline: float
    matched: Baseline
    regularity: float
    resolved: int
    bands: int
    estimated: bool

    @property
    def ratio(self) -> float:
        """Energy at the bands over that of the baseline: 1 says nothing of the code is seen. NaN without a baseline."""
        return self.at_bands / self.baseline if self.baseline > 0 else math.nan


def reference_bands(config: PerceiverConfig) -> tuple[Band, ...]:
    """Bands for encodings that have none: those of Fourier features up to what the grid can show (section 3.2), so that
    models can be set side by side. Free elements are taken to be as dense as a grid of as many of them."""
    side = round(config.num_inputs ** (1 / config.num_axes))
    sizes = config.input_shape if config.position_axes is None else (side,) * config.num_axes
    return tuple(
        Band(axis, k, float(f), sine=-1, cosine=-1)
        for axis, size in enumerate(sizes)
        for k, f in enumerate(frequencies(REFERENCE_BANDS, max(2.0, float(size))))
    )


def spectra(
    trace: Trace,
    bands: Sequence[Band],
    coordinates: Float[Tensor, "M axes"] | None,
    *,
    kind: Kind = "score",
    head: int | None = None,
) -> Iterator[Spectrum]:
    """The spectrum of every block's maps, block by block.

    bands        whose frequencies are looked for
    coordinates  of free elements, in [-1, 1]; None for a grid
    kind         "score" as in the paper's figures; after the softmax, frequencies mix

    Raises ValueError for a head that does not exist.
    """
    free = coordinates is not None
    if coordinates is None:
        shape, cells = trace.shape, None
        wanted = _wanted(bands, shape, len(shape))
        measure: _OnGrid | _Free = _OnGrid(wanted, shape)
    else:
        shape, cells = (CELLS,) * coordinates.shape[1], _cells(coordinates)
        wanted = _wanted(bands, None, len(shape))
        measure = _Free(wanted, coordinates)
    for block in trace.blocks:
        energy, shares, regular = np.zeros(shape), [], []
        for maps in _maps(trace, block, kind, head):
            laid, mask = _laid(maps, shape, cells)
            energy += _energy(laid)
            shares.append(measure(maps))
            regular.append(repeats(laid, mask))
        at, base = wanted.shares(np.concatenate(shares).mean(0)) if shares else (math.nan, math.nan)
        yield Spectrum(
            block=block,
            energy=energy / energy.sum() if energy.any() else np.full(shape, 1 / energy.size),
            frequencies=tuple(_along(n, free) for n in shape),
            at_bands=at,
            baseline=base,
            matched=wanted.matched,
            regularity=float(np.concatenate(regular).mean()) if regular else 0.0,
            resolved=wanted.resolved,
            bands=len(bands),
            estimated=free,
        )


def _maps(trace: Trace, block: int, kind: Kind, head: int | None) -> Iterator[Float[Tensor, "n M"]]:
    """The maps of a block's latents some at a time, their means taken off, each of length 1; flat ones are left out."""
    count = trace.read(block).latents
    step = max(1, AT_A_TIME // trace.inputs.shape[1])
    for start in range(0, count, step):
        maps = trace.latent_maps(block, slice(start, min(start + step, count)), kind=kind, head=head).double()
        size = maps.abs().amax(1)
        maps = maps - maps.mean(1, keepdim=True)
        told = maps.abs().amax(1) > FLAT * size
        if told.any():
            yield maps[told] / maps[told].norm(dim=1, keepdim=True)


@dataclass(frozen=True)
class _Wanted:
    """Where energy is measured: `points` are frequencies (one an axis); of every band that can be measured `own` is the
    index of its own point, `others` those of its baseline with their weights, which add up to 1."""

    points: Float64[np.ndarray, "points axes"]
    own: list[int]
    others: list[list[tuple[int, float]]]
    matched: Baseline

    @property
    def resolved(self) -> int:
        return len(self.own)

    def shares(self, measured: Float64[np.ndarray, "numbers"]) -> tuple[float, float]:
        """The energy at the bands and at their baselines, from what was measured at every point.

        A band's own baseline is the geometric mean of its points: energy falls with the frequency by a factor, not by a
        difference.
        """
        if not self.own:
            return math.nan, math.nan
        at = float(measured[self.own].sum())
        if self.matched == "none":
            return at, math.nan
        logs = np.log(measured + TINY)
        return at, float(sum(np.exp(sum(weight * logs[i] for i, weight in points)) for points in self.others))


def _wanted(bands: Sequence[Band], shape: tuple[int, ...] | None, axes: int) -> _Wanted:
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
    return _Wanted(np.array(points).reshape(-1, axes), own, others, matched)


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
        if seen > 1 + FLAT and not (mirrored and any(abs(seen - one) < 1 for one in kept)):
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


class _OnGrid:
    """The share of each map's energy at every point: elements on a grid.

    What lies along an axis is measured on the map's mean over the other axes, which is the same and much less work.
    """

    def __init__(self, wanted: _Wanted, shape: tuple[int, ...]) -> None:
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


class _Free:
    """The share of each map's variance that waves at the bands explain together, and those at the baselines: free
    elements.

    Unevenly placed elements see one frequency in another, so shares taken one by one could add up to more than all.
    """

    def __init__(self, wanted: _Wanted, places: Float[Tensor, "M axes"]) -> None:
        # As many points in a baseline as bands: every first, every second, ...
        sides = [[i for i, _ in points] for points in zip(*wanted.others, strict=True)] if wanted.others else []
        self.groups = [wanted.own, *sides]
        self.bases = [_basis(torch.cat(_slower_off(wanted.points[group], places), dim=1)) for group in self.groups]
        self.points = len(wanted.points)

    def __call__(self, maps: Float[Tensor, "n M"]) -> Float64[np.ndarray, "n points"]:
        out = np.zeros((len(maps), self.points))
        for group, basis in zip(self.groups, self.bases, strict=True):
            if group:
                explained = ((maps @ basis) ** 2).sum(1).numpy()
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
    coordinates and one cycle of each axis."""
    exact = places.double()
    one_cycle = math.pi * exact
    slower = _basis(torch.cat([torch.ones_like(exact[:, :1]), exact, one_cycle.cos(), one_cycle.sin()], dim=1))
    angles = math.pi * exact @ torch.from_numpy(points).T
    cosine, sine = angles.cos(), angles.sin()
    return cosine - slower @ (slower.T @ cosine), sine - slower @ (slower.T @ sine)


def _unit(columns: Float[Tensor, "m points"]) -> Float[Tensor, "m points"]:
    """Each column of length 1; 0 where it is but rounding."""
    length = columns.norm(dim=0)
    told = length > 1e-6 * len(columns) ** 0.5
    return torch.where(told, columns / length.clamp_min(TINY), 0.0)


def _cells(places: Float[Tensor, "M axes"]) -> Float[Tensor, "M"]:
    """The cell of the grid over [-1, 1] that each free element falls into."""
    index = ((places.double() + 1) / 2 * CELLS).long().clamp(0, CELLS - 1)
    flat = torch.zeros(len(places), dtype=torch.long)
    for axis in range(places.shape[1]):
        flat = flat * CELLS + index[:, axis]
    return flat.double()


def _laid(
    maps: Float[Tensor, "n M"], shape: tuple[int, ...], cells: Float[Tensor, "M"] | None
) -> tuple[Float64[np.ndarray, "n *shape"], Float64[np.ndarray, "*shape"]]:
    """Maps on their grid, and where it holds elements; of free elements the mean of what falls into a cell."""
    if cells is None:
        return maps.numpy().reshape(-1, *shape), np.ones(shape)
    index, size = cells.long(), math.prod(shape)
    held = torch.zeros(size, dtype=torch.float64).index_add_(0, index, torch.ones_like(cells))
    total = torch.zeros(len(maps), size, dtype=torch.float64).index_add_(1, index, maps)
    return (total / held.clamp_min(1)).numpy().reshape(-1, *shape), (held > 0).double().numpy().reshape(shape)


def _energy(laid: Float64[np.ndarray, "n *shape"]) -> Float64[np.ndarray, "*shape"]:
    """The sum of the maps' power spectra, zero frequency in the middle and left out."""
    axes = tuple(range(1, laid.ndim))
    power = (np.abs(np.fft.fftn(laid, axes=axes)) ** 2).sum(0)
    power.flat[0] = 0.0
    return np.fft.fftshift(power)


def _along(count: int, free: bool) -> Float64[np.ndarray, "n"]:
    """Frequencies of a transform's bins in cycles across the axis, zero in the middle."""
    bins = np.fft.fftshift(np.fft.fftfreq(count, 1 / count))
    return bins if free or count < 2 else bins * (count - 1) / count
