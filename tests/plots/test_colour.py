"""Colours are matplotlib's own bytes, the same wherever they are drawn."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from perceiver.plots import colour

MAPS = colour.SEQUENTIAL + colour.DIVERGING
THEIRS = {name: "Greys" if name == "greys" else name for name in MAPS}


@pytest.mark.parametrize("name", MAPS)
def test_paint_equals_matplotlib(name: str) -> None:
    unit = np.random.default_rng(0).random((37, 53))
    unit.flat[:3] = 0.0, 1.0, np.nextafter(1.0, 0.0)
    theirs = matplotlib.colormaps[THEIRS[name]](unit, bytes=True)[..., :3]
    np.testing.assert_array_equal(colour.paint(unit, name), theirs)


@pytest.mark.parametrize("name", MAPS)
def test_plotly_steps_equal_paint(name: str) -> None:
    stops = colour.stops(name)
    assert (stops[0][0], stops[-1][0]) == (0, 1)
    assert [place for place, _ in stops] == sorted(place for place, _ in stops)
    for unit in (0.0, 0.1234, 0.5, 0.7501, 1.0):
        below = max(i for i, (place, _) in enumerate(stops) if place <= unit)
        r, g, b = colour.paint(np.array([[unit]]), name)[0, 0]
        assert stops[below][1] == f"#{r:02x}{g:02x}{b:02x}"


def test_known_colours() -> None:
    assert colour.hexes("viridis")[0] == "#440154"
    assert colour.hexes("viridis")[-1] == "#fde724"
    assert colour.css("inferno").startswith("linear-gradient(to right, #000003, ")
    assert colour.css("greys", "to top").endswith("#000000)")


@pytest.mark.parametrize("name", MAPS)
def test_missing_values_stand_apart(name: str) -> None:
    painted = colour.paint(np.array([[np.nan, 0.3]]), name)
    assert tuple(painted[0, 0]) == colour.missing(name)
    distance = np.abs(colour.table(name).astype(int) - colour.missing(name)).sum(1)
    assert distance.min() > 100


@pytest.mark.parametrize("name", colour.SEQUENTIAL)
def test_sequential_maps_are_even_in_lightness(name: str) -> None:
    luma = colour.table(name) @ np.array([0.2126, 0.7152, 0.0722])
    steps = np.diff(luma if name != "greys" else luma[::-1])
    assert steps.min() > -1.5
    assert abs(luma[-1] - luma[0]) > 150


def test_bar_runs_from_low_to_high() -> None:
    bar = colour.bar("magma", length=512, thickness=3)
    assert bar.shape == (3, 512, 3)
    np.testing.assert_array_equal(bar[1, ::2], colour.table("magma"))


def test_tables_are_shared_and_read_only() -> None:
    assert colour.table("magma") is colour.table("magma")
    with pytest.raises(ValueError, match="read-only"):
        colour.table("magma")[0] = 0


def test_unknown_map() -> None:
    with pytest.raises(ValueError, match="no colour map 'jet'; there are viridis"):
        colour.table("jet")
