"""Answers over time, drawn and told."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver.analysis.timeline import Timeline
from perceiver.plots.timeline import MOST, POINTS, per_point, timeline_figure, timeline_text

LABELS = ("bass", "<b>drums</b>", "flute", "harp", "organ", "voice")


def made(answers: list[int | None]) -> Timeline:
    """Windows of a second, begun every half second; the answer has 0.75, class 5 almost nothing."""
    probabilities = np.full((len(answers), 6), 0.05)
    for row, answer in zip(probabilities, answers, strict=True):
        row[answer or 0] = 0.75
    probabilities[:, 5] = 0.001
    silent = np.array([answer is None for answer in answers])
    return Timeline(0.5 * np.arange(len(answers)), 1.0, probabilities, silent)


def test_curves_lie_over_the_middle_of_their_windows_and_know_their_beginning() -> None:
    timeline = made([1, 1, None, 0])
    figure = timeline_figure(timeline, LABELS, duration=2.5, window=(0.5, 1.5))
    drums = figure.data[0]
    assert drums.name == "&lt;b&gt;drums&lt;/b&gt;"
    np.testing.assert_allclose(drums.x, [0.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(drums.customdata, [0.0, 0.5, 1.0, 1.5])
    np.testing.assert_allclose(drums.y, [0.75, 0.75, np.nan, 0.05])  # a gap where there is no signal
    assert len(figure.data) == MOST
    assert "voice" not in {trace.name for trace in figure.data}
    assert len({(trace.line.color, trace.line.dash, trace.marker.symbol) for trace in figure.data}) == MOST
    (shade,) = figure.layout.shapes
    assert (shade.x0, shade.x1) == (0.5, 1.5)


def test_in_long_inputs_a_point_is_the_mean_of_a_few_windows_and_leads_to_the_clearest() -> None:
    answers: list[int | None] = [0] * 700
    answers[3:6] = [None] * 3
    answers[7] = None
    timeline = made(answers)
    timeline.probabilities[8, 0] = 0.95
    assert per_point(timeline) == 3
    bass = timeline_figure(timeline, LABELS, duration=351.0).data[0]
    assert len(bass.x) == 234
    assert bass.x[0] == 1.0  # from 0 to 2 seconds
    np.testing.assert_allclose(bass.y[:4], [0.75, np.nan, (0.75 + 0.95) / 2, 0.75])
    assert bass.customdata[2] == 4.0
    assert (bass.x[-1], bass.y[-1]) == (350.0, 0.75)  # one window is left for the last
    assert per_point(made([0] * POINTS)) == 1


def test_the_window_that_is_looked_at_is_shaded_no_further_than_the_clip() -> None:
    (shade,) = timeline_figure(made([0]), LABELS, duration=0.6, window=(0.0, 1.0)).layout.shapes
    assert shade.x1 == 0.6


def test_in_words() -> None:
    text = timeline_text(made([1, 1, 1, None, 0]), LABELS)
    assert text == (
        "The answer over 4 windows: <b>drums</b> in 75.0 %, bass in 25.0 %. The longest stretch of one answer is "
        "<b>drums</b>, 0.0 s to 1.5 s. 1 more window holds no signal."
    )
    assert "no signal in any window" in timeline_text(made([None, None]), LABELS)


def test_silence_alone_is_drawn_without_a_curve() -> None:
    assert not timeline_figure(made([None, None]), LABELS, duration=1.5).data


def test_labels_must_be_those_of_the_classes() -> None:
    for ask in (lambda: timeline_figure(made([0]), LABELS[:2], duration=1.0), lambda: timeline_text(made([0]), ())):
        with pytest.raises(ValueError, match="labels"):
            ask()
