"""How well maps repeat themselves: maps of which it is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from perceiver.analysis.regularity import few, repeats

ROWS, COLUMNS = np.mgrid[0:48, 0:40]
LINE = np.arange(125)


def regular(*maps: np.ndarray, mask: np.ndarray | None = None) -> float:
    off = np.stack([one - one.mean() for one in maps]).astype(np.float64)
    return float(repeats(off, np.ones(maps[0].shape) if mask is None else mask).mean())


def many(draw: Callable[[], np.ndarray]) -> float:
    return regular(*[draw() for _ in range(12)])


def test_lattices_repeat_themselves() -> None:
    assert regular(np.sin(2 * np.pi * COLUMNS / 7.3)) > 0.9
    assert regular(np.sin(2 * np.pi * COLUMNS / 7.3) + np.sin(2 * np.pi * ROWS / 5.1)) > 0.85
    assert regular(np.sign(np.sin(np.pi * ROWS / 6 + 0.1) * np.sin(np.pi * COLUMNS / 5 + 0.1))) > 0.8
    assert regular(np.sin(2 * np.pi * LINE / 9.7)) > 0.95


def test_scale_and_offset_do_not_matter() -> None:
    wave = np.sin(2 * np.pi * COLUMNS / 7.3) + 0.2 * np.cos(ROWS)
    assert regular(wave) == pytest.approx(regular(5 - 100 * wave))


def test_a_lattice_over_something_broad_and_bright_does() -> None:
    spot = np.exp(-((ROWS - 20) ** 2 + (COLUMNS - 20) ** 2) / 400)
    assert regular(5 * spot + 0.3 * np.sin(2 * np.pi * COLUMNS / 5.3)) > 0.6


def test_what_is_smooth_does_not() -> None:
    spots = [np.exp(-((ROWS - r) ** 2 + (COLUMNS - c) ** 2) / s) for r, c, s in ((20, 20, 90), (5, 30, 40), (40, 3, 9))]
    assert regular(*spots) < 0.1
    assert regular(ROWS - 2.0 * COLUMNS) < 0.1
    assert regular((COLUMNS > 17) * 1.0, (ROWS > 30) * 1.0) < 0.1
    assert regular(np.exp(-((LINE - 40) ** 2) / 200), LINE * 1.0) < 0.2


def test_noise_hardly_does() -> None:
    random = np.random.default_rng(0)
    assert many(lambda: random.normal(size=(48, 40))) < 0.15
    assert many(lambda: np.cumsum(np.cumsum(random.normal(size=(48, 40)), 0), 1)) < 0.15
    # The shorter the line, the better noise happens to match itself.
    assert many(lambda: random.normal(size=125)) < 0.35
    assert many(lambda: np.cumsum(random.normal(size=125))) < 0.4


def test_half_a_lattice_half_noise_lies_between() -> None:
    random = np.random.default_rng(1)
    wave = np.sqrt(2) * np.sin(2 * np.pi * COLUMNS / 7.3)
    assert many(lambda: wave + random.normal(size=wave.shape)) == pytest.approx(0.5, abs=0.1)


def test_holes_are_left_out() -> None:
    wave = np.sin(2 * np.pi * COLUMNS / 8)
    mask = np.ones(wave.shape)
    mask[10:30, 5:12] = 0
    wave = np.where(mask > 0, wave - wave[mask > 0].mean(), 0.0)
    assert float(repeats(wave[None], mask)[0]) > 0.9


def test_where_elements_lie_too_thinly_it_cannot_be_told() -> None:
    random = np.random.default_rng(2)
    mask = (random.random((16, 16, 16)) < 0.03).astype(np.float64)
    assert np.isnan(repeats((random.normal(size=mask.shape) * mask)[None], mask)).all()


def test_of_many_maps_evenly_spread_ones_are_looked_at() -> None:
    assert few(5, (8, 8)).tolist() == [0, 1, 2, 3, 4]
    assert few(256, (64, 64)).tolist()[:2] == [0, 4]
    assert len(few(256, (64, 64))) == 64
    assert 4 <= len(few(512, (224, 224))) <= 16
