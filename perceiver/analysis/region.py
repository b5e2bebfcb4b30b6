"""Regions of an input: the share of the attention weight that falls inside, and profiles of a map along its axes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64

from ..errors import ConfigError
from ..sample import Part, split
from ..trace import Trace
from .latents import ElementReader

LONGEST = 200
"""Maximum length of a region as text."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?"


@runtime_checkable
class Placed(Protocol):
    """Where the elements of an input lie (`perceiver.export.Layout`)."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def places(self) -> Mapping[str, Float[np.ndarray, "..."]]: ...

    @property
    def coordinates(self) -> Float[np.ndarray, "M axes"] | None: ...

    @property
    def parts(self) -> tuple[Part, ...]: ...


@dataclass(frozen=True)
class CellBox:
    """A box of cells of a grid: (start, stop) per axis, rows first, from 0 and without the last."""

    cells: tuple[tuple[int, int], ...]

    def text(self) -> str:
        """The cells from 1, with the last: "3-10,5-20"."""
        return ",".join(str(stop) if stop - start == 1 else f"{start + 1}-{stop}" for start, stop in self.cells)

    def inside(self, layout: Placed) -> Bool[np.ndarray, "M"]:
        """Which elements lie in the region. Raises ConfigError where the input has no such cells."""
        shape = layout.shape
        if layout.parts or layout.coordinates is not None or len(self.cells) != len(shape):
            axes = "no grid" if layout.parts or layout.coordinates is not None else f"{len(shape)} axes"
            raise ConfigError(
                f"the region {self.text()} is of a grid with {len(self.cells)} axes; this input has {axes}"
            )
        if not all(0 <= start < stop <= n for (start, stop), n in zip(self.cells, shape, strict=True)):
            raise ConfigError(f"the region {self.text()} leaves the grid of {' × '.join(map(str, shape))} elements")
        mask = np.zeros(shape, dtype=bool)
        mask[tuple(slice(*cells) for cells in self.cells)] = True
        return mask.ravel()


@dataclass(frozen=True)
class PlaceBox:
    """The elements whose centre lies in an interval of some axes.

    bounds  axis, low and high; low belongs to the region and high does not. Axes and units are those of
            `Modality.places`: "time" in seconds, "frequency" in hertz, "rows" and "cols" in pixels of the original,
            "x", "y" and "z" in coordinates of the file. Other axes are not bounded.
    """

    bounds: tuple[tuple[str, float, float], ...]

    def text(self) -> str:
        """The intervals by axis: "time=0:0.15,frequency=200:"."""
        return ",".join(f"{axis}={_short(low)}:{_short(high)}" for axis, low, high in self.bounds)

    def inside(self, layout: Placed) -> Bool[np.ndarray, "M"]:
        """Which elements lie in the region. Raises ConfigError for an unknown axis, and where none lies in it."""
        places = element_places(layout)
        mask = np.ones(math.prod(layout.shape), dtype=bool)
        for axis, low, high in self.bounds:
            if axis not in places:
                raise ConfigError(f"this input has no axis {axis!r}; it has {', '.join(places)}")
            # NaN, the place of elements without this axis, lies in no interval.
            mask &= (places[axis] >= low) & (places[axis] < high)
        return _not_empty(mask, self.text())


@dataclass(frozen=True)
class ViewBox:
    """The points of a cloud that appear in a rectangle when it is seen from one side, without perspective.

    azimuth    and elevation of the viewer, in degrees
    up         the axis that points up, from 0
    right      low and high along the direction that points right, in units of `Sample.coordinates`
    upward     low and high along the direction that points up in the picture
    """

    azimuth: float
    elevation: float
    up: int
    right: tuple[float, float]
    upward: tuple[float, float]

    def text(self) -> str:
        """The view and the rectangle: "view=-60:25:z,right=-0.5:0.2,upward=0.1:0.5"."""
        angles = f"view={_short(self.azimuth)}:{_short(self.elevation)}:{'xyz'[self.up]}"
        sides = (f"{name}={_short(a)}:{_short(b)}" for name, (a, b) in (("right", self.right), ("upward", self.upward)))
        return ",".join([angles, *sides])

    def inside(self, layout: Placed) -> Bool[np.ndarray, "M"]:
        """Which elements lie in the region. Raises ConfigError for inputs that are no clouds, and where none does."""
        if layout.coordinates is None or layout.coordinates.shape[1] != 3:
            raise ConfigError(f"the region {self.text()} is of a point cloud")
        points = layout.coordinates.astype(np.float64)
        mask = np.ones(len(points), dtype=bool)
        for direction, (low, high) in zip(self.directions(), (self.right, self.upward), strict=True):
            along = points @ direction
            mask &= (along >= low) & (along <= high)
        return _not_empty(mask, self.text())

    def directions(self) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]]:
        """Unit vectors to the right and upwards in the picture."""
        turn, tilt = math.radians(self.azimuth), math.radians(self.elevation)
        right, upward = np.zeros(3), np.zeros(3)
        order = [(self.up + 1) % 3, (self.up + 2) % 3, self.up]
        right[order] = -math.sin(turn), math.cos(turn), 0.0
        upward[order] = -math.sin(tilt) * math.cos(turn), -math.sin(tilt) * math.sin(turn), math.cos(tilt)
        return right, upward


Region = CellBox | PlaceBox | ViewBox


def parse(text: str) -> Region:
    """The inverse of `Region.text`. Raises ConfigError for anything else."""
    parts = [part.strip() for part in text.split(",")]
    if len(text) <= LONGEST and all(parts):
        if "=" in parts[0]:
            named = dict(part.partition("=")[::2] for part in parts)
            if len(named) == len(parts) and "view" in named:
                return _view(named, text)
            if len(named) == len(parts):
                return PlaceBox(tuple((axis.strip(), *_interval(value, text)) for axis, value in named.items()))
        elif all(re.fullmatch(r"\d{1,9}(-\d{1,9})?", part, re.ASCII) for part in parts):
            ends = [[int(end) for end in part.split("-")] for part in parts]
            if all(1 <= cells[0] <= cells[-1] for cells in ends):
                return CellBox(tuple((cells[0] - 1, cells[-1]) for cells in ends))
    raise _unreadable(text)


def elements_in(region: Region | str | Bool[np.ndarray, "..."], layout: Placed) -> Bool[np.ndarray, "M"]:
    """Which elements lie in a region.

    region  a region, one as text, or which elements lie in it, in the shape of the input

    Raises ConfigError for text that is no region, and for a region that holds no element of this input.
    """
    if isinstance(region, np.ndarray):
        count = math.prod(layout.shape)
        if region.size != count or not region.any():
            raise ConfigError(f"a region marks some of the {count:,} elements of the input")
        return region.astype(bool).ravel()
    return (parse(region) if isinstance(region, str) else region).inside(layout)


def element_places(layout: Placed) -> dict[str, Float64[np.ndarray, "M"]]:
    """The place of every element along each axis, by the axis's name; NaN for elements without that axis."""
    if layout.coordinates is not None:
        (points,) = layout.places.values()
        return {axis: points[:, i].astype(np.float64) for i, axis in enumerate("xyz"[: points.shape[1]])}
    out = {}
    for name, along in layout.places.items():
        values = np.full(math.prod(layout.shape), np.nan)
        for part, axes, elements in _grids(layout):
            if name in axes:
                steps = [-1 if axis == name else 1 for axis in axes]
                values[elements] = np.broadcast_to(np.reshape(along, steps), part).ravel()
        out[name] = values
    return out


