"""Spectra of maps: against maps whose answer is known, and against least squares done one band at a time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch

from perceiver import Perceiver
from perceiver.analysis.band_baseline import match_bands
from perceiver.analysis.spectrum import Spectrum, reference_bands, spectra
from perceiver.positions import Band, CoordinatesConfig, FourierConfig, LearnedConfig, SegmentConfig, frequencies
from perceiver.trace import Trace
from tests.models import tiny

GRIDS = [((64, 64), 16), ((125,), 32)]
LATENTS = 24


class Drawn(Trace):
    """A trace whose maps are drawn."""

    def latent_maps(self, block: int, latents: slice, *, kind: str = "probability", head: int | None = None):  # type: ignore[no-untyped-def]
        del block, kind, head
        return self.maps[latents]  # type: ignore[attr-defined]


def drawn(maps: np.ndarray, shape: tuple[int, ...], axes: int | None = None) -> Trace:
    config = tiny(
        input_shape=shape,
        content_channels=2,
        num_latents=len(maps),
        plan=((0, 0),),
        position_axes=axes,
        positions=CoordinatesConfig(),
    )
    model = Perceiver(config).eval()
    places = None if axes is None else torch.zeros(1, *shape, axes)
    codes = model.encoding.grid()[None] if places is None else model.encoding.at(places)
    trace = model.trace(model.input_array(torch.zeros(1, config.num_inputs, 2), codes))
    out = Drawn(**{field.name: getattr(trace, field.name) for field in dataclasses.fields(trace)})
    object.__setattr__(out, "maps", torch.from_numpy(maps.reshape(len(maps), -1)).float())
    return out


def code(counts: Sequence[int], highest: Sequence[float]) -> list[Band]:
    return [
        Band(axis, k, float(f), -1, -1)
        for axis, (count, top) in enumerate(zip(counts, highest, strict=True))
        for k, f in enumerate(frequencies(count, 2 * top))
    ]


def fourier(shape: tuple[int, ...], count: int) -> list[Band]:
    return code([count] * len(shape), [n / 2 for n in shape])


def lines(shape: tuple[int, ...]) -> list[np.ndarray]:
    return list(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))


def waves(random: np.random.Generator, x: Sequence[np.ndarray], bands: Sequence[tuple[int, float]]) -> np.ndarray:
    """What a score with random weights for a code draws."""
    return sum(
        random.normal() * np.sin(np.pi * f * x[axis]) + random.normal() * np.cos(np.pi * f * x[axis])
        for axis, f in bands
    )


def natural(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise whose power falls with the square of the frequency, cut out of more so that its edges do not meet."""
    large = [2 * n for n in shape]
    radius = np.sqrt(sum(k**2 for k in np.meshgrid(*[np.fft.fftfreq(n) for n in large], indexing="ij")))
    radius.flat[0] = 1
    whole = np.fft.ifftn(np.fft.fftn(random.normal(size=large)) / radius).real
    return whole[tuple(slice(0, n) for n in shape)]


def only(trace: Trace, bands: Sequence[Band], coordinates: torch.Tensor | None = None) -> Spectrum:
    (found,) = spectra(trace, bands, coordinates)
    return found


def of(draw: Callable[[], np.ndarray], shape: tuple[int, ...], bands: Sequence[Band]) -> Spectrum:
    return only(drawn(np.stack([draw() for _ in range(LATENTS)]), shape), bands)


