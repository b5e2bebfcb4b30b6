"""Position codes and spectra, drawn and told."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from perceiver.analysis.summary import summarise
from perceiver.plots import comparison, encodings
from perceiver.plots.drawing.base import Drawn
from perceiver.plots.encodings import Tartan, multiples
from perceiver.plots.scale import ColourScale

FREQUENCIES = (np.arange(-4.0, 4.0), np.arange(-3.0, 3.0))
BANDS = ([1.0, 2.0, 3.0], [1.0, 2.5, 9.0])


@pytest.fixture
def energy() -> np.ndarray:
    """All at 2 cycles down and 1 across, of either sign, but for a little everywhere."""
    out = np.full((8, 6), 0.001)
    out[4, 3] = 0.0
    out[4 + 2, 3 + 1] = out[4 - 2, 3 - 1] = 0.5
    return out / out.sum()


def tartan(name: str, bands: bool, ratio: float, regularity: float) -> Tartan:
    return Tartan(name, bands, (0, 2), (ratio, ratio), (regularity - 0.1, regularity + 0.1))


class TestGram:
    SHARES = ({"<b>one</b>": np.array([0.6, 0.4 - 1e-9, 1e-9]), "two": np.full(4, 0.25)},)

    def test_a_curve_a_model_down_to_rounding(self) -> None:
        one, two = encodings.gram_figure(*self.SHARES).data
        assert one.name == "&lt;b&gt;one&lt;/b&gt;"
        assert list(one.x) == [1, 2]
        np.testing.assert_allclose(one.y, [0.6, 0.4])
        assert len(two.x) == 4
        assert (one.line.dash, one.marker.symbol) != (two.line.dash, two.marker.symbol)

    def test_levels_are_told_in_percent(self) -> None:
        axis = encodings.gram_figure({"one": np.array([0.9, 0.05, 0.02])}).layout.yaxis
        assert axis.type == "log"
        assert dict(zip(axis.ticktext, axis.tickvals, strict=True))["20 %"] == pytest.approx(0.2)

    def test_in_words(self) -> None:
        assert encodings.gram_text({"one": (1.9567, 3), "two": (4.0, 4)}) == (
            "Effective number of dimensions: one 1.96 of 3, two 4 of 4."
        )


class TestSpectrum:
    def test_one_is_what_an_even_spectrum_would_hold(self, energy: np.ndarray) -> None:
        even = np.full((8, 6), 1 / 47)
        even[4, 3] = 0.0
        np.testing.assert_allclose(np.delete(multiples(even), 4 * 6 + 3), 1.0)
        assert multiples(energy)[6, 4] == pytest.approx(47 * energy[6, 4])
        assert not multiples(np.zeros((4, 4))).any()

    def test_the_picture_has_a_pixel_a_frequency_on_a_log_scale(self, energy: np.ndarray) -> None:
        range_ = encodings.spectrum_range(float(multiples(energy).max()))
        assert range_.unit == "times an even spectrum (log scale)"
        assert (range_.lower, range_.mode) == (0.01, "log")
        picture = encodings.spectrum_picture(energy, range_, "greys")
        assert picture.shape == (8, 6, 3)
        darkest = picture.sum(-1) == picture.sum(-1).min()
        assert set(zip(*np.nonzero(darkest), strict=True)) == {(6, 4), (2, 2)}

    def test_bands_that_the_picture_reaches_are_ticked_on_its_sides(self) -> None:
        axes = encodings.spectrum_axes(FREQUENCIES, BANDS, ("down", "across"))
        assert axes.left is not None
        assert axes.left.unit == "cycles down"
        assert [tick.value for tick in axes.left.ticks] == [-3, -2, -1, 0, 1, 2, 3]
        assert [tick.label for tick in axes.left.ticks] == ["−3", "−2", "", "0", "", "2", "3"]
        assert axes.left.ticks[-1].place == pytest.approx((7 + 0.5) / 8)
        assert [tick.value for tick in axes.bottom.ticks] == [-1, 0, 1]  # 2.5 and 9 lie beyond the last of −3 to 2

    def test_along_each_axis_as_a_curve(self) -> None:
        energy = np.zeros((8, 8, 8))
        energy[4, 4 + 3, 4] = energy[4, 4 - 3, 4] = 0.5
        along = (np.arange(-4.0, 4.0),) * 3
        figure = encodings.profile_figure(energy, along, ([1.0, 5.0],) * 3, ("x", "y", "z"), top=300.0)
        x, y, z = figure.data
        assert list(y.x) == [1, 2, 3]
        np.testing.assert_allclose(y.y, [0.01, 0.01, 511 / 2])
        assert max(x.y) == max(z.y) == 0.01
        assert list(figure.layout.xaxis.minor.tickvals) == [1.0]
        assert figure.layout.yaxis.range[1] == pytest.approx(math.log10(300))

    def test_in_words(self, energy: np.ndarray) -> None:
        text = encodings.spectrum_text(energy, FREQUENCIES, ("down", "across"))
        assert text == "Strongest at 2 cycles down and 1 cycle across: 22.5 times an even spectrum."
        one = np.zeros(8)
        one[4 + 3] = 1.0
        assert encodings.spectrum_text(one, FREQUENCIES[:1], ("in time",)).startswith("Strongest at 3 cycles in time:")
        assert "no spectrum" in encodings.spectrum_text(np.zeros(8), FREQUENCIES[:1], ("in time",))


class TestTartan:
    def test_a_curve_a_model_and_the_level_of_the_baseline(self) -> None:
        models = [tartan("one", True, 5.0, 0.5), tartan("two", False, 1.0, 0.1)]
        figure = encodings.tartan_figure(models, "ratio")
        assert [list(curve.x) for curve in figure.data] == [[1, 3], [1, 3]]
        assert list(figure.data[0].y) == [5.0, 5.0]
        assert figure.layout.shapes[0].y0 == 1
        figure = encodings.tartan_figure(models, "regularity")
        np.testing.assert_allclose(figure.data[0].y, [0.4, 0.6])
        assert not figure.layout.shapes

    def test_what_cannot_be_told_is_not_drawn(self) -> None:
        one = Tartan("one", True, (0,), (2.0,), (math.nan,))
        assert encodings.tartan_measured([one], "ratio")
        assert not encodings.tartan_measured([one], "regularity")

    @pytest.mark.parametrize(
        ("fourier", "learned", "verdict"),
        [
            ((5.0, 0.5), (1.1, 0.1), "Both are higher with Fourier features, as the remark says."),
            ((5.0, 0.1), (1.1, 0.5), "Only the energy at the bands is higher with Fourier features: the remark holds"),
            ((1.0, 0.5), (1.1, 0.1), "Only the regularity is higher with Fourier features: the remark holds in part."),
            ((1.0, 0.1), (1.1, 0.5), "Neither is higher with Fourier features, contrary to the remark."),
            ((5.0, math.nan), (1.1, 0.1), "The energy at the bands is higher with Fourier features, as the remark"),
            ((1.0, math.nan), (1.1, 0.1), "The energy at the bands is not higher with Fourier features, contrary"),
            ((math.nan, math.nan), (1.1, 0.1), "too little to check the remark"),
        ],
    )
    def test_the_remark_is_held_against_the_numbers_either_way(
        self, fourier: tuple[float, float], learned: tuple[float, float], verdict: str
    ) -> None:
        models = [tartan("f", True, *fourier), tartan("l", False, *learned)]
        assert verdict in encodings.tartan_text(models)

    def test_every_model_with_bands_has_to_be_above_every_other(self) -> None:
        models = [tartan("f", True, 5.0, 0.5), tartan("g", True, 1.0, 0.5), tartan("l", False, 2.0, 0.1)]
        text = encodings.tartan_text(models)
        assert text.startswith("On this input, as means over blocks: f 5 times the baseline at the bands, regularity")
        assert "Only the regularity" in text

    def test_one_sort_of_positions_proves_nothing(self) -> None:
        text = encodings.tartan_text([tartan("f", True, 5.0, math.nan)])
        assert "no regularity that could be told" in text
        assert "set models with and without Fourier features side by side" in text


def test_no_more_models_than_can_be_told_apart() -> None:
    with pytest.raises(ValueError, match="5 models"):
        encodings.gram_figure({str(i): np.ones(1) for i in range(5)})
    with pytest.raises(ValueError, match="5 models"):
        encodings.tartan_figure([tartan(str(i), True, 1.0, 0.5) for i in range(5)], "ratio")


class TestFigureOfSeveralModels:
    def row(self, name: str, side: int, blocks: tuple[int, ...]) -> comparison.Row:
        maps = [np.full((side, side), 1 / side**2) + np.eye(side) / side for _ in blocks]
        painted = np.full((side, side, 3), 40, dtype=np.uint8)
        return comparison.Row(
            name=name,
            drawn=Drawn(painted, (painted,) * len(blocks), f"{side} × {side}", "magma", over_input=False),
            blocks=blocks,
            ranges=ColourScale("uniform").limits(maps),
            summaries=tuple(summarise(values) for values in maps),
        )

    def test_a_row_a_model_and_a_blank_where_there_is_no_map(self) -> None:
        full = comparison.comparison_png([self.row("one", 8, (0, 1, 2)), self.row("two", 8, (0, 1, 2))])
        gap = comparison.comparison_png([self.row("one", 8, (0, 1, 2)), self.row("two", 8, (0, 2))])
        one, other = (np.asarray(Image.open(io.BytesIO(png)).convert("L")) for png in (full, gap))
        assert one.shape == other.shape
        painted = [int((picture == 40).sum()) for picture in (one, other)]
        assert painted[0] - painted[1] == pytest.approx(400 * 400, rel=0.01)

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="at least one model"):
            comparison.comparison_png([])
        row = self.row("one", 8, (0, 1))
        broken = comparison.Row(row.name, row.drawn, (0,), row.ranges, row.summaries)
        with pytest.raises(ValueError, match="of one differ in number"):
            comparison.comparison_png([broken])
