"""Gradient attributions: against autograd and sums along the way written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from perceiver import Perceiver
from perceiver.analysis import batches
from perceiver.analysis.attribution import attribute, integrate
from perceiver.analysis.methods import ATTRIBUTION_METHODS, AttributionMethod
from perceiver.errors import ConfigError
from perceiver.positions import LearnedConfig
from perceiver.sample import Sample

from .cases import frozen, of_clouds, sample

MODELS = {
    "grid": frozen(),
    "learned": frozen(positions=LearnedConfig(dim=6)),
    "heads": frozen(cross_heads=2, head="decoder"),
    "cloud": of_clouds(),
}


def ends(model: Perceiver, given: Sample) -> tuple[Tensor, Tensor]:
    """What is attributed to, and its baseline: content and 0, or the code of free elements and its mean."""
    if given.content.shape[1]:
        return given.content, torch.zeros_like(given.content)
    codes = model.codes(given)[0].detach()
    return codes, codes.mean(0).expand_as(codes)


def score(model: Perceiver, given: Sample, part: Tensor, target: int, against: int | None) -> Tensor:
    if given.content.shape[1]:
        logits = model(model.input_array(part[None], model.codes(given).detach()))[0]
    else:
        logits = model(model.input_array(given.content[None], part[None]))[0]
    return logits[target] - logits[against] if against is not None else logits[target]


def slope(model: Perceiver, given: Sample, part: Tensor, target: int, against: int | None) -> Tensor:
    part = part.clone().requires_grad_()
    return torch.autograd.grad(score(model, given, part, target, against), part)[0]


@pytest.mark.parametrize("against", [None, 0])
@pytest.mark.parametrize("name", MODELS)
def test_saliency_is_the_length_of_the_gradient(name: str, against: int | None) -> None:
    model = MODELS[name]
    given = sample(model)
    found = attribute(model, given, "saliency", 1, against)
    gradient = slope(model, given, ends(model, given)[0], 1, against)
    np.testing.assert_allclose(found.values.ravel(), gradient.norm(dim=1).numpy(), rtol=1e-4, atol=1e-6)
    assert found.values.shape == given.shape
    assert (found.signed, found.change, found.completeness) == (False, None, None)
    assert (found.method, found.target, found.against) == ("saliency", 1, against)


@pytest.mark.parametrize("against", [None, 0])
@pytest.mark.parametrize("name", MODELS)
def test_input_times_gradient(name: str, against: int | None) -> None:
    model = MODELS[name]
    given = sample(model)
    found = attribute(model, given, "input_x_gradient", 1, against)
    part = ends(model, given)[0]
    expected = (part * slope(model, given, part, 1, against)).sum(1)
    np.testing.assert_allclose(found.values.ravel(), expected.numpy(), rtol=1e-3, atol=1e-5)
    assert found.signed


@pytest.mark.parametrize("against", [None, 0])
@pytest.mark.parametrize("name", MODELS)
def test_integrated_gradients_are_summed_along_the_way(name: str, against: int | None) -> None:
    model = MODELS[name]
    given = sample(model)
    found = attribute(model, given, "integrated_gradients", 1, against, steps=9)
    part, base = ends(model, given)
    nodes, weights = np.polynomial.legendre.leggauss(9)
    total = torch.zeros_like(part)
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        at = base + (node + 1) / 2 * (part - base)
        total += weight / 2 * slope(model, given, at, 1, against)
    expected = ((part - base) * total).sum(1).numpy()
    np.testing.assert_allclose(found.values.ravel(), expected, rtol=1e-3, atol=1e-5)
    change = float(score(model, given, part, 1, against) - score(model, given, base, 1, against))
    assert found.change == pytest.approx(change, abs=1e-5)
    assert found.completeness == pytest.approx(abs(expected.sum() - change), abs=1e-4)
    assert found.signed


@pytest.mark.parametrize("name", ["grid", "cloud"])
def test_many_steps_add_up_to_the_change_of_the_logit(name: str) -> None:
    model = MODELS[name]
    few, many = (attribute(model, sample(model), "integrated_gradients", steps=n) for n in (2, 200))
    assert few.completeness is not None
    assert many.completeness is not None
    assert many.change is not None
    assert many.completeness < 2e-3 * max(1, abs(many.change))
    assert many.completeness < few.completeness


@pytest.mark.parametrize("method", ATTRIBUTION_METHODS)
def test_the_most_probable_class_is_followed(method: AttributionMethod) -> None:
    model = MODELS["grid"]
    given = sample(model)
    top = int(model(model.inputs(given)).argmax())
    chosen, asked = attribute(model, given, method, steps=4), attribute(model, given, method, top, steps=4)
    assert chosen.target == top
    np.testing.assert_allclose(chosen.values, asked.values, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "batches_of"), [("saliency", 1), ("input_x_gradient", 1), ("integrated_gradients", 3)]
)
def test_progress_is_told_after_every_layer_of_every_pass(
    method: AttributionMethod, batches_of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, told = MODELS["grid"], []
    monkeypatch.setattr(batches, "HELD", 2 * 15 * 20 * 4)  # two steps at a time
    attribute(model, sample(model), method, steps=6, progress=lambda share, text: told.append(share))
    layers = sum(1 + model.config.self_attends for _ in model.config.plan)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, pytest.approx(1))
    # Forward and backward, in whichever order: the layers of a batch divide its share of the work evenly.
    forward = {
        (batch + (layer + 1) / layers / 3) / batches_of for batch in range(batches_of) for layer in range(layers)
    }
    for expected in forward:
        assert any(share == pytest.approx(expected) for share in told)
    assert len(told) >= 2 * layers * batches_of


@pytest.mark.parametrize("calls", [1, 4, 9])
def test_what_is_told_may_stop_the_work(calls: int) -> None:
    """Forwards and, after the model's layers, within the backward pass."""
    model, told = MODELS["cloud"], []

    class Stopped(BaseException):
        """As Streamlit's own, which no handler of Exception may catch."""

    def stop(share: float | None, text: str) -> None:
        told.append(share)
        if len(told) == calls:
            raise Stopped

    with pytest.raises(Stopped):
        attribute(model, sample(model), "integrated_gradients", progress=stop)
    assert len(told) == calls


