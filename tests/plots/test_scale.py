"""Colour scales on the maps that go wrong: one hot cell, all alike, one block ten times the other, not finite."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver.plots.block_maps import block_maps, scaled_rows
from perceiver.plots.scale import FLAT_PLACE, ColourScale, modes, usable_mode

RNG = np.random.default_rng(0)


def spread(size: int = 1000) -> np.ndarray:
    """The values 1 to `size`, as a map that adds up to 1, in an order that is not sorted."""
    values = np.arange(1, size + 1, dtype=np.float64)
    return RNG.permutation(values / values.sum()).reshape(20, -1)


class TestShared:
    def test_runs_from_zero_to_the_percentile_of_everything_shown(self) -> None:
        maps = [np.arange(0, 100.0).reshape(10, 10), np.arange(100.0, 200.0).reshape(10, 10)]
        first, second = ColourScale("shared", percentile=90.0).limits(maps, "value")
        assert first == second
        # Of 0..199 the value at place floor(0.9 * 199) = 179.
        assert (first.lower, first.upper) == (0.0, 179.0)
        assert first.above == pytest.approx(20 / 200)
        assert first.mass_above == pytest.approx(sum(range(180, 200)) / sum(range(200)))
        assert first.below == 0
        assert first.comparable
        np.testing.assert_allclose(first.apply(np.array([[0.0, 89.5, 179.0, 199.0]])), [[0, 0.5, 1, 1]])

    def test_one_hot_cell_does_not_take_the_scale(self) -> None:
        values = 0.01 * RNG.random((14, 14))
        values[5, 6] = 1.0
        (scale,) = ColourScale().limits([values])
        rest = np.delete(values, 5 * 14 + 6)
        assert scale.upper == rest.max()
        assert scale.above == 1 / 196
        unit = scale.apply(values)
        assert unit[5, 6] == 1
        assert np.delete(unit, 5 * 14 + 6).std() > 0.2
        assert "0.51 % of the elements, which hold" in scale.sentence()

    def test_a_strong_block_and_a_weak_one_stay_apart(self) -> None:
        weak = 0.01 * RNG.random((14, 14))
        scales = ColourScale(percentile=100.0).limits([weak, 10 * weak])
        low, high = (scale.apply(v) for scale, v in zip(scales, (weak, 10 * weak), strict=True))
        np.testing.assert_allclose(high, 10 * low, rtol=1e-5)
        assert high.max() == 1

    def test_when_the_percentile_misses_all_that_stands_out_the_largest_ends_the_scale(self) -> None:
        values = np.zeros((3, 5))
        values.flat[9] = 1
        (scale,) = ColourScale().limits([values])
        assert (scale.lower, scale.upper, scale.above) == (0, 1, 0)
        assert scale.apply(values).flat[9] == 1

    def test_scores_begin_at_the_matching_low_percentile(self) -> None:
        values = np.arange(-100.0, 100.0).reshape(10, 20)
        values[0, 0] = -1e6
        (scale,) = ColourScale(percentile=99.0).limits([values], "score")
        assert (scale.lower, scale.upper) == (-98.0, 97.0)
        assert scale.below == pytest.approx(2 / 200)
        assert scale.above == pytest.approx(2 / 200)
        assert scale.mass_above is None

    def test_the_uniform_level_is_marked(self) -> None:
        (scale,) = ColourScale().limits([spread()])
        assert scale.uniform == 1 / 1000
        (mark,) = [tick for tick in scale.ticks() if tick.mark]
        assert (mark.value, mark.label) == (1 / 1000, "uniform")
        assert mark.place == pytest.approx(0.001 / scale.upper)
        assert ColourScale().limits([spread()], "value")[0].uniform is None


class TestUniform:
    def test_values_times_m(self) -> None:
        values = spread() ** 3
        values /= values.sum()
        (scale,) = ColourScale("uniform", percentile=100.0).limits([values])
        assert (scale.factor, scale.uniform, scale.lower) == (1000, 1, 0)
        assert scale.upper == pytest.approx(1000 * values.max())
        np.testing.assert_allclose(scale.shown(values).mean(), 1)
        np.testing.assert_allclose(scale.apply(values), values / values.max(), rtol=1e-6)

    def test_maps_of_different_sizes_share_the_scale(self) -> None:
        small, large = np.array([[0.75, 0.25]]), np.array([[0.375, 0.375, 0.125, 0.125]])
        scales = ColourScale("uniform", percentile=100.0).limits([small, large])
        assert [scale.factor for scale in scales] == [2, 4]
        np.testing.assert_array_equal(scales[0].apply(small), [[0.75, 0.25]])
        np.testing.assert_array_equal(scales[1].apply(large), [[0.75, 0.75, 0.25, 0.25]])

    def test_no_preference_never_looks_hot(self) -> None:
        values = np.array([[0.26, 0.24, 0.25, 0.25]])
        (scale,) = ColourScale("uniform").limits([values])
        assert scale.upper == 2
        np.testing.assert_allclose(scale.apply(values), [[0.52, 0.48, 0.5, 0.5]])

    def test_the_mark_is_at_one(self) -> None:
        (scale,) = ColourScale("uniform").limits([spread()])
        (mark,) = [tick for tick in scale.ticks() if tick.mark]
        assert (mark.value, mark.label) == (1, "1")


class TestPerMap:
    def test_each_map_has_its_own_range_and_is_flagged(self) -> None:
        weak = 0.5 + np.arange(100.0).reshape(10, 10)
        scales = ColourScale("per_map", percentile=100.0).limits([weak, 10 * weak], "value")
        assert [(scale.lower, scale.upper) for scale in scales] == [(0.5, 99.5), (5, 995)]
        assert not any(scale.comparable for scale in scales)
        np.testing.assert_allclose(scales[0].apply(weak), scales[1].apply(10 * weak))
        assert "not comparable" in scales[0].sentence()


class TestLog:
    def test_floor_and_places(self) -> None:
        values = np.array([[1.0, 0.1, 0.01, 1e-9]]) / 1.11
        (scale,) = ColourScale("log").limits([values])
        assert scale.floor == pytest.approx(1 / 400)  # 1/(100 M)
        assert (scale.lower, scale.upper) == (scale.floor, values.max())
        assert scale.below == 1 / 4
        top, bottom = np.log10(scale.upper), np.log10(scale.floor)
        np.testing.assert_allclose(
            scale.apply(values)[0], [1, 1 - 1 / (top - bottom), 1 - 2 / (top - bottom), 0], atol=1e-6
        )
        assert "25.0 % of the elements lie below the floor of 0.0025" in scale.sentence()

    def test_the_range_ends_where_the_values_do(self) -> None:
        values = np.array([[0.4, 0.3, 0.2, 0.1]])
        (scale,) = ColourScale("log").limits([values])
        assert (scale.lower, scale.upper, scale.clipped) == (0.1, 0.4, 0)

    def test_zero_is_the_lowest_colour(self) -> None:
        (scale,) = ColourScale("log").limits([np.array([[0.0, 0.5, 0.5]])])
        np.testing.assert_array_equal(scale.apply(np.array([[0.0, 0.5]])), [[0, 1]])

    def test_labels_are_round(self) -> None:
        (scale,) = ColourScale("log").limits([np.array([[1e-3, 1e-2, 1e-1, 0.889]])])
        assert [tick.label for tick in scale.ticks(apart=0.01)] == [
            *("≤ 0.0025", "0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "uniform", "0.5", "0.889")
        ]


class TestSigned:
    @pytest.mark.parametrize("mode", ["shared", "uniform", "per_map"])
    def test_symmetric_about_zero(self, mode: str) -> None:
        values = np.array([[-0.3, 0.1, 0.2, 0.0]])
        (scale,) = ColourScale(mode, percentile=100.0, signed=True).limits([values])  # type: ignore[arg-type]
        assert scale.lower == -scale.upper
        np.testing.assert_allclose(scale.apply(values), [[0, 2 / 3, 5 / 6, 0.5]], rtol=1e-6)
        assert scale.uniform is None
        assert "symmetric about 0" in scale.sentence()
        assert "0" in [tick.label for tick in scale.ticks()]

    def test_equal_maps_differ_by_nothing(self) -> None:
        noise = 1e-9 * RNG.standard_normal((8, 8))
        (scale,) = ColourScale(signed=True).limits([noise])
        assert scale.flat
        np.testing.assert_allclose(scale.apply(noise), 0.5, atol=1e-5)


class TestFlat:
    @pytest.mark.parametrize("mode", ["shared", "uniform", "per_map", "log"])
    def test_an_even_map_is_flat_and_low(self, mode: str) -> None:
        values = np.full((14, 14), 1 / 196, dtype=np.float32)
        values[2, 3] += 1e-9
        (scale,) = ColourScale(mode).limits([values])  # type: ignore[arg-type]
        assert scale.flat
        np.testing.assert_allclose(scale.apply(values), FLAT_PLACE, atol=1e-4)
        assert "the colour says nothing" in scale.sentence()

    def test_flat_scores(self) -> None:
        values = np.full((3, 3), -7.0)
        (scale,) = ColourScale().limits([values], "score")
        assert scale.flat
        np.testing.assert_allclose(scale.apply(values), FLAT_PLACE)

    @pytest.mark.parametrize("mode", ["shared", "per_map", "log"])
    @pytest.mark.parametrize("value", [0.0, 5e-324])
    def test_nothing_is_divided_by_zero(self, mode: str, value: float) -> None:
        with np.errstate(all="raise", under="ignore"):
            (scale,) = ColourScale(mode).limits([np.full((3, 3), value)], "value")  # type: ignore[arg-type]
            unit = scale.apply(np.full((3, 3), value))
            assert scale.ticks()
        assert scale.flat
        assert np.ptp(unit) == 0

    def test_an_even_map_beside_another_keeps_the_shared_scale(self) -> None:
        even, peaked = np.full((1, 100), 0.01), np.zeros((1, 100))
        peaked[0, :10] = 0.1
        scale, _ = ColourScale().limits([even, peaked])
        assert not scale.flat
        np.testing.assert_allclose(scale.apply(even), 0.1, rtol=1e-6)


class TestNotFinite:
    def test_counted_left_out_and_kept_apart(self) -> None:
        values = spread()
        holed = values.copy()
        holed[0, 0], holed[1, 1], holed[2, 2] = np.nan, np.inf, -np.inf
        (scale,) = ColourScale(percentile=100.0).limits([holed])
        assert scale.missing == 3
        assert scale.upper == np.max(holed[np.isfinite(holed)])
        unit = scale.apply(holed)
        assert unit.dtype == np.float32
        assert np.isnan(unit).sum() == 3
        assert np.isnan(unit[[0, 1, 2], [0, 1, 2]]).all()
        assert "3 elements are not finite" in scale.sentence()

    @pytest.mark.parametrize("mode", ["shared", "uniform", "per_map", "log"])
    def test_nothing_finite(self, mode: str) -> None:
        (scale,) = ColourScale(mode).limits([np.full((2, 2), np.nan)])  # type: ignore[arg-type]
        assert scale.flat
        assert scale.missing == 4
        assert scale.ticks()
        assert np.isnan(scale.apply(np.full((2, 2), np.nan))).all()


class TestTicks:
    def test_round_numbers_between_the_ends(self) -> None:
        values = np.linspace(0, 0.0021, 500).reshape(20, 25)
        (scale,) = ColourScale(percentile=100.0).limits([values], "value")
        ticks = scale.ticks()
        assert [tick.label for tick in ticks] == ["0", "0.0005", "0.001", "0.0015", "0.0021"]
        np.testing.assert_allclose([tick.place for tick in ticks], [0, 5 / 21, 10 / 21, 15 / 21, 1])

    def test_a_clipped_end_says_so(self) -> None:
        (scale,) = ColourScale(percentile=90.0).limits([np.arange(200.0).reshape(10, 20)], "score")
        labels = [tick.label for tick in scale.ticks()]
        assert (labels[0], labels[-1]) == ("≤ 20", "≥ 179")

    @pytest.mark.parametrize("apart", [0.05, 0.1, 0.33])
    def test_labels_keep_their_distance(self, apart: float) -> None:
        for mode in ("shared", "uniform", "per_map", "log"):
            (scale,) = ColourScale(mode).limits([spread() ** 3])  # type: ignore[arg-type]
            places = [tick.place for tick in scale.ticks(apart=apart) if tick.label]
            assert len(places) >= 2
            assert np.diff(places).min() >= apart - 1e-9

    def test_the_level_stays_marked_where_its_label_has_no_room(self) -> None:
        values = np.r_[np.full(90, 0.0102), np.full(10, 0.0082)].reshape(10, 10)
        (scale,) = ColourScale("per_map").limits([values])
        (mark,) = [tick for tick in scale.ticks(apart=0.33) if tick.mark]
        assert mark.label == ""


class TestRefusals:
    def test_modes_fit_the_quantity(self) -> None:
        assert modes("probability") == ("shared", "uniform", "per_map", "log")
        assert modes("probability", signed=True) == ("shared", "uniform", "per_map")
        assert modes("value") == ("shared", "per_map", "log")
        assert modes("score") == modes("entropy") == modes("value", signed=True) == ("shared", "per_map")
        for what in ("score", "entropy"):
            for mode in ("uniform", "log"):
                with pytest.raises(ValueError, match="makes no sense"):
                    ColourScale(mode).limits([spread()], what)  # type: ignore[arg-type]

    def test_bad_percentiles(self) -> None:
        for percentile in (50.0, 100.5, float("nan")):
            with pytest.raises(ValueError, match="percentile"):
                ColourScale(percentile=percentile)

    def test_no_maps_and_empty_maps(self) -> None:
        for maps in ([], [np.zeros((0, 3))]):
            with pytest.raises(ValueError, match="at least one map"):
                ColourScale().limits(maps)


def test_modes_that_make_no_sense_give_way_to_the_shared_one() -> None:
    assert usable_mode("log", "score") == "shared"
    assert usable_mode("log", "probability", signed=True) == "shared"
    assert usable_mode("log", "probability") == "log"


MAPS = {0: np.array([[0.1, 0.9]]), 2: np.array([[0.3, 0.7]]), 3: np.array([[0.6, 0.4]])}


class TestBlockMaps:
    def test_maps_share_a_scale(self) -> None:
        found = block_maps(MAPS, "probability")
        assert [(one.block, one.base) for one in found] == [(0, None), (2, None), (3, None)]
        assert len({(one.range.lower, one.range.upper) for one in found}) == 1
        assert found[1].summary.maximum == pytest.approx(0.7)

    def test_changes_are_to_the_block_before_or_to_the_first(self) -> None:
        before, first = (block_maps(MAPS, "probability", since=since) for since in ("previous", "first"))
        assert [(one.block, one.base) for one in before] == [(2, 0), (3, 2)]
        assert [(one.block, one.base) for one in first] == [(2, 0), (3, 0)]
        np.testing.assert_allclose(before[1].values, [[0.3, -0.3]])
        np.testing.assert_allclose(first[1].values, [[0.5, -0.5]])
        assert all(one.range.signed and one.range.lower == -one.range.upper for one in (*before, *first))

    def test_a_single_map_has_no_changes(self) -> None:
        (one,) = block_maps({1: MAPS[0]}, "probability", since="first")
        assert (one.block, one.base, one.range.signed) == (1, None, False)

    def test_rows_share_a_scale_and_stay_apart(self) -> None:
        rows = scaled_rows([{0: MAPS[0]}, {0: MAPS[2], 1: MAPS[3]}], "probability", "uniform")
        assert [[one.block for one in row] for row in rows] == [[0], [0, 1]]
        assert len({one.range.upper for row in rows for one in row}) == 1
