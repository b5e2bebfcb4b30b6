"""Bars and curves: what they show, told from the figure's own data."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from perceiver.plots import figures, style

LABELS = ("bed", "lamp", "person", "plant", "vessel", "window")
PROBABILITIES = np.array([0.1, 0.02, 0.6, 0.2, 0.01, 0.07])
BLOCKS = np.array([[0.5, 0.1, 0.1, 0.1, 0.1, 0.1], [0.2, 0.1, 0.3, 0.2, 0.1, 0.1], PROBABILITIES])


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [style.ACCENT, style.CONTRAST, style.THIRD, style.FOURTH, style.GREY])
@pytest.mark.parametrize("page", ["#ffffff", "#14171a"])
def test_marks_stand_out_from_light_and_dark_pages(colour: str, page: str) -> None:
    light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


class TestBars:
    def test_best_on_top_with_percentages(self) -> None:
        (bars,) = figures.prediction_bars(PROBABILITIES, LABELS, top=3).data
        assert list(bars.x) == [0.6, 0.2, 0.1]
        assert list(bars.y) == [3, 2, 1]
        assert list(bars.text) == ["60.0 %", "20.0 %", "10.0 %"]

    def test_the_true_class_is_named_not_only_coloured(self) -> None:
        figure = figures.prediction_bars(PROBABILITIES, LABELS, truth=3, top=3)
        assert list(figure.layout.yaxis.ticktext) == ["person", "<b>✓ plant</b> (true)", "bed"]

    def test_a_true_class_further_down_is_added_with_its_rank(self) -> None:
        figure = figures.prediction_bars(PROBABILITIES, LABELS, truth=4, top=3)
        assert figure.layout.yaxis.ticktext[-1] == "<b>✓ vessel</b> (true, rank 6)"
        assert list(figure.data[0].x) == [0.6, 0.2, 0.1, 0.01]

    def test_labels_are_no_markup(self) -> None:
        figure = figures.prediction_bars(np.array([0.7, 0.3]), ["<a href='x'>y</a>", "b & c"])
        assert list(figure.layout.yaxis.ticktext) == ["&lt;a href=&#x27;x&#x27;&gt;y&lt;/a&gt;", "b &amp; c"]
        assert "<a" not in figure.data[0].customdata[0]

    def test_long_labels_are_cut_on_the_axis_and_whole_on_hover(self) -> None:
        name = "a very long name of a class, with synonyms"
        figure = figures.prediction_bars(np.array([1.0]), [name])
        assert len(figure.layout.yaxis.ticktext[0]) <= 26
        assert figure.data[0].customdata[0] == f"{name}, rank 1"

    def test_equal_labels_keep_their_own_bars(self) -> None:
        (bars,) = figures.prediction_bars(np.array([0.4, 0.6]), ["crane", "crane"]).data
        assert list(bars.y) == [2, 1]

    def test_in_words(self) -> None:
        assert figures.prediction_text(PROBABILITIES, LABELS, truth=4, top=2) == (
            "Predictions: person 60.0 %, plant 20.0 %. The true label, vessel, is ranked 6 of 6."
        )

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="2 labels for 6 classes"):
            figures.prediction_bars(PROBABILITIES, ["a", "b"])
        with pytest.raises(ValueError, match="no class 6"):
            figures.prediction_bars(PROBABILITIES, LABELS, truth=6)


class TestCurve:
    def test_follows_the_final_class_through_the_blocks(self) -> None:
        (curve,) = figures.block_curve(BLOCKS, LABELS).data
        assert curve.name == "person"
        assert list(curve.x) == [1, 2, 3]
        assert list(curve.y) == [0.1, 0.3, 0.6]

    def test_the_true_class_has_a_line_and_a_mark_of_its_own(self) -> None:
        final, true = figures.block_curve(BLOCKS, LABELS, truth=0).data
        assert list(true.y) == [0.5, 0.2, 0.1]
        assert true.name == "bed ✓ (true)"
        assert final.line.dash != true.line.dash
        assert final.marker.symbol != true.marker.symbol
        (both,) = figures.block_curve(BLOCKS, LABELS, truth=2).data
        assert both.name == "person ✓ (true)"

    def test_entropies_with_gaps_and_their_bound(self) -> None:
        figure = figures.block_curve(BLOCKS, LABELS, entropies=[8.0, None, 6.5], num_inputs=4096)
        assert list(figure.data[1].y) == [8.0, None, 6.5]
        (bound,) = figure.layout.shapes
        assert bound.y0 == bound.y1 == pytest.approx(math.log(4096))

    def test_in_words(self) -> None:
        assert figures.block_text(BLOCKS, LABELS, [8.0, None, 6.5]) == (
            "Probability of person after each block: 10.0 %, 30.0 %, 60.0 %. "
            "Mean entropy of the maps in nats: 8.00, none, 6.50."
        )

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="2 entropies for 3 blocks"):
            figures.block_curve(BLOCKS, LABELS, entropies=[1.0, 2.0])


@pytest.mark.parametrize(
    "figure",
    [figures.prediction_bars(PROBABILITIES, LABELS), figures.block_curve(BLOCKS, LABELS, entropies=[1.0, None, 2.0])],
)
def test_the_page_shows_through(figure: object) -> None:
    spec = json.loads(figure.to_json())  # type: ignore[attr-defined]
    assert spec["layout"]["paper_bgcolor"] == spec["layout"]["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert spec["layout"]["font"] == {"size": 13}  # its colour and family are the theme's
