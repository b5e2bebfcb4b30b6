"""Checks of maps: against loops, models that are known to fail each of them, and the thresholds of the verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import rankdata, t

from perceiver import MapSelection, Perceiver
from perceiver.analysis.faithfulness import PerturbationCurve
from perceiver.analysis.map_checks import (
    ALIKE,
    Likeness,
    MapCheck,
    MapChecks,
    check_steps,
    evaluations,
    figures,
    rank_correlation,
    reason,
)
from perceiver.errors import ConfigError
from perceiver.sample import Sample

from .cases import frozen, of_clouds, sample

MODELS = {
    "cloud": of_clouds(),
    "one cross-attention": frozen(cross_heads=2, head="decoder", plan=((0, 0), (None, 0))),
    "shared": frozen(plan=((0, 0), (None, 0), (1, 0), (1, 0))),
}


def checked(model: Perceiver, given: Sample, selection: MapSelection | None = None, **options: object) -> MapChecks:
    trace = model.trace(model.inputs(given))
    *_, last = check_steps(model, given, trace, selection or MapSelection(), **options)  # type: ignore[arg-type]
    return last


def area(model: Perceiver, given: Sample, order: np.ndarray, target: int) -> float:
    """Under the deletion curve along an order, one input at a time."""
    inputs, total = model.inputs(given)[0], len(order)
    counts = sorted({min(round(total * (i / 10) ** 2), total - 1) for i in range(11)})
    found = [float(model(inputs[order[count:].copy()][None])[0].softmax(0)[target]) for count in counts]
    widths = np.diff(counts)
    return float(sum(w * (a + b) / 2 for w, a, b in zip(widths, found, found[1:], strict=False)) / counts[-1])


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


@pytest.mark.parametrize("name", MODELS)
def test_figures_are_those_of_a_loop(name: str) -> None:
    model = MODELS[name]
    given, other = sample(model), frozen(9, **vars(model.config))
    found = checked(model, given, other_seeds={"other": lambda: other})
    trace, theirs = (one.trace(one.inputs(given)) for one in (model, other))
    target, elements = int(trace.logits.argmax()), len(given.content)
    assert (found.target, found.blocks) == (target, trace.blocks)
    chance = [area(model, given, np.random.default_rng(seed).permutation(elements), target) for seed in range(8)]
    untrained = []
    for seed in range(5):
        torch.manual_seed(seed)
        made = Perceiver(model.config).eval()
        untrained.append(made.trace(made.inputs(given)))
    for check in found.checks:
        values = trace.map(check.block).numpy()
        assert check.deletion.area == pytest.approx(area(model, given, np.argsort(-values), target), abs=1e-5)
        np.testing.assert_allclose(check.random.areas, chance, atol=1e-5)
        expected = [correlation(values, one.map(check.block).numpy()) for one in untrained]
        np.testing.assert_allclose(check.untrained, expected, atol=1e-6)
        assert check.other_seeds == {"other": pytest.approx(correlation(values, theirs.map(check.block).numpy()))}
    assert evaluations(elements, len(found.blocks), 1) == found.whole


def curve(level: float, areas: tuple[float, ...] = ()) -> PerturbationCurve:
    return PerturbationCurve(np.array([0.0, 1.0]), np.array([level, level]), areas)


MORE = "The elements that it marks matter more than random ones"
RANDOM = curve(0.5, (0.45, 0.5, 0.55, 0.45, 0.5, 0.55, 0.5, 0.5))
GOOD = MapCheck(0, False, curve(0.1), RANDOM, (0.1, -0.1, 0.2, 0.0, -0.2), {})
"""Better than random order, and unlike untrained models."""


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "stable"),
        ({"constant": True}, "no better than random"),
        ({"deletion": curve(0.45)}, "no better than random"),
        ({"deletion": curve(0.95)}, "no better than random"),  # worse
        ({"deletion": curve(0.495), "random": curve(0.5, (0.5, 0.5, 0.5))}, "no better than random"),  # unnoticed
        ({"untrained": (0.9, 0.8, 0.9, 0.8, 0.9)}, "weak"),
        ({"untrained": (0.9, -0.8, 0.9, -0.8, 0.9)}, "weak"),  # inverted maps show the same
        ({"untrained": (0.9, 0.1, 0.1, 0.1, 0.1)}, "weak"),  # 0.26, but up to 0.7
        ({"untrained": (ALIKE,) * 5}, "weak"),
        ({"untrained": (ALIKE - 0.01,) * 5}, "stable"),
        ({"other_seeds": {"a": ALIKE}}, "stable"),
        ({"other_seeds": {"a": ALIKE - 0.01}}, "weak"),
        ({"other_seeds": {"a": -0.9}}, "weak"),
        ({"other_seeds": {"a": 0.9, "b": 0.8, "c": 0.85}}, "stable"),
        ({"other_seeds": {"a": 0.9, "b": 0.2}}, "stable"),
        ({"other_seeds": {"a": 0.9, "b": 0.05}}, "weak"),
        ({"other_seeds": {"a": 0.9}, "deletion": curve(0.45)}, "no better than random"),
    ],
)
def test_thresholds_of_the_verdicts(changes: dict[str, object], verdict: str) -> None:
    assert replace(GOOD, **changes).verdict == verdict  # type: ignore[arg-type]


def test_intervals_of_likenesses_are_students() -> None:
    values = (0.1, 0.4, 0.35, 0.2, 0.5)
    low, high = t.interval(0.95, 4, loc=np.mean(values), scale=np.std(values, ddof=1) / 5**0.5)
    assert Likeness(values).interval == pytest.approx((low, high))
    assert Likeness((0.9, -0.9)).interval == (-1, 1)
    assert Likeness((0.0, 0.1), lowest=0.0).interval == (0, pytest.approx(0.05 + 12.706 * 0.05, abs=1e-3))
    assert Likeness((0.3,)).interval == (0.3, 0.3)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            MORE + " and untrained models draw other maps; no other seed is here to compare with.",
        ),
        (
            {"untrained": (0.9,) * 5, "other_seeds": {"a": 0.9}},
            MORE + " and training with another seed draws a similar map, but untrained models draw a similar map.",
        ),
        (
            {"untrained": (0.9, 0.1, 0.1, 0.1, 0.1), "other_seeds": {"a": 0.1}},
            MORE + ", but untrained models may draw a similar map and training with another seed draws another map.",
        ),
        ({"deletion": curve(0.5)}, "The elements that it marks matter no more than random ones."),
        ({"deletion": curve(1.0)}, "The elements that it marks matter less than random ones."),
        ({"constant": True}, "All its values are equal, so that it puts the elements in no order."),
    ],
)
def test_reasons(changes: dict[str, object], text: str) -> None:
    assert reason(replace(GOOD, **changes)) == text  # type: ignore[arg-type]


def test_figures_are_rounded_with_their_intervals() -> None:
    check = replace(GOOD, untrained=(0.004,) * 4 + (0.003,), other_seeds={"a": -0.004, "b": -0.2})
    deletion, chance, untrained, seeds = figures(check)
    low, high = check.random_interval
    assert (deletion, chance) == ("10.0 %", f"50.0 % ({100 * low:.1f} % to {100 * high:.1f} %)")
    assert (untrained, seeds) == ("0.00 (0.00 to 0.00)", "−0.10 (−0.20 to 0.00)")
    assert figures(replace(check, other_seeds={"a": -0.25}))[3] == "−0.25"
    assert figures(GOOD)[3] == "none here"


def test_a_model_with_random_weights_is_like_itself() -> None:
    torch.manual_seed(0)
    model = Perceiver(MODELS["shared"].config).eval().requires_grad_(False)
    found = checked(model, sample(model), other_seeds={"twin": lambda: model})
    for check in found.checks:
        assert check.untrained[0] == pytest.approx(1)
        assert check.other_seeds == {"twin": pytest.approx(1)}


def test_a_map_of_what_is_read_is_better_than_random_order_and_an_even_one_is_not() -> None:
    model = frozen(plan=((0, 0),), input_shape=(12, 15))
    layer = model.cross[0]
    with torch.no_grad():
        layer.query.weight.zero_(), layer.query.bias.zero_(), layer.key.weight.zero_()
        layer.query.bias[0], layer.key.weight[0, 0] = 8, 1  # the larger the first channel of the normalised row
        layer.value.weight.mul_(4)
    (check,) = checked(model, sample(model)).checks
    assert check.order == "better"
    with torch.no_grad():
        layer.key.weight.zero_()  # every element is read alike
    (even,) = checked(model, sample(model)).checks
    assert even.constant
    assert even.untrained == (0,) * 5
    assert even.verdict == "no better than random"


def test_correlation_with_a_constant_map_is_none() -> None:
    values = np.random.default_rng(0).random(50)
    assert rank_correlation(values, values**3, "probability") == pytest.approx(1)
    assert rank_correlation(values, 1 - values, "probability") == pytest.approx(-1)
    assert rank_correlation(values, np.full(50, 0.02), "probability") == 0
    assert rank_correlation(0.02 + 1e-9 * values, values, "probability") == 0  # constant up to rounding


def test_checks_are_resumed_and_leave_the_random_state_alone() -> None:
    model = MODELS["shared"]
    given = sample(model)
    trace = model.trace(model.inputs(given))
    other = {"other": lambda: model}
    torch.manual_seed(5)
    expected = torch.random.get_rng_state()
    whole = checked(model, given, other_seeds=other)
    assert torch.equal(torch.random.get_rng_state(), expected)
    partial, shares = None, []
    while partial is None or not partial.complete:
        partial = next(check_steps(model, given, trace, other_seeds=other, resume=partial))
        shares.append(partial.done)
        assert partial.complete or not partial.checks
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert [one.verdict for one in partial.checks] == [one.verdict for one in whole.checks]
    np.testing.assert_array_equal(partial.removed.found, whole.removed.found)
    assert repr(whole).startswith("MapChecks(block 0: ")
    assert "untrained models" in whole._repr_html_()
    reports: list[float] = []
    checked(model, given, progress=lambda share, words: reports.append(share or 0.0))
    assert reports == sorted(reports)
    assert reports[-1] == pytest.approx(1)
    with pytest.raises(ConfigError, match="begun with"):
        next(check_steps(model, given, trace, MapSelection("max"), other_seeds=other, resume=partial))
    with pytest.raises(ConfigError, match="begun with"):
        next(check_steps(model, sample(model, 2), trace, other_seeds=other, resume=partial))


def test_checks_of_other_maps() -> None:
    model = MODELS["shared"]
    given = sample(model)
    trace = model.trace(model.inputs(given))
    found = checked(model, given, MapSelection("max", kind="value"))
    torch.manual_seed(0)
    made = Perceiver(model.config).eval()
    theirs = made.trace(made.inputs(given))
    expected = correlation(*(one.map(2, reduce="max", kind="value").numpy() for one in (trace, theirs)))
    assert found.of(2).untrained[0] == pytest.approx(expected)
    with pytest.raises(ConfigError, match="block 7"):
        found.of(7)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (MapSelection(latent=1), "latents of two models"),
        (MapSelection(head=0), "heads of two models"),
        (MapSelection("entropy"), "entropy"),
        (MapSelection(part="content"), "part of their scores"),
    ],
)
def test_maps_that_cannot_be_checked(selection: MapSelection, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        checked(MODELS["shared"], sample(MODELS["shared"]), selection)


def test_a_seed_of_another_configuration_is_refused() -> None:
    other = frozen(num_latents=3)
    with pytest.raises(ConfigError, match="another configuration"):
        checked(MODELS["shared"], sample(MODELS["shared"]), other_seeds={"other": lambda: other})
