"""Answers over time: which classes lead, and where one answer ends and the next begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from perceiver import Perceiver
from perceiver.analysis.scan import scan
from perceiver.analysis.timeline import Timeline
from tests.models import tiny


def timeline(answers: list[int | None], *, every: float = 0.5, seconds: float = 1.0, sure: float = 0.6) -> Timeline:
    """Windows whose answer is given with `sure`, of three classes; None is silence."""
    probabilities = np.full((len(answers), 3), (1 - sure) / 2)
    for row, answer in zip(probabilities, answers, strict=True):
        row[answer or 0] = sure
    return Timeline(
        starts=every * np.arange(len(answers)),
        seconds=seconds,
        probabilities=probabilities,
        silent=np.array([answer is None for answer in answers]),
    )


def test_stretches_run_from_one_answer_to_the_next() -> None:
    found = timeline([2, 2, None, 0, 0, 0, 2]).stretches()
    assert [(one.start, one.stop, one.windows, one.answer) for one in found] == [
        (0.0, 1.0, 2, 2),
        (1.0, 1.5, 1, None),
        (1.5, 3.0, 3, 0),
        (3.0, 4.0, 1, 2),
    ]
    assert [one.probability for one in found] == [pytest.approx(0.6), None, pytest.approx(0.6), pytest.approx(0.6)]


def test_a_stretch_has_the_mean_probability_of_its_own_answer() -> None:
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3]])
    (one,) = Timeline(np.array([0.0, 1.0]), 1.0, probabilities, np.array([False, False])).stretches()
    assert (one.answer, one.start, one.stop) == (0, 0.0, 2.0)
    assert one.probability == pytest.approx(0.8)


def test_the_classes_that_answer_most_lead_and_silence_does_not_count() -> None:
    assert timeline([None, None, None, 1, 1, 2]).leading(2) == (1, 2)
    assert timeline([None, None]).leading(3) == ()
    # Class 2 never answers, but is less improbable than class 0.
    close = Timeline(np.zeros(1), 1.0, np.array([[0.1, 0.5, 0.4]]), np.array([False]))
    assert close.leading(3) == (1, 2, 0)


def test_timelines_are_joined_in_order() -> None:
    whole = timeline([0, 1, 2, None])
    first, second = (
        Timeline(whole.starts[part], 1.0, whole.probabilities[part], whole.silent[part])
        for part in (slice(0, 3), slice(3, 4))
    )
    joined = first + second
    assert joined.stretches() == whole.stretches()
    assert len(joined) == 4


@dataclass(frozen=True)
class Part:
    start: float
    content: torch.Tensor
    silent: bool


def test_a_scan_gives_every_window_the_models_own_answer_a_few_at_a_time() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny()).eval()
    made: list[float] = []

    def windows() -> Iterator[Part]:
        for i in range(5):
            made.append(i / 2)
            yield Part(i / 2, torch.randn(15, 2, generator=torch.Generator().manual_seed(i)), i == 3)

    steps = scan(model, windows(), 1.0, at_a_time=2)
    first = next(steps)
    assert made == [0.0, 0.5]  # nothing is decoded before it is needed
    rest = list(steps)
    assert [len(found) for found in (first, *rest)] == [2, 4, 5]
    whole = rest[-1]
    assert whole.starts.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert whole.silent.tolist() == [False, False, False, True, False]
    for window, probabilities in zip(windows(), whole.probabilities, strict=True):
        alone = model.trace(model.input_array(window.content[None])).logits.softmax(-1)
        np.testing.assert_allclose(probabilities, alone.numpy(), rtol=1e-4)


def test_a_scan_that_was_stopped_goes_on_after_its_last_window() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny()).eval()
    windows = [
        Part(i / 2, torch.randn(15, 2, generator=torch.Generator().manual_seed(i)), silent=False) for i in range(5)
    ]
    *_, whole = scan(model, windows, 1.0, at_a_time=2)
    first = next(scan(model, windows, 1.0, at_a_time=2))
    *_, resumed = scan(model, windows, 1.0, at_a_time=3, before=first)
    np.testing.assert_array_equal(resumed.starts, whole.starts)
    np.testing.assert_allclose(resumed.probabilities, whole.probabilities, rtol=1e-4)


def test_windows_and_stretches_end_where_the_input_ends() -> None:
    """2.3 s in windows of 1 s: the last one is padded by 0.7 s."""
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    timeline = Timeline(np.arange(3.0), 1.0, probabilities, np.zeros(3, bool), duration=2.3)
    assert timeline.stops.tolist() == [1.0, 2.0, 2.3]
    assert timeline.padding.tolist() == pytest.approx([0, 0, 0.7])
    assert [(s.start, s.stop) for s in timeline.stretches()] == [(0.0, 1.0), (1.0, 2.3)]
    halves = [Timeline(timeline.starts[p], 1.0, probabilities[p], timeline.silent[p], 2.3) for p in ([0, 1], [2])]
    assert (halves[0] + halves[1]).stretches() == timeline.stretches()
    unknown = Timeline(np.arange(3.0), 1.0, probabilities, np.zeros(3, bool))
    assert unknown.stretches()[-1].stop == 3.0