@pytest.mark.parametrize(("shape", "count"), GRIDS)
class TestRatio:
    def test_of_a_code_with_random_weights_is_large(self, shape: tuple[int, ...], count: int) -> None:
        random, x, bands = np.random.default_rng(0), lines(shape), fourier(shape, count)
        at = [(band.axis, band.frequency) for band in bands]
        found = of(lambda: waves(random, x, at), shape, bands)
        # What is missing is the band of one cycle of each axis.
        assert found.at_bands == pytest.approx(1 - 1 / count, abs=0.03)
        assert found.ratio > 30
        assert found.matched == "between"

    def test_of_waves_halfway_is_small(self, shape: tuple[int, ...], count: int) -> None:
        random, x, bands = np.random.default_rng(1), lines(shape), fourier(shape, count)
        half = [(a.axis, (a.frequency + b.frequency) / 2) for a, b in pairwise(bands) if a.axis == b.axis]
        assert of(lambda: waves(random, x, half), shape, bands).ratio < 0.15

    def test_of_white_noise_is_one(self, shape: tuple[int, ...], count: int) -> None:
        random = np.random.default_rng(2)
        found = of(lambda: random.normal(size=shape), shape, fourier(shape, count))
        assert found.ratio == pytest.approx(1, abs=0.2)

    def test_of_natural_noise_is_about_one(self, shape: tuple[int, ...], count: int) -> None:
        random = np.random.default_rng(3)
        ratios = [of(lambda: natural(random, shape), shape, fourier(shape, count)).ratio for _ in range(4)]
        assert np.exp(np.mean(np.log(ratios))) == pytest.approx(1, abs=0.25)

    def test_of_a_code_under_natural_noise_is_still_large(self, shape: tuple[int, ...], count: int) -> None:
        random, x, bands = np.random.default_rng(4), lines(shape), fourier(shape, count)
        at = [(band.axis, band.frequency) for band in bands]

        def both() -> np.ndarray:
            pattern, noise = waves(random, x, at), natural(random, shape)
            return pattern / pattern.std() + 2 * noise / noise.std()

        assert of(both, shape, bands).ratio > 2

    def test_ramps_have_no_energy_anywhere(self, shape: tuple[int, ...], count: int) -> None:
        random, x = np.random.default_rng(5), lines(shape)
        found = of(lambda: sum(random.normal() * line for line in x), shape, fourier(shape, count))
        assert found.at_bands < 1e-9
        assert math.isnan(found.ratio)


def test_a_band_beyond_what_the_grid_shows_is_looked_for_where_it_appears() -> None:
    # 64 elements show up to 31.5 cycles: 32 look like 31, right beside what lies halfway above the band before.
    bands, x = fourier((64, 64), 16), lines((64, 64))
    found = of(lambda: np.cos(np.pi * 32 * x[1]), (64, 64), bands)
    np.testing.assert_allclose(np.cos(np.pi * 32 * x[1]), -np.cos(np.pi * 31 * x[1]), atol=1e-9)
    assert found.at_bands == pytest.approx(1, abs=0.01)
    assert found.ratio > 10


@pytest.mark.parametrize(
    ("shape", "bands", "resolved"),
    [
        ((64, 64), code((16, 16), (32, 32)), 30),  # not one cycle
        ((48, 50), code((16, 16), (24, 25)), 28),  # nor 24, which appears as 23, beside 22.47
        ((125,), code((32,), (62.5,)), 30),  # 62.5 appears as 61.5, less than one from 60.5
        ((5, 5), code((4, 4), (2, 2)), 6),
        ((9,), code((2,), (20,)), 1),  # 20 appears as 4
    ],
)
def test_bands_that_are_resolved(shape: tuple[int, ...], bands: list[Band], resolved: int) -> None:
    assert match_bands(bands, shape, len(shape)).resolved == resolved


def test_shares_are_least_squares_band_by_band() -> None:
    torch.manual_seed(0)
    shape = (16, 21)
    config = tiny(input_shape=shape, cross_heads=2, positions=FourierConfig(num_bands=3, max_resolution=(10.0, 12.0)))
    model = Perceiver(config).eval()
    trace = model.trace(model.input_array(3 * torch.randn(1, 336, 2), model.encoding.grid()[None]))
    x = [line.ravel() for line in lines(shape)]
    slow = [[line, np.cos(np.pi * line), np.sin(np.pi * line)] for line in x]
    slower = np.stack([np.ones(336), *slow[0], *slow[1]], axis=1)

    def unexplained(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        return values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]

    def energy(block: int, axis: int, f: float) -> float:
        total = []
        for latent in range(4):
            values = trace.map(block, latent=latent, kind="score", head=1).double().numpy()
            values = values - values.mean()
            wave = np.stack([np.cos(np.pi * f * x[axis]), np.sin(np.pi * f * x[axis])], axis=1)
            beside = unexplained(slower, wave)
            total.append(1 - (unexplained(beside, values) ** 2).sum() / (values**2).sum())
        return float(np.mean(total))

    # Axis 1: 1, 3, 5 of 7.5 that can be shown. Axis 2: 1, 3.5, 6 of 10.
    places = [(0, 3, 2, 4), (0, 5, 4, 6), (1, 3.5, 2.25, 4.75), (1, 6, 4.75, 7.25)]
    for found in spectra(trace, model.encoding.bands(), None, head=1):
        at = sum(energy(found.block, axis, f) for axis, f, _, _ in places)
        base = 0.0
        for axis, f, low, high in places:
            weight = np.log(high / f) / np.log(high / low)
            base += energy(found.block, axis, low) ** weight * energy(found.block, axis, high) ** (1 - weight)
        assert found.at_bands == pytest.approx(at, rel=1e-4)
        assert found.baseline == pytest.approx(base, rel=1e-4)
        assert (found.resolved, found.bands, found.matched, found.estimated) == (4, 6, "between", False)


