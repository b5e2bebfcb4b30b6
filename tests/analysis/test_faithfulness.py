"""Deletion and insertion: against loops over the elements, and a model that reads one element alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perceiver import Perceiver
from perceiver.analysis import batches
from perceiver.analysis.attribution import attribute
from perceiver.analysis.faithfulness import (
    PerturbationCurve,
    faithfulness,
    faithfulness_of_all,
    perturb,
    random_faithfulness,
    random_orders,
    shares,
)
from perceiver.analysis.methods import Removal
from perceiver.analysis.random_order import random_interval
from perceiver.errors import ConfigError
from perceiver.sample import Sample

from .cases import frozen, of_clouds, sample

MODELS = {"grid": frozen(), "heads": frozen(cross_heads=2, head="decoder"), "cloud": of_clouds()}
MAP = np.random.default_rng(0).random(15)


def probability(model: Perceiver, given: Sample, kept: list[int], target: int, how: str) -> float:
    """Of a class when only these elements are left, or only these keep their content."""
    inputs = model.inputs(given)[0]
    if how == "remove":
        array = torch.stack([inputs[i] for i in kept])
    else:
        array = inputs.clone()
        for i in range(len(array)):
            if i not in kept:
                array[i, : model.config.content_channels] = 0
    return float(model(array[None])[0].softmax(0)[target])


def looped(
    model: Perceiver, given: Sample, order: list[int], target: int, steps: int, how: str
) -> list[PerturbationCurve]:
    """Deletion and insertion along an order, one input at a time."""
    total, courses = len(order), []
    for gone, low, high in ((True, 0, total - 1), (False, 1, total)):
        counts = sorted({min(max(round(total * (i / steps) ** 2), low), high) for i in range(steps + 1)})
        kept = [order[count:] if gone else order[:count] for count in counts]
        found = [probability(model, given, one, target, how) for one in kept]
        courses.append(PerturbationCurve(np.array(counts) / total, np.array(found)))
    return courses


def same(found: PerturbationCurve, expected: PerturbationCurve) -> None:
    np.testing.assert_allclose(found.shares, expected.shares)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    assert found.area == pytest.approx(expected.area, abs=1e-5)


@pytest.mark.parametrize("steps", [4, 30])
@pytest.mark.parametrize(
    ("name", "how"), [("grid", "remove"), ("grid", "blank"), ("heads", "remove"), ("cloud", "remove")]
)
def test_courses_are_those_of_a_loop(name: str, steps: int, how: Removal) -> None:
    model = MODELS[name]
    given = sample(model)
    values = MAP[: len(given.content)]
    found = faithfulness(model, given, values.reshape(given.shape), 1, steps=steps, how=how)
    deletion, insertion = looped(model, given, np.argsort(-values).tolist(), 1, steps, how)
    same(found.deletion, deletion)
    same(found.insertion, insertion)
    assert found.target == 1


def test_points_lie_closer_where_few_elements_are_changed() -> None:
    assert shares(4, 2).tolist() == [0, 1, 4]
    assert shares(100, 5).tolist() == [0, 4, 16, 36, 64, 100]
    assert shares(2, 20).tolist() == [0, 1, 2]


def test_areas_are_mean_heights() -> None:
    assert PerturbationCurve(np.array([0, 0.25, 0.75]), np.array([1, 0.5, 0.0])).area == pytest.approx(
        (0.1875 + 0.125) / 0.75
    )
    assert PerturbationCurve(np.array([0.5, 1]), np.array([0.3, 0.3])).area == pytest.approx(0.3)


def test_a_model_that_reads_one_element_answers_with_it_alone() -> None:
    model = frozen(plan=((0, 0),))
    given = sample(model)
    layer = model.cross[0]
    with torch.no_grad():
        layer.query.weight.zero_(), layer.query.bias.zero_(), layer.key.weight.zero_()
        layer.query.bias[0], layer.key.weight[0, 0] = 1000, 1  # the largest first channel of the normalised row
    weights = model.trace(model.inputs(given)).map(0)
    only = int(weights.argmax())
    assert weights[only] == pytest.approx(1, abs=1e-4)
    one_hot = np.eye(15)[only]
    found = faithfulness(model, given, one_hot)
    p = probability(model, given, list(range(15)), found.target, "remove")
    np.testing.assert_allclose(found.insertion.probabilities, p, atol=1e-4)
    assert found.insertion.area == pytest.approx(p, abs=1e-4)
    assert found.deletion.probabilities[0] == pytest.approx(p, abs=1e-4)
    assert found.deletion.probabilities[1] != pytest.approx(p, abs=1e-3)
    last = faithfulness(model, given, -one_hot)
    np.testing.assert_allclose(last.deletion.probabilities, p, atol=1e-4)
    assert last.insertion.area != pytest.approx(p, abs=1e-3)


def test_a_map_of_what_each_element_does_beats_its_reverse_and_chance() -> None:
    model = MODELS["grid"]
    for seed in range(2):
        given = sample(model, seed)
        top = int(model(model.inputs(given)).argmax())
        every = list(range(15))
        own = np.array([-probability(model, given, [j for j in every if j != i], top, "remove") for i in every])
        found = faithfulness_of_all(model, given, {"own": own, "reverse": -own})
        chance = random_faithfulness(model, given, seeds=20)
        assert found["own"].deletion.area < chance.deletion.area < found["reverse"].deletion.area
        assert found["own"].insertion.area > chance.insertion.area > found["reverse"].insertion.area


def test_a_gradient_times_input_beats_its_reverse_when_contents_are_blanked() -> None:
    model = MODELS["grid"]
    given = sample(model)
    values = attribute(model, given, "integrated_gradients").values
    one, other = (faithfulness(model, given, sign * values, how="blank") for sign in (1, -1))
    assert one.deletion.area < other.deletion.area
    assert one.insertion.area > other.insertion.area


def test_random_order_is_the_mean_over_orders() -> None:
    model = MODELS["grid"]
    given = sample(model)
    found = random_faithfulness(model, given, 2, seeds=3, steps=5)
    orders = [np.random.default_rng(seed).permutation(15).tolist() for seed in range(3)]
    both = [looped(model, given, order, 2, 5, "remove") for order in orders]
    for course, one in ((found.deletion, 0), (found.insertion, 1)):
        same(
            course,
            PerturbationCurve(both[0][one].shares, np.mean([courses[one].probabilities for courses in both], axis=0)),
        )
        assert course.areas == pytest.approx([courses[one].area for courses in both], abs=1e-5)


def test_the_interval_of_random_orders_holds_new_ones() -> None:
    """Against a simulation: 95 % of further draws lie in the interval of eight."""
    generator = np.random.default_rng(0)
    inside = []
    for _ in range(2000):
        *few, new = generator.normal(0.5, 0.03, 9).tolist()
        low, high = random_interval(PerturbationCurve(np.array([0, 1.0]), np.array([0.5, 0.5]), tuple(few)))
        inside.append(low <= new <= high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
    assert random_interval(PerturbationCurve(np.array([0, 1.0]), np.array([0.5, 0.5]), (0.5,))) == (0, 1)


def test_an_unfinished_test_goes_on_where_it_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS["grid"]
    given = sample(model)
    orders = random_orders(given, 3)
    whole = list(perturb(model, given, orders, 1, steps=4))
    assert [one.left for one in whole] == list(range(3 * (len(whole) - 1), -1, -3))
    monkeypatch.setattr(batches, "HELD", 1)
    passes: list[int] = []
    run = Perceiver.steps
    monkeypatch.setattr(
        Perceiver, "steps", lambda self, x, **more: (passes.append(x.shape[0]), run(self, x, **more))[1]
    )
    *_, last = perturb(model, given, orders, 1, steps=4, resume=whole[1])
    assert len(passes) == whole[1].left
    same(last.mean().deletion, random_faithfulness(model, given, 1, seeds=3, steps=4).deletion)
    assert [one.left for one in perturb(model, given, orders, 1, steps=4, resume=last)] == [0]


def test_ties_are_broken_by_a_seeded_order() -> None:
    model = MODELS["grid"]
    given = sample(model)
    values = np.repeat([1.0, 2.0, 0.0], 5)
    for seed in (0, 1):
        mixed = np.random.default_rng(seed).permutation(15)
        order = sorted(range(15), key=lambda i: (-values[i], mixed.tolist().index(i)))
        deletion, insertion = looped(model, given, order, 0, 20, "remove")
        found = faithfulness(model, given, values, 0, seed=seed)
        same(found.deletion, deletion)
        same(found.insertion, insertion)
    one, other = (faithfulness(model, given, values, 0, seed=seed).deletion.probabilities for seed in (0, 1))
    assert not np.allclose(one, other)


@pytest.mark.parametrize("how", ["remove", "blank"])
def test_maps_that_go_through_together_are_told_apart(how: Removal, monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS["grid"]
    given = sample(model)
    maps = {"a": MAP, "b": MAP.reshape(3, 5)[::-1], "c": np.zeros(15)}
    together = faithfulness_of_all(model, given, maps, 1, how=how)
    monkeypatch.setattr(batches, "HELD", 1)
    for name, found in together.items():
        alone = faithfulness(model, given, np.ascontiguousarray(maps[name]), 1, how=how)
        same(found.deletion, alone.deletion)
        same(found.insertion, alone.insertion)


def test_the_most_probable_class_is_followed() -> None:
    model = MODELS["cloud"]
    given = sample(model)
    top = int(model(model.inputs(given)).argmax())
    assert faithfulness(model, given, MAP[:12]).target == random_faithfulness(model, given).target == top


def test_what_cannot_be_asked_is_refused() -> None:
    grid, cloud = MODELS["grid"], MODELS["cloud"]
    with pytest.raises(ValueError, match="the map has 14 values; this input has 15 elements"):
        faithfulness(grid, sample(grid), MAP[:14])
    with pytest.raises(ConfigError, match="no content that could be blanked"):
        faithfulness(cloud, sample(cloud), MAP[:12], how="blank")
    for wrong in (3, -1):
        with pytest.raises(ConfigError, match="they run from 0 to 2"):
            random_faithfulness(grid, sample(grid), wrong)
