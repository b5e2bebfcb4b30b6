"""Inputs whose elements lie on a grid: which cell covers which place of the original, for any number of axes.

Coordinates are continuous: pixel i of an axis covers [i, i + 1), its centre is i + 0.5, and a box runs from edge to
edge. That is the half pixel that is lost when maps drift towards one corner.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from ..sample import Sample
from ..validation import index_of
from .base import Box, Modality

_ROUNDING = 1e-9


class GridModality(Modality):
    """A modality whose elements lie on one grid, so that the way back follows from the grid's place."""

    def grid_box(self, sample: Sample) -> tuple[Box, tuple[int, ...]]:
        """Where the grid lies on the original, in places of the original's array, and the size of that array."""
        return sample.box, sample.original.shape[: len(sample.shape)]

    def to_original(self, sample: Sample, values: Float[np.ndarray, "*grid"]) -> Float[np.ndarray, "*size"]:
        """Lays a map on the original, nearest neighbour; NaN where there is no element.

        A place of the original takes the value of the element that its centre lies in. Raises ValueError for a map of
        another shape.
        """
        if values.shape != sample.shape:
            raise ValueError(f"the map is {values.shape}, the input {sample.shape}")
        return lay(values, *self.grid_box(sample))

    def element_at(self, sample: Sample, *index: int) -> int | None:
        """The input element that covers one place of the original; None where there is none."""
        box, size = self.grid_box(sample)
        return element_at(index, box, sample.shape, size)

    def box_of(self, sample: Sample, element: int) -> Box:
        """Where one input element lies on the original, in the units of `Sample.box`.

        Raises ConfigError for an element that does not exist.
        """
        return box_of(element, sample.box, sample.shape)


def lay(values: Float[np.ndarray, "*grid"], box: Box, size: tuple[int, ...]) -> Float[np.ndarray, "*size"]:
    """Lays a grid of values over its box on an original of this size, nearest neighbour; NaN outside the box."""
    cells = [_cells(*where) for where in zip(box, values.shape, size, strict=True)]
    inside = np.ix_(*(axis >= 0 for axis in cells))
    out = np.full(size, np.nan, dtype=values.dtype)
    out[inside] = values[np.ix_(*(axis[axis >= 0] for axis in cells))]
    return out


def element_at(index: tuple[int, ...], box: Box, shape: tuple[int, ...], size: tuple[int, ...]) -> int | None:
    """The grid element (row-major) that covers one pixel of the original; None outside the box or the original."""
    if not all(0 <= i < length for i, length in zip(index, size, strict=True)):
        return None
    cells = [int(_cells(*where)[i]) for i, where in zip(index, zip(box, shape, size, strict=True), strict=True)]
    return None if min(cells) < 0 else int(np.ravel_multi_index(cells, shape))


def box_of(element: int, box: Box, shape: tuple[int, ...]) -> Box:
    """The part of the original that one grid element covers. Raises ConfigError for an element outside the grid."""
    total = int(np.prod(shape))
    out = []
    place = np.unravel_index(index_of("input element", element, total), shape)
    for cell, (start, stop), count in zip(place, box, shape, strict=True):
        step = (stop - start) / count
        out.append((start + int(cell) * step, start + (int(cell) + 1) * step))
    return tuple(out)


def centres(interval: tuple[float, float], count: int) -> Float[np.ndarray, "count"]:
    """The centres of an axis's cells on the original."""
    start, stop = interval
    return start + (np.arange(count) + 0.5) * (stop - start) / count


def uncovered(edges: Float[np.ndarray, "edges"], covered: Sequence[tuple[float, float]]) -> Bool[np.ndarray, "cells"]:
    """Whether the cells between ascending edges share nothing with any of the intervals (start, stop)."""
    starts, stops = np.array(sorted(covered), dtype=np.float64).reshape(-1, 2).T
    # The first interval that ends after a cell begins; edges are rounded.
    after = np.searchsorted(np.maximum.accumulate(stops), edges[:-1] + _ROUNDING, side="right")
    return np.append(starts, np.inf)[after] >= edges[1:] - _ROUNDING


def cell_weights(cells: tuple[float, float], count: int, size: int) -> Float[np.ndarray, "count size"]:
    """What each of `size` entries of an axis, each 1 wide, adds to the mean over each of `count` equal cells from
    `cells[0]` to `cells[1]`. Rows add up to 1."""
    edges, entry = np.linspace(*cells, count + 1), np.arange(size)
    shared = np.minimum(edges[1:, None], entry + 1) - np.maximum(edges[:-1, None], entry)
    shared = np.maximum(shared, 0)
    return shared / shared.sum(1, keepdims=True)


def _cells(interval: tuple[float, float], count: int, length: int) -> Int[np.ndarray, "length"]:
    """For every pixel of one axis the cell its centre lies in, -1 outside the interval."""
    start, stop = interval
    centres = np.arange(length) + 0.5
    inside = (centres >= start) & (centres < stop)
    if not inside.any():
        # An interval thinner than a pixel can miss every centre; it still belongs to the pixel that holds it.
        middle = (start + stop) / 2
        pixel = min(max(int(middle), 0), length - 1)
        inside[pixel], centres[pixel] = True, middle
    cells = np.floor((centres - start) * (count / (stop - start))).clip(0, count - 1)
    return np.where(inside, cells, -1).astype(np.int64)