@dataclass(frozen=True)
class RegionShares:
    """The share of the attention weight that falls into a region.

    blocks    that have a cross-attention, from 0
    elements  the number of elements in the region
    total     M, the number of all elements
    latents   the share of every latent's weight in each block, mean over heads if none is chosen
    """

    blocks: tuple[int, ...]
    elements: int
    total: int
    latents: Float64[np.ndarray, "blocks N"]

    @property
    def uniform(self) -> float:
        """The share that uniform attention has in the region."""
        return self.elements / self.total

    @property
    def shares(self) -> Float64[np.ndarray, "blocks"]:
        """The share of each block's weight, mean over its latents."""
        return self.latents.mean(axis=1)

    def strongest(self, top: int = 8, *, block: int | None = None) -> tuple[ElementReader, ...]:
        """The latents with the largest share in the region, of one block or of all, largest first."""
        found = [
            ElementReader(its, latent, float(share), float(share) / self.uniform)
            for its, row in zip(self.blocks, self.latents, strict=True)
            if block in (None, its)
            for latent, share in enumerate(row)
        ]
        return tuple(sorted(found, key=lambda one: -one.weight)[:top])


def region_shares(trace: Trace, inside: Bool[np.ndarray, "M"], *, head: int | None = None) -> RegionShares:
    """The share of every latent's attention weight, in all blocks, on the elements that are marked as inside.

    Raises ValueError for a mask of another size or without an element, and for a head that does not exist.
    """
    size = trace.elements
    if inside.shape != (size,) or not inside.any():
        raise ValueError(f"a region marks some of {size} elements; this marks {int(inside.sum())} of {inside.size}")
    elements = torch.from_numpy(np.flatnonzero(inside))
    latents = np.stack([trace.region_weights(block, elements, head=head).numpy() for block in trace.blocks])
    return RegionShares(trace.blocks, len(elements), size, latents)