def test_integrated_gradients_go_on_where_they_were_left(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS["heads"]
    given = sample(model)
    whole = attribute(model, given, "integrated_gradients", 1, 0, steps=7)
    monkeypatch.setattr(batches, "HELD", 2 * 15 * 20 * 4)  # two steps at a time
    path = next(integrate(model, given, 1, 0, steps=7))
    assert (path.done, path.attribution) == (2, None)
    passes: list[int] = []
    run = Perceiver.steps
    monkeypatch.setattr(
        Perceiver, "steps", lambda self, x, **more: (passes.append(x.shape[0]), run(self, x, **more))[1]
    )
    *_, last = integrate(model, given, 1, 0, steps=7, resume=path)
    assert passes == [2, 2, 1, 1, 1]  # the other five points, then input and baseline
    np.testing.assert_allclose(last.attribution.values, whole.values, atol=1e-5)
    assert last.attribution.change == pytest.approx(whole.change, abs=1e-5)


def test_steps_that_go_through_together_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS["grid"]
    together = attribute(model, sample(model), "integrated_gradients", 1, steps=8)
    monkeypatch.setattr(batches, "HELD", 1)
    np.testing.assert_allclose(
        attribute(model, sample(model), "integrated_gradients", 1, steps=8).values, together.values, atol=1e-5
    )


@pytest.mark.parametrize("method", ATTRIBUTION_METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_model_code_and_sample_stay_as_they_were(name: str, method: AttributionMethod) -> None:
    model = MODELS[name]
    given = sample(model)
    before = [value.clone() for value in model.state_dict().values()]
    with torch.no_grad():  # as the app asks
        attribute(model, given, method, steps=2)
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())
    assert not model.codes(given).requires_grad
    assert not given.content.requires_grad
    assert given.coordinates is None or not given.coordinates.requires_grad


@pytest.mark.parametrize("classes", [(3, None), (-1, None), (0, 3)])
def test_a_class_that_does_not_exist_is_refused(classes: tuple[int, int | None]) -> None:
    model = MODELS["grid"]
    with pytest.raises(ConfigError, match="they run from 0 to 2"):
        attribute(model, sample(model), "saliency", *classes)
