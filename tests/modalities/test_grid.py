"""ATT-01, ATT-05: maps find their way back to the cell they came from, half pixels included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver.modalities import grid
from perceiver.modalities.base import Box


def naive(values: np.ndarray, box: Box, size: tuple[int, ...]) -> np.ndarray:
    """For every pixel, by hand: where does its centre lie, measured in cells from the box's start?"""
    out = np.full(size, np.nan)
    for pixel in np.ndindex(size):
        cell = []
        for i, (start, stop), count in zip(pixel, box, values.shape, strict=True):
            place = i + 0.5
            if not start <= place < stop:
                break
            cell.append(min(int((place - start) * (count / (stop - start))), count - 1))
        else:
            out[pixel] = values[tuple(cell)]
    return out


def test_rows_are_rows() -> None:
    values = np.zeros((3, 5))
    values[np.unravel_index(9, (3, 5))] = 1
    laid = grid.lay(values, ((0.0, 3.0), (0.0, 5.0)), (3, 5))
    assert np.argwhere(laid == 1).tolist() == [[1, 4]]
    assert grid.element_at((1, 4), ((0.0, 3.0), (0.0, 5.0)), (3, 5), (3, 5)) == 9


def test_a_pixel_belongs_to_the_cell_its_centre_lies_in() -> None:
    # Two cells over [1, 4): the border is at 2.5, so the pixel with centre 2.5 opens the second cell.
    laid = grid.lay(np.array([1.0, 2.0]), ((1.0, 4.0),), (5,))
    assert np.array_equal(laid, [np.nan, 1, 2, 2, np.nan], equal_nan=True)


def test_a_box_thinner_than_a_pixel_keeps_the_pixel_that_holds_it() -> None:
    laid = grid.lay(np.array([1.0, 2.0, 3.0]), ((2.6, 2.9),), (5,))
    assert np.array_equal(laid, [np.nan, np.nan, 2, np.nan, np.nan], equal_nan=True)
    assert grid.element_at((2,), ((2.6, 2.9),), (3,), (5,)) == 1


def test_any_number_of_axes() -> None:
    values = np.arange(24.0).reshape(2, 3, 4)
    assert np.array_equal(grid.lay(values, ((0.0, 2.0), (0.0, 3.0), (0.0, 4.0)), (2, 3, 4)), values)
    assert grid.element_at((1, 2, 3), ((0.0, 2.0), (0.0, 3.0), (0.0, 4.0)), (2, 3, 4), (2, 3, 4)) == 23


@st.composite
def placements(draw: st.DrawFn) -> tuple[tuple[int, int], Box, tuple[int, int]]:
    """A grid, and a box at least a pixel wide somewhere on an original."""
    shape, size, box = [], [], []
    for _ in range(2):
        length = draw(st.integers(1, 12))
        start = draw(st.floats(0, length - 1))
        box.append((start, draw(st.floats(start + 1, length))))
        shape.append(draw(st.integers(1, 9)))
        size.append(length)
    return (shape[0], shape[1]), (box[0], box[1]), (size[0], size[1])


@settings(deadline=None, derandomize=True, max_examples=40)
@given(placements())
def test_agrees_with_a_walk_over_every_pixel(placement: tuple[tuple[int, int], Box, tuple[int, int]]) -> None:
    shape, box, size = placement
    values = np.arange(float(math.prod(shape))).reshape(shape)
    laid = grid.lay(values, box, size)
    assert np.array_equal(laid, naive(values, box, size), equal_nan=True)
    for pixel in np.ndindex(size):
        element = grid.element_at(pixel, box, shape, size)
        assert np.isnan(laid[pixel]) if element is None else values.flat[element] == laid[pixel]


@settings(deadline=None, derandomize=True, max_examples=40)
@given(placements())
def test_boxes_of_elements_tile_the_box_and_lead_back(
    placement: tuple[tuple[int, int], Box, tuple[int, int]],
) -> None:
    shape, box, size = placement
    boxes = [grid.box_of(element, box, shape) for element in range(math.prod(shape))]
    area = sum((r1 - r0) * (c1 - c0) for (r0, r1), (c0, c1) in boxes)
    assert area == pytest.approx(math.prod(stop - start for start, stop in box))
    for pixel in np.ndindex(size):
        element = grid.element_at(pixel, box, shape, size)
        if element is not None:
            for i, (start, stop) in zip(pixel, boxes[element], strict=True):
                assert start - 1e-9 <= i + 0.5 <= stop + 1e-9


def test_there_is_nothing_outside() -> None:
    box = ((0.0, 4.0), (0.0, 4.0))
    for place in ((-1, 0), (0, -1), (4, 0), (0, 4)):
        assert grid.element_at(place, box, (2, 2), (4, 4)) is None
    for element in (-1, 4):
        with pytest.raises(ValueError, match="there is no input element"):
            grid.box_of(element, box, (2, 2))