class TestClose:
    """Bands that lie closer than one can look between."""

    def test_on_two_axes_they_are_set_against_other_directions(self) -> None:
        random, shape, bands = np.random.default_rng(6), (32, 32), code((16, 16), (12, 12))
        noise = of(lambda: random.normal(size=shape), shape, bands)
        assert noise.matched == "turned"
        assert noise.ratio == pytest.approx(1, abs=0.15)
        at = [(band.axis, band.frequency) for band in bands]
        assert of(lambda: waves(random, lines(shape), at), shape, bands).ratio > 10

    def test_on_one_axis_there_is_nothing_to_set_them_against(self) -> None:
        random = np.random.default_rng(7)
        found = of(lambda: random.normal(size=(50,)), (50,), code((20,), (20,)))
        assert found.matched == "none"
        assert found.at_bands > 0
        assert math.isnan(found.ratio)


class TestFree:
    """Points on the faces of a box, as many as a small cloud has."""

    points = np.random.default_rng(8).uniform(-1, 1, size=(600, 3))
    points[np.arange(600), np.arange(600) % 3] = np.sign(points[np.arange(600), np.arange(600) % 3])
    apart = code((6, 6, 6), (40, 40, 40))
    close = code((8, 8, 8), (8, 8, 8))

    def of(self, draw: Callable[[], np.ndarray], bands: Sequence[Band]) -> Spectrum:
        maps = np.stack([draw() for _ in range(LATENTS)])
        return only(drawn(maps, (600,), axes=3), bands, torch.from_numpy(self.points).float())

    @pytest.mark.parametrize("bands", [apart, close])
    def test_ratios(self, bands: list[Band]) -> None:
        random, x = np.random.default_rng(9), list(self.points.T)
        at = [(band.axis, band.frequency) for band in bands]
        assert self.of(lambda: random.normal(size=600), bands).ratio == pytest.approx(1, abs=0.2)
        assert self.of(lambda: waves(random, x, at), bands).ratio > 2.5
        assert math.isnan(self.of(lambda: self.points @ random.normal(size=3), bands).ratio)

    def test_what_is_told_of_it(self) -> None:
        random = np.random.default_rng(10)
        found = self.of(lambda: random.normal(size=600), self.apart)
        assert (found.matched, found.resolved, found.bands, found.estimated) == ("between", 15, 18, True)
        assert self.of(lambda: random.normal(size=600), self.close).matched == "turned"
        assert found.energy.shape == (32, 32, 32)
        # So few points that after a shift hardly any lies on another.
        assert math.isnan(found.regularity)
        assert found.at_bands < 1


