"""Sweeps: answers against inputs ablated by hand, estimates against finite differences and a loop over bands."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from perceiver import Perceiver
from perceiver.analysis import batches
from perceiver.analysis import sweep as module
from perceiver.analysis.ablation import WHOLE, Ablation, bands, coordinates, low_pass, sines
from perceiver.analysis.change import AnswerChange
from perceiver.analysis.sweep import Curve, answers, curves, estimate, estimate_curves, spearman, steps
from perceiver.errors import ConfigError
from perceiver.positions import LearnedConfig, position_config
from perceiver.sample import Sample

from .cases import frozen, of_clouds, sample

MODELS = {"grid": frozen(), "heads": frozen(cross_heads=2, head="decoder"), "cloud": of_clouds()}


def flat(found: tuple[Curve, ...]) -> list[Ablation]:
    return [one for curve in found for one in curve.ablations]


def zeroed(model: Perceiver, given: Sample, gone: list[tuple[int, int]]) -> torch.Tensor:
    """The logits when these bands (axis, number) are 0, by their place in the input array."""
    axes, count = model.config.num_axes, model.config.positions.num_bands
    array = model.inputs(given).clone()
    for axis, index in gone:
        for start in (axes, axes + axes * count):
            array[:, :, model.config.content_channels + start + axis * count + index] = 0
    return model(array)[0]


def test_curves_take_every_band_alone_and_all_to_either_side() -> None:
    model = MODELS["grid"]
    found = curves(model.encoding, "shuffle", 5)
    assert [(curve.family, curve.axis) for curve in found] == [
        ("single", 0),
        ("single", 1),
        ("low_pass", None),
        ("high_pass", None),
    ]
    gone = [[set(one.sines) for one in curve.ablations] for curve in found]
    both = [{(0, k), (1, k)} for k in range(4)]
    assert gone[0] == [{(0, k)} for k in range(4)]
    assert gone[1] == [{(1, k)} for k in range(4)]
    assert gone[2] == [set.union(*both[k:]) for k in range(4)]
    assert gone[3] == [set.union(*both[: k + 1]) for k in range(4)]
    for one in flat(found):
        assert (one.cosines, one.coordinates, one.whole) == (one.sines, frozenset(), False)
        assert (one.fill, one.seed) == ("shuffle", 5)
    assert found[0].frequencies == pytest.approx((1, 7 / 6, 4 / 3, 1.5))
    assert found[1].frequencies == pytest.approx((1, 1.5, 2, 2.5))
    assert found[2].frequencies == found[3].frequencies == found[0].frequencies


@pytest.mark.parametrize("kind", ["learned", "coordinates"])
def test_codes_without_bands_have_no_curves(kind: str) -> None:
    model = frozen(positions=position_config({"kind": kind, "dim": 4}))
    assert curves(model.encoding) == ()
    assert estimate_curves(model, sample(model), ()).changes.shape == (0,)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("at_a_time", [None, 1, 5])
def test_answers_are_those_of_inputs_ablated_by_hand(name: str, at_a_time: int | None) -> None:
    model = MODELS[name]
    given, ablations = sample(model), flat(curves(model.encoding))
    parts = list(answers(model, given, ablations, at_a_time=at_a_time))
    if at_a_time is not None:
        assert [len(part) for part in parts[:-1]] == [at_a_time] * (len(parts) - 1)
    found = np.concatenate(parts)
    for logits, one in zip(found, ablations, strict=True):
        np.testing.assert_allclose(logits, zeroed(model, given, list(one.sines)).numpy(), atol=2e-5)


def test_batches_are_as_large_as_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS["grid"]
    monkeypatch.setattr(batches, "HELD", 3 * 15 * 20 * 4)
    assert [len(part) for part in answers(model, sample(model), flat(curves(model.encoding))[:7])] == [3, 3, 1]


def test_an_unfinished_sweep_leaves_gradients_on() -> None:
    model = MODELS["grid"]
    with torch.enable_grad():
        next(answers(model, sample(model), [WHOLE, WHOLE], at_a_time=1))
        assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", MODELS)
def test_an_estimate_is_the_slope_of_the_logit(name: str) -> None:
    model = frozen(seed=3, cross_heads=2) if name == "heads" else (frozen() if name == "grid" else of_clouds())
    model, given = model.double(), sample(model)
    given = dataclasses.replace(given, content=given.content.double())
    codes = model.codes(given).double()
    ablations = [
        *flat(curves(model.encoding))[:5],
        low_pass(model.encoding, 1).filled("mean"),
        sines(model.encoding).filled("shuffle", 3),
        coordinates(model.encoding, [1]) | bands(model.encoding.bands()[:2]),
        WHOLE,
        Ablation(),
    ]
    found = estimate(model, given, ablations, target=2)
    for one, change in zip(ablations, found.changes, strict=True):
        way, step = one.apply(codes, model.encoding) - codes, 1e-5
        up, down = (model(model.inputs(given, codes + sign * step * way))[0, 2] for sign in (1, -1))
        assert change == pytest.approx(float(up - down) / (2 * step), rel=1e-4, abs=1e-6)
    assert found.target == 2
    np.testing.assert_allclose(found.logits, model(model.inputs(given))[0].numpy(), atol=1e-6)


def test_a_learned_code_can_be_estimated_whole() -> None:
    model = frozen(positions=LearnedConfig(dim=6))
    found = estimate(model, sample(model), [WHOLE, WHOLE.filled("mean")])
    assert np.all(found.changes != 0)
    assert found.target == found.logits.argmax()
    with pytest.raises(ConfigError, match="no band b1:1"):
        estimate(model, sample(model), [Ablation(sines=frozenset({(0, 0)}))])


def test_a_class_that_does_not_exist_is_refused() -> None:
    model = MODELS["grid"]
    for wrong in (3, -1):
        with pytest.raises(ConfigError, match="they run from 0 to 2"):
            estimate_curves(model, sample(model), curves(model.encoding), wrong)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_cumulative_estimates_share_out_what_the_sum_of_parts_misses(name: str, fill: module.Fill) -> None:
    model = MODELS[name]
    given, found = sample(model), curves(model.encoding, fill)
    made = estimate_curves(model, given, found, 1)
    ablations = flat(found)
    alone = {next(iter(one.sines)): c for one, c in zip(ablations, made.changes, strict=True) if len(one.sines) == 1}
    first_order = estimate(model, given, ablations, 1).changes
    everything = bands(model.encoding.bands()).filled(fill)
    (after,) = next(answers(model, given, [everything]))
    missed = (after[1] - made.logits[1]) - sum(alone.values())
    for curve_change, straight, one in zip(made.changes, first_order, ablations, strict=True):
        if len(one.sines) == 1:
            assert curve_change == pytest.approx(straight, abs=1e-7)
            continue
        size = sum(abs(alone[place]) for place in one.sines) / sum(abs(value) for value in alone.values())
        assert curve_change == pytest.approx(sum(alone[place] for place in one.sines) + missed * size, abs=1e-5)
        if one == everything:
            assert curve_change == pytest.approx(after[1] - made.logits[1], abs=1e-5)


def test_a_preview_runs_the_model_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    model, forward, calls = frozen(), Perceiver.forward, []

    def counted(self: Perceiver, inputs: torch.Tensor) -> torch.Tensor:
        calls.append(len(inputs))
        return forward(self, inputs)

    monkeypatch.setattr(Perceiver, "forward", counted)
    estimate_curves(model, sample(model), curves(model.encoding))
    assert calls == [1, 1]


def test_a_logit_without_a_slope_is_estimated_not_to_change() -> None:
    model = frozen()
    model.head.linear.weight.zero_()
    assert not estimate_curves(model, sample(model), curves(model.encoding)).changes.any()


def test_the_model_and_its_code_stay_frozen() -> None:
    model = frozen(positions=LearnedConfig(dim=6))
    estimate(model, sample(model), [WHOLE])
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())
    fourier = MODELS["grid"]
    estimate_curves(fourier, sample(fourier), curves(fourier.encoding))
    assert not fourier.encoding.grid().requires_grad


@pytest.mark.parametrize("name", MODELS)
def test_a_sweep_grows_batch_by_batch(name: str) -> None:
    model = MODELS[name]
    given, found = sample(model), curves(model.encoding)
    grown = list(steps(model, given, found, 1, at_a_time=7))
    total, made = len(flat(found)), estimate_curves(model, given, found, 1)
    assert [one.known for one in grown] == [*range(0, total, 7), total]
    exact = np.concatenate(list(answers(model, given, flat(found), at_a_time=7)))
    for one in grown:
        assert (one.curves, one.target) == (found, 1)
        np.testing.assert_allclose(one.estimates, made.changes, atol=1e-6)
        np.testing.assert_array_equal(one.after[: one.known], exact[: one.known])
        assert np.isnan(one.after[one.known :]).all()
    assert np.isnan(grown[0].logits()).all()
    assert math.isnan(grown[0].rho("single"))


def test_changes_of_a_sweep_are_those_of_its_answers() -> None:
    model = MODELS["grid"]
    *_, half, whole = steps(model, sample(model), curves(model.encoding), at_a_time=9)
    assert whole.target == whole.before.argmax()
    for i, after in enumerate(whole.after):
        change = AnswerChange(whole.before, after)
        assert whole.kl()[i] == pytest.approx(change.kl, abs=1e-12)
        for target in range(3):
            assert whole.logits(target)[i] == pytest.approx(change.logit(target), abs=1e-6)
            assert whole.probabilities(target)[i] == pytest.approx(change.probability(target))
    np.testing.assert_array_equal(whole.logits(), whole.logits(whole.target))
    assert np.isnan(half.kl()[half.known :]).all()
    assert not np.isnan(half.kl()[: half.known]).any()
    alone = [len(one.sines) == 1 and i < 8 for i, one in enumerate(flat(whole.curves))]
    for part, chosen in (("single", np.array(alone)), ("cumulative", ~np.array(alone))):
        expected = spearman(whole.estimates[chosen], whole.logits()[chosen])
        assert whole.rho(part) == pytest.approx(expected)  # type: ignore[arg-type]


def test_a_sweep_that_is_stopped_answers_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    model, forward, calls = frozen(), Perceiver.forward, []

    def counted(self: Perceiver, inputs: torch.Tensor) -> torch.Tensor:
        calls.append(len(inputs))
        return forward(self, inputs)

    monkeypatch.setattr(Perceiver, "forward", counted)
    growing = steps(model, sample(model), curves(model.encoding), at_a_time=2)
    next(growing), next(growing)
    growing.close()
    assert calls == [1, 1, 2]


def test_spearman_is_the_correlation_of_ranks() -> None:
    one, other = np.array([0.1, 5.0, 5.0, -2.0, 9.0]), np.array([3.0, 4.0, 1.0, 1.0, 2.0])
    assert spearman(one, other) == pytest.approx(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
    assert spearman(one, one**3) == pytest.approx(1)
    assert spearman(one, -one) == pytest.approx(-1)
    assert math.isnan(spearman(one, np.ones(5)))
    assert math.isnan(spearman(one[:1], other[:1]))
