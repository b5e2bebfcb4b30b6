"""Both forms of cross-attention against a reference written out from the paper's appendix C."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from perceiver import attention
from perceiver.attention import CrossAttention, InputArray, SelfAttention, cheaper_form


def norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * weight + bias


def linear(x: Tensor, layer: torch.nn.Linear) -> Tensor:
    out = x @ layer.weight.T
    return out if layer.bias is None else out + layer.bias


def naive_mlp(x: Tensor, mlp: attention.MLP) -> Tensor:
    hidden = linear(norm(x, mlp.norm.weight, mlp.norm.bias), mlp.widen)
    if mlp.activation == "geglu":
        hidden, gate = hidden.chunk(2, -1)
        hidden = hidden * gate * 0.5 * (1 + torch.erf(gate / math.sqrt(2)))
    else:
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    return linear(hidden, mlp.narrow)


def naive_attention(q: Tensor, k: Tensor, v: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """Loops over heads and latents; returns the read values (N, width) and the weights (heads, N, M)."""
    d, e = q.shape[1] // heads, v.shape[1] // heads
    out, weights = torch.zeros(len(q), v.shape[1], dtype=q.dtype), torch.zeros(heads, len(q), len(k), dtype=q.dtype)
    for h in range(heads):
        for n in range(len(q)):
            scores = torch.stack([q[n, h * d : (h + 1) * d] @ row[h * d : (h + 1) * d] for row in k]) / math.sqrt(d)
            share = scores.exp() / scores.exp().sum()
            weights[h, n] = share
            out[n, h * e : (h + 1) * e] = sum(s * row[h * e : (h + 1) * e] for s, row in zip(share, v, strict=True))
    return out, weights


def naive_cross(layer: CrossAttention, latents: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """One sample: latents (N, D) read inputs (M, C)."""
    q = linear(norm(latents, layer.query_norm.weight, layer.query_norm.bias), layer.query)
    z = norm(inputs, layer.input_norm.weight, layer.input_norm.bias)
    read, weights = naive_attention(q, linear(z, layer.key), linear(z, layer.value), layer.heads)
    out = linear(read, layer.out)
    latents = latents + out if layer.query_residual else out
    return latents + naive_mlp(latents, layer.mlp), weights


def shaken(layer: torch.nn.Module) -> torch.nn.Module:
    """Random weights everywhere, norms and biases included, so that no term is hidden by a one or a zero."""
    generator = torch.Generator().manual_seed(1)
    for p in layer.parameters():
        p.data = torch.randn(p.shape, generator=generator) * (0.4 if p.dim() > 1 else 0.6) + (
            0.5 if p.dim() == 1 else 0
        )
    return layer


def cross(heads: int = 1, activation: str = "gelu", bias: bool = True, residual: bool = True) -> CrossAttention:
    layer = CrossAttention(8, 7, 6, 4, heads, 2, activation, bias, bias, query_residual=residual)  # type: ignore[arg-type]
    return shaken(layer)  # type: ignore[return-value]


@pytest.mark.parametrize("form", ["absorbed", "projected"])
@pytest.mark.parametrize(
    ("heads", "activation", "bias", "residual"),
    [(1, "gelu", True, True), (2, "gelu", True, True), (1, "geglu", False, True), (2, "gelu", True, False)],
)
@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("chunk", [4096, 3])
def test_both_forms_equal_the_reference(
    form: str, heads: int, activation: str, bias: bool, residual: bool, gradients: bool, chunk: int, monkeypatch
) -> None:
    monkeypatch.setattr(attention, "CHUNK_ROWS", chunk)
    layer = cross(heads, activation, bias, residual)
    latents, inputs = torch.randn(2, 5, 8), torch.randn(2, 11, 7) * 3 + 1
    with torch.set_grad_enabled(gradients):
        out = layer(latents, InputArray(inputs), form=form)
    for i in range(2):
        expected, _ = naive_cross(layer, latents[i], inputs[i])
        assert (out[i] - expected).abs().max() < 1e-5


def test_scores_of_the_absorbed_query_are_the_references_weights() -> None:
    layer = cross(heads=2)
    latents, inputs = torch.randn(1, 5, 8), torch.randn(1, 11, 7) * 3 + 1
    asked = layer.absorbed_query(latents)
    z = InputArray(inputs).normalised()
    weights = (asked.query @ z.unsqueeze(1).transpose(-1, -2) + asked.constant).softmax(-1)[0]
    _, expected = naive_cross(layer, latents[0], inputs[0])
    torch.testing.assert_close(weights, expected, atol=1e-5, rtol=1e-5)


def test_keys_and_values_made_once_equal_keys_and_values_made_again() -> None:
    layer = cross(heads=2)
    latents, inputs = torch.randn(1, 5, 8), InputArray(torch.randn(1, 11, 7))
    again = layer(latents, inputs, form="projected")
    torch.testing.assert_close(layer(latents, inputs, projected=layer.project(inputs), form="projected"), again)


def test_one_head_absorbs_and_eight_heads_project_at_paper_size() -> None:
    paper = {"latents": 512, "rows": 50_176, "channels": 261, "qk": 261, "v": 261, "uses": 7}
    assert cheaper_form(**paper, heads=1) == "absorbed"
    assert cheaper_form(**(paper | {"qk": 264, "v": 264}), heads=8) == "projected"


def test_gradients_flow_the_same_through_both_forms() -> None:
    layer, latents, inputs = cross(), torch.randn(1, 5, 8), torch.randn(1, 11, 7)
    grads = []
    for form in ("absorbed", "projected"):
        layer.zero_grad()
        layer(latents, InputArray(inputs), form=form).square().sum().backward()
        # The absorbed form never meets the keys' bias: it moves all scores of a latent alike, so its gradient is zero.
        grads.append([torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in layer.parameters()])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-4)


def test_gradients_of_frozen_weights_reach_the_input_the_same_in_both_forms() -> None:
    layer, latents = cross().requires_grad_(False), torch.randn(1, 5, 8)
    grads = []
    for form in ("absorbed", "projected"):
        inputs = torch.linspace(-2, 3, 77).sin().reshape(1, 11, 7).requires_grad_()
        layer(latents, InputArray(inputs), form=form).square().sum().backward()
        grads.append(inputs.grad)
    torch.testing.assert_close(grads[0], grads[1], atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("heads", [1, 4])
def test_self_attention_equals_the_reference(heads: int) -> None:
    layer = shaken(SelfAttention(8, heads, 1, "gelu", True, True))
    x = torch.randn(5, 8)
    z = norm(x, layer.norm.weight, layer.norm.bias)
    read, weights = naive_attention(linear(z, layer.query), linear(z, layer.key), linear(z, layer.value), heads)
    y = x + linear(read, layer.out)
    torch.testing.assert_close(layer(x[None])[0], y + naive_mlp(y, layer.mlp), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(layer.weights(x[None])[0], weights, atol=1e-5, rtol=1e-4)


def test_latents_that_read_themselves_alone_mix_with_none() -> None:
    layer = shaken(SelfAttention(8, 2, 1, "gelu", True, True))
    x = torch.randn(1, 5, 8)
    alone = torch.cat([layer.mix(x[:, i : i + 1], torch.ones(1, 2, 1, 1)) for i in range(5)], dim=1)
    torch.testing.assert_close(layer.mix(x, torch.eye(5).expand(1, 2, 5, 5)), alone, atol=1e-5, rtol=1e-5)


def test_tanh_gelu_is_the_tanh_approximation() -> None:
    mlp = attention.MLP(4, 1, "gelu_tanh")
    x = torch.randn(1, 3, 4)
    hidden = mlp.widen(mlp.norm(x))
    curve = 0.5 * hidden * (1 + torch.tanh(math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)))
    torch.testing.assert_close(mlp(x), mlp.narrow(curve))
