"""Drawings: what a pen covers against a loop over points, and the colours in which a picture is drawn."""

from __future__ import annotations

import io
import math
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from perceiver.errors import InputError
from perceiver.modalities.image.strokes import Page, Stroke, coverage, render

ZIGZAG = Stroke(0.12, ((0.2, 0.1), (0.75, 0.25), (0.3, 0.55)))
DOT = Stroke(0.3, ((0.8, 0.6),))


def distance(x: float, y: float, stroke: Stroke) -> float:
    """From a place to the way of the pen."""
    points = stroke.points
    nearest = min(math.dist((x, y), point) for point in points)
    for (ax, ay), (bx, by) in pairwise(points):
        along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
        if 0 <= along <= 1:
            nearest = min(nearest, math.dist((x, y), (ax + along * (bx - ax), ay + along * (by - ay))))
    return nearest


def test_coverage_is_what_lies_within_half_a_width_of_the_way() -> None:
    height, width, finer = 18, 24, 8
    expected = np.zeros((height, width))
    for row, column in np.ndindex(height * finer, width * finer):
        place = ((column + 0.5) / finer / width, (row + 0.5) / finer / width)
        if any(distance(*place, stroke) <= stroke.width / 2 for stroke in (ZIGZAG, DOT)):
            expected[row // finer, column // finer] += 1 / finer**2
    found = coverage([ZIGZAG, DOT], height, width)
    assert found.shape == expected.shape
    # The edge lies within about an eighth of a pixel.
    assert np.abs(found - expected).max() < 0.25
    assert np.abs(found - expected).mean() < 0.02
    assert found.sum() == pytest.approx(expected.sum(), rel=0.02)


def test_a_picture_has_the_ink_on_the_ground() -> None:
    half = Stroke(1.0, ((0.0, 0.0), (1.0, 0.0)))  # the upper half of a square
    grey = Image.open(io.BytesIO(render([half], Page(8, 8))))
    assert grey.mode == "L"
    assert np.asarray(grey)[1:3].max() == 0
    assert np.asarray(grey)[5:].min() == 255
    colours = Image.open(io.BytesIO(render([half], Page(8, 8, ink=(10, 200, 30), ground=(250, 240, 230)))))
    assert colours.mode == "RGB"
    assert colours.getpixel((4, 1)) == (10, 200, 30)
    assert colours.getpixel((4, 7)) == (250, 240, 230)


def test_a_page_is_that_of_the_pictures_that_a_model_was_trained_on() -> None:
    digits = Page.of((28, 28), {"channels": 1, "mean": [0.13], "std": [0.31]})
    assert digits == Page(28, 28, ink=(255, 255, 255), ground=(0, 0, 0))
    assert Page.of((32, 32), {"mean": [0.45, 0.42, 0.36]}) == Page(32, 32, ink=(0, 0, 0), ground=(255, 255, 255))
    assert Page.of((4, 6), {}).ground == (255, 255, 255)  # a model without a mean says nothing of its pictures
    stem = {"pixels": [32, 48], "cells": [[0.0, 32.0], [0.0, 48.0]]}
    assert (Page.of((8, 12), stem).height, Page.of((8, 12), stem).width) == (32, 48)


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        ([], "nothing is drawn"),
        ([Stroke(0.1, ())], "nothing is drawn"),
        ([Stroke(0.0, ((0.1, 0.1),))], "widths and places"),
        ([Stroke(0.1, ((0.1, float("nan")),))], "widths and places"),
        ([Stroke(0.1, ((0.1, 1e9),))], "widths and places"),
        ([Stroke(0.1, ((0.1, 0.1),) * 50_001)], "50,000 points"),
    ],
)
def test_what_is_no_drawing_is_refused(strokes: list[Stroke], words: str) -> None:
    with pytest.raises(InputError, match=words):
        render(strokes, Page(8, 8))


def test_strokes_too_wide_for_their_points_are_refused() -> None:
    """Each point is a disc of the pen's width, and 50,000 of the whole page would be rendered for a minute."""
    with pytest.raises(InputError, match="too wide for so many points"):
        render([Stroke(1.0, ((0.5, 0.5),) * 50_000)], Page(224, 224))