@dataclass(frozen=True)
class PartShares:
    """The share of the attention weight that each part of an input of several modalities gets.

    names     of the parts, such as "audio" and "video"
    blocks    that have a cross-attention, from 0
    elements  of each part
    latents   the share of every latent's weight in each block, mean over heads if none is chosen; over the parts 1
    """

    names: tuple[str, ...]
    blocks: tuple[int, ...]
    elements: tuple[int, ...]
    latents: Float64[np.ndarray, "parts blocks N"]

    @property
    def uniform(self) -> Float64[np.ndarray, "parts"]:
        """The shares that uniform attention gives: those of the elements."""
        return np.array(self.elements) / sum(self.elements)

    @property
    def shares(self) -> Float64[np.ndarray, "parts blocks"]:
        """The share of each block's weight, mean over its latents."""
        return self.latents.mean(axis=2)


def part_shares(trace: Trace, parts: tuple[Part, ...], *, head: int | None = None) -> PartShares:
    """The share of the weight of every block and latent on each part of an input. Raises ConfigError for a head that
    does not exist, ValueError for an input that is one part."""
    elements = split(parts, np.arange(trace.elements))
    latents = [
        [trace.region_weights(block, torch.from_numpy(each.ravel()), head=head).numpy() for block in trace.blocks]
        for each in elements.values()
    ]
    return PartShares(tuple(elements), trace.blocks, tuple(each.size for each in elements.values()), np.array(latents))


@dataclass(frozen=True)
class Profile:
    """Maps along one axis of a grid.

    axis    its name, as in `Modality.places`
    places  the centres of its cells
    means   of every map over the other axes, in the unit of the maps; times the number of elements, weights are
            multiples of uniform
    cells   the number of elements that a mean is over
    total   M, the number of all elements
    """

    axis: str
    places: Float64[np.ndarray, "n"]
    means: Float64[np.ndarray, "maps n"]
    cells: int
    total: int

    @property
    def uniform(self) -> float:
        """The sum that uniform attention weights have at each place."""
        return self.cells / self.total

    @property
    def sums(self) -> Float64[np.ndarray, "maps n"]:
        """The sums over the other axes: of attention weights, the share at each place."""
        return self.means * self.cells


def profiles(layout: Placed, maps: Float[np.ndarray, "maps ..."]) -> tuple[Profile, ...]:
    """The profile of every map along each axis of the input's grid, or of its grids; none for free elements."""
    if layout.coordinates is not None:
        return ()
    flat = maps.reshape(len(maps), -1)
    out = []
    for shape, axes, elements in _grids(layout):
        grid = flat[:, elements].reshape(len(maps), *shape)
        for i, axis in enumerate(axes):
            means = np.stack([axis_means(one, i) for one in grid])
            cells = math.prod(shape) // shape[i]
            places = np.asarray(layout.places[axis], np.float64)
            out.append(Profile(axis, places, means, cells, flat.shape[1]))
    return tuple(out)


def axis_means(values: Float[np.ndarray, "..."], axis: int) -> Float64[np.ndarray, "n"]:
    """The mean of a map on a grid over all axes but one."""
    others = tuple(i for i in range(values.ndim) if i != axis % values.ndim)
    return values.astype(np.float64).mean(axis=others)


def _grids(layout: Placed) -> Iterator[tuple[tuple[int, ...], tuple[str, ...], np.ndarray]]:
    """Shape, names of the axes, and elements of every grid that has places."""
    every = np.arange(math.prod(layout.shape))
    if not layout.parts:
        yield layout.shape, tuple(layout.places), every
        return
    elements = split(layout.parts, every)
    for part in layout.parts:
        if axes := tuple(name for name in layout.places if name.startswith(f"{part.name}_")):
            yield part.shape, axes, elements[part.name].ravel()


def _view(named: Mapping[str, str], text: str) -> ViewBox:
    found = re.fullmatch(rf"({_NUMBER}):({_NUMBER}):([xyz])", named["view"], re.ASCII)
    if found is None or set(named) != {"view", "right", "upward"}:
        raise _unreadable(text)
    sides = [_interval(named[side], text) for side in ("right", "upward")]
    return ViewBox(float(found[1]), float(found[2]), "xyz".index(found[3]), sides[0], sides[1])


def _interval(value: str, text: str) -> tuple[float, float]:
    """low:high; an end that is left out is not bounded."""
    found = re.fullmatch(rf"\s*({_NUMBER})?\s*:\s*({_NUMBER})?\s*", value, re.ASCII)
    if found is None:
        raise _unreadable(text)
    low, high = float(found[1] or -math.inf), float(found[2] or math.inf)
    if not low < high:
        raise ConfigError(f"the region {text!r} has an interval that ends before it begins")
    return low, high


def _unreadable(text: str) -> ConfigError:
    return ConfigError(
        f"{text[:LONGEST]!r} is no region; one is cells of a grid, such as 3-10,5-20, or intervals of axes, such as "
        "time=0:0.15,frequency=200: or x=-1:0.5"
    )


def _short(value: float) -> str:
    if math.isinf(value):
        return ""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _not_empty(mask: Bool[np.ndarray, "M"], text: str) -> Bool[np.ndarray, "M"]:
    if not mask.any():
        raise ConfigError(f"no element lies in the region {text}")
    return mask
