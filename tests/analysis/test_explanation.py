"""Explanations step by step: the evaluations that are left, and work that is stopped and resumed."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver import Perceiver
from perceiver.analysis import batches
from perceiver.analysis.explanation import Explanations, Question, evaluations_left, explain_steps, methods_for
from perceiver.analysis.faithfulness import Perturbations

from .cases import frozen, sample

MODEL = frozen()
GIVEN = sample(MODEL)
ELEMENTS = 15


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of every batch that a model is run on."""
    seen: list[int] = []
    run = Perceiver.steps
    monkeypatch.setattr(Perceiver, "steps", lambda self, x, **more: (seen.append(x.shape[0]), run(self, x, **more))[1])
    return seen


def steps(question: Question, **more: object) -> list[Explanations]:
    trace = MODEL.trace(MODEL.inputs(GIVEN))
    return list(explain_steps(MODEL, GIVEN, trace, question, steps=4, seeds=3, at_a_time=1, **more))  # type: ignore[arg-type]


def left(found: Explanations, **more: object) -> int:
    return evaluations_left(found, ELEMENTS, steps=4, seeds=3, **more)  # type: ignore[arg-type]


def test_evaluations_are_counted_by_hand() -> None:
    asked = methods_for(MODEL.config)
    nothing = Explanations(Question(0, steps=5), asked)
    # Gradients count as 3: relevance with a run before it, saliency, input times gradient, five steps and the two ends.
    maps = 0 + 0 + 4 + 3 + 3 + (15 + 2)
    # 15 elements in 4 steps: 0, 1, 4, 8 and 15 of them, of which 14 at most are removed and 1 at least is added.
    curves = 5 + 4
    assert left(nothing, test=False) == maps
    assert left(nothing) == maps + (len(asked) + 3) * curves
    assert left(Explanations(Question(0, 1, steps=5), ("relevance",)), test=False) == 7


def test_what_is_left_shrinks_to_nothing(evaluated: list[int]) -> None:
    question = Question(0, steps=5)
    counts = [left(one) for one in steps(question)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0
    # Tests take one evaluation for every order and point, as counted.
    assert sum(evaluated[-(7 * 9) :]) >= (6 + 3) * 9


def test_work_is_yielded_unfinished_and_resumed(evaluated: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "HELD", 1)  # one evaluation at a time
    question, asked = Question(1, 0, steps=5), ["saliency", "integrated_gradients"]
    whole = steps(question, methods=asked)[-1]
    found = steps(question, methods=asked, seconds=0.0)
    # Saliency, five steps of the path, then nine points for each of two maps and three random orders.
    assert len(found) == 1 + 5 + (2 + 3) * 9
    partial = [one for one in found if one.begun]
    assert len(partial) == 4 + (2 + 3) * 9 - 3
    stopped = next(one for one in found if any(isinstance(state, Perturbations) for state in one.begun.values()))
    assert stopped.each > 0
    evaluated.clear()
    again = steps(question, methods=asked, resume=stopped)[-1]
    assert len(evaluated) - 1 == left(stopped) == 5 * 9 - 1  # and the trace
    for one in (again, found[-1]):
        assert one.begun == {}
        assert one.complete
        for method in asked:
            np.testing.assert_allclose(one[method].values, whole[method].values, atol=1e-6)
        for key, score in whole.scores.items():
            assert one.scores[key].insertion.area == pytest.approx(score.insertion.area, abs=1e-6)


def test_a_model_with_one_cross_attention_has_one_map_of_attention() -> None:
    one = frozen(plan=((0, 0), (None, 0)))
    assert "last" not in methods_for(one.config)
    assert "last" in methods_for(MODEL.config)