class TestEnergy:
    def test_of_a_wave_lies_at_its_frequency_and_its_mirror(self) -> None:
        # 3 bins of 16 elements: 3 * 15 / 16 cycles from the first element to the last.
        rows = np.cos(2 * np.pi * 3 * np.arange(16) / 16)
        found = of(lambda: np.repeat(rows[:, None], 10, axis=1), (16, 10), fourier((16, 10), 2))
        assert found.energy.sum() == pytest.approx(1)
        middle = int(np.flatnonzero(found.frequencies[1] == 0)[0])
        for f in (-3, 3):
            row = int(np.argmin(abs(found.frequencies[0] - f * 15 / 16)))
            assert found.energy[row, middle] == pytest.approx(0.5)

    def test_frequencies_are_cycles_from_the_first_element_to_the_last(self) -> None:
        found = of(lambda: np.arange(10.0).reshape(5, 2) ** 2, (5, 2), fourier((5, 2), 2))
        np.testing.assert_allclose(found.frequencies[0], [-1.6, -0.8, 0, 0.8, 1.6])
        assert found.energy[2, 1] == 0  # zero frequency

    def test_maps_weigh_alike_and_flat_ones_are_left_out(self) -> None:
        x = lines((32, 32))
        maps = np.stack([100 * np.sin(np.pi * 5 * x[0]), np.sin(np.pi * 7 * x[1]), np.full((32, 32), 3.0)])
        found = only(drawn(maps, (32, 32)), code((2, 2), (5, 7)))
        assert found.at_bands == pytest.approx(0.97, abs=0.02)
        column = found.energy[16, :].sum() / found.energy.sum()
        assert column == pytest.approx(0.5, abs=0.02)

    def test_without_any_but_flat_maps_nothing_is_measured(self) -> None:
        found = only(drawn(np.ones((2, 8, 8)), (8, 8)), fourier((8, 8), 3))
        assert math.isnan(found.at_bands)
        assert found.regularity == 0
        assert found.energy.sum() == pytest.approx(1)


class TestSegments:
    SEGMENTS = (
        SegmentConfig("sound", (60,), 2, FourierConfig(8, (60.0,))),
        SegmentConfig("label", (1,)),
        SegmentConfig("frames", (4, 12, 16), 2, FourierConfig(4, (4.0, 12.0, 16.0))),
    )

    def test_each_is_measured_as_an_input_of_its_own(self) -> None:
        random = np.random.default_rng(8)
        sound, label, frames = (random.normal(size=(6, *one.shape)) for one in self.SEGMENTS)
        own = {"sound": fourier((60,), 8), "frames": fourier((4, 12, 16), 4)}
        bands = own["sound"] + [dataclasses.replace(band, axis=band.axis + 1) for band in own["frames"]]
        maps = np.concatenate([part.reshape(6, -1) for part in (sound, label, frames)], axis=1)
        found = list(spectra(drawn(maps, (maps.shape[1],)), bands, None, segments=self.SEGMENTS))
        assert [one.part for one in found] == ["sound", "frames"]
        for one, values in zip(found, (sound, frames), strict=True):
            alone = only(drawn(values, values.shape[1:]), own[str(one.part)])
            np.testing.assert_allclose(one.energy, alone.energy, rtol=1e-12)
            for name in ("at_bands", "baseline", "regularity", "resolved", "bands", "matched"):
                assert getattr(one, name) == pytest.approx(getattr(alone, name)), name

    def test_reference_bands_are_those_of_each_grid(self) -> None:
        config = tiny(input_shape=(829,), content_channels=2, segments=self.SEGMENTS, padded_to=40)
        bands = reference_bands(config)
        for axis, size in enumerate((60, 4, 12, 16)):
            assert max(band.frequency for band in bands if band.axis == axis) == size / 2


class TestReferenceBands:
    def test_reach_what_a_grid_can_show(self) -> None:
        config = tiny(input_shape=(64, 48), positions=LearnedConfig(dim=5))
        bands = reference_bands(config)
        own = Perceiver(tiny(input_shape=(64, 48), positions=FourierConfig(num_bands=16, max_resolution=(64.0, 48.0))))
        expected = own.encoding.bands()
        assert [(b.axis, b.index, b.frequency) for b in bands] == [(b.axis, b.index, b.frequency) for b in expected]

    def test_of_free_elements_reach_what_as_many_on_a_grid_would(self) -> None:
        config = tiny(input_shape=(1000,), position_axes=3, positions=CoordinatesConfig())
        bands = reference_bands(config)
        assert {band.axis for band in bands} == {0, 1, 2}
        assert max(band.frequency for band in bands) == 5.0
