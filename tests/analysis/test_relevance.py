"""Relevance: against a run that holds every attention matrix and asks autograd for all gradients at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from perceiver import Perceiver, attention
from perceiver.analysis import relevance as module
from perceiver.analysis.methods import RELEVANCE_METHODS, RelevanceMethod
from perceiver.analysis.relevance import relevance
from perceiver.attention import CrossAttention, SelfAttention
from perceiver.errors import ConfigError

from .cases import frozen, of_clouds, sample

MODELS: dict[str, dict[str, object]] = {
    "two blocks": {},
    "two heads": {"cross_heads": 2, "self_attends": 2},
    "one map": {"plan": ((0, 0), (None, 0), (None, 1))},
    "no towers": {"plan": ((0, None), (0, None)), "head": "mean_norm"},
    "decoder": {"head": "decoder", "decoder_heads": 2, "plan": ((0, 0), (None, 0), (0, 0))},
    "decoder with residual": {"head": "decoder", "decoder_query_residual": True, "activation": "geglu"},
}


def split(x: Tensor, heads: int) -> Tensor:
    """(rows, width) as (heads, rows, width of a head)."""
    return x.reshape(len(x), heads, -1).transpose(0, 1)


def read(layer: CrossAttention | SelfAttention, latents: Tensor, rows: Tensor, kept: list[Tensor]) -> Tensor:
    """An attention layer with keys, values and the whole matrix, which is kept; then the rest of the layer."""
    cross = isinstance(layer, CrossAttention)
    x = layer.query_norm(latents) if cross else layer.norm(latents)
    y = layer.input_norm(rows) if cross else x
    q, k, v = split(layer.query(x), layer.heads), split(layer.key(y), layer.heads), split(layer.value(y), layer.heads)
    weights = (q @ k.transpose(1, 2) / k.shape[-1] ** 0.5).softmax(-1)
    weights.retain_grad()
    kept.append(weights)
    out = layer.out((weights @ v).transpose(0, 1).flatten(1))
    latents = out if cross and not layer.query_residual else latents + out
    return latents + layer.mlp(latents[None])[0]


def naive(model: Perceiver, inputs: Tensor, target: int, method: RelevanceMethod) -> tuple[dict[int, Tensor], Tensor]:
    """Maps by block and the weights at the start, from matrices that are all held."""
    kept: list[Tensor] = []
    blocks: list[int | None] = []
    latents = model.latents.clone().requires_grad_()
    for block, (cross, tower) in enumerate(model.config.plan):
        if cross is not None:
            latents = read(model.cross[cross], latents, inputs, kept)
            blocks.append(block)
        for layer in model.towers[tower] if tower is not None else ():
            latents = read(layer, latents, latents, kept)
            blocks.append(None)
    latents.retain_grad()
    head = model.head
    if decoder := model.config.head == "decoder":
        out = head.linear(read(head.read, head.query, latents, kept))[0]
    else:
        out = head.linear(head.norm(latents.mean(0)))
    out[target].backward()

    def positive(weights: Tensor) -> Tensor:
        if method == "rollout":
            return weights.detach().mean(0)
        assert weights.grad is not None
        return (weights * weights.grad).clamp_min(0).mean(0).detach()

    assert latents.grad is not None
    start = positive(kept.pop())[0] if decoder else (latents * latents.grad).sum(1).clamp_min(0).detach()
    # Where no latent speaks for the class, all are followed alike.
    start = start / start.sum() if start.sum() > 0 else torch.full_like(start, 1 / len(start))
    row, maps = start, {}
    half = 0.5 if method == "rollout" else 1.0
    for weights, block in zip(reversed(kept), reversed(blocks), strict=True):
        if block is None:
            row = half * (row + row @ positive(weights))
        else:
            maps[block] = half * row @ positive(weights)
            row = half * row
    total = sum(one.sum() for one in maps.values())
    return {block: one / total for block, one in maps.items()}, start


@pytest.mark.parametrize("method", RELEVANCE_METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_relevance_is_that_of_whole_matrices_and_autograd(name: str, method: RelevanceMethod) -> None:
    model = frozen(**MODELS[name])
    given = sample(model)
    for target in (0, 2):
        found = relevance(model, given, target, method=method)
        maps, start = naive(model, model.inputs(given)[0], target, method)
        assert found.blocks == tuple(sorted(maps))
        np.testing.assert_allclose(found.latents, start.numpy(), atol=1e-5)
        for block, one in zip(found.blocks, found.maps, strict=True):
            np.testing.assert_allclose(one, maps[block].reshape(3, 5).numpy(), rtol=1e-3, atol=1e-6)
        assert found.maps.min() >= 0
        assert found.maps.sum() == pytest.approx(1, abs=1e-5)
        assert found.latents.sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(found.total, sum(found.maps), atol=1e-7)
        np.testing.assert_allclose(found.shares, [one.sum() for one in found.maps], atol=1e-6)


def test_the_gradient_that_is_carried_back_is_autograds() -> None:
    model = frozen(cross_heads=2, plan=((0, 0), (None, 0), (1, 0)))
    inputs = attention.InputArray(model.inputs(sample(model)))
    with torch.no_grad():
        steps = list(model.steps(inputs))
    _, gradient = module._start(model, steps[-1].after, 1, "gradient")
    for step in reversed(steps):
        if isinstance(step.layer, SelfAttention):
            _, gradient = module._through_tower(step.layer, step.before, gradient, "gradient")
        else:
            _, gradient = module._through_cross(step.layer, step.before, inputs, gradient)
    model.latents.requires_grad_()
    (expected,) = torch.autograd.grad(model(inputs.array)[0, 1], model.latents)
    np.testing.assert_allclose(gradient[0].numpy(), expected.numpy(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("method", RELEVANCE_METHODS)
def test_a_contrast_is_the_difference_of_two(method: RelevanceMethod) -> None:
    model = frozen(cross_heads=2)
    given = sample(model)
    one, other, both = (relevance(model, given, *classes, method=method) for classes in ((0,), (2,), (0, 2)))
    np.testing.assert_allclose(both.maps, one.maps - other.maps, atol=1e-7)
    np.testing.assert_allclose(both.latents, one.latents - other.latents, atol=1e-7)
    assert both.maps.sum() == pytest.approx(0, abs=1e-5)
    assert (both.maps != 0).any()
    sizes = np.abs(both.maps).sum((1, 2))
    np.testing.assert_allclose(both.shares, sizes / sizes.sum(), rtol=1e-5)
    assert (both.target, both.against) == (0, 2)


@pytest.mark.parametrize("method", RELEVANCE_METHODS)
@pytest.mark.parametrize("name", ["two heads", "decoder"])
def test_inputs_that_are_read_in_chunks_are_traced_alike(
    name: str, method: RelevanceMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = frozen(**MODELS[name])
    whole = relevance(model, sample(model), 1, method=method)
    monkeypatch.setattr(attention, "CHUNK_ROWS", 4)
    parts = relevance(model, sample(model), 1, method=method)
    np.testing.assert_allclose(parts.maps, whole.maps, rtol=1e-4, atol=1e-6)


def test_clouds_are_traced_to_their_points() -> None:
    model = of_clouds()
    found = relevance(model, sample(model))
    maps, _ = naive(model, model.inputs(sample(model))[0], found.target, "gradient")
    assert found.maps.shape == (2, 12)
    np.testing.assert_allclose(found.maps, torch.stack([maps[0], maps[1]]).numpy(), rtol=1e-3, atol=1e-6)
    assert found.target == int(model(model.inputs(sample(model))).argmax())


def test_a_class_that_nothing_speaks_for_has_an_empty_map() -> None:
    model = frozen()
    model.head.linear.weight.zero_()
    found = relevance(model, sample(model), 0)
    assert not found.maps.any()
    np.testing.assert_allclose(found.latents, 1 / 4)
    assert not found.shares.any()


def test_progress_is_told_and_stops_the_work() -> None:
    model, told = frozen(), []
    relevance(model, sample(model), 0, 1, progress=lambda share, text: told.append(share))
    # The four layers of the forward pass, then two cross-attentions and two layers, for two classes.
    assert told == [0] * 4 + [done / 8 for done in range(1, 9)]

    def stop(share: float | None, text: str) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        relevance(model, sample(model), progress=stop)


@pytest.mark.parametrize("classes", [(3, None), (-1, None), (0, 3)])
def test_a_class_that_does_not_exist_is_refused(classes: tuple[int, int | None]) -> None:
    model = frozen()
    with pytest.raises(ConfigError, match="they run from 0 to 2"):
        relevance(model, sample(model), *classes)


def test_the_model_stays_frozen() -> None:
    model = frozen(head="decoder")
    relevance(model, sample(model), 0, 1)
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())
    assert not model.encoding.grid().requires_grad
