"""Maps from a trace against full softmax matrices, and what they may cost at the paper's size."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from perceiver import Perceiver, PerceiverConfig, Trace, attention
from perceiver.trace import KINDS

from .models import tiny


@pytest.fixture(params=[(1, 4096), (2, 4096), (2, 4)], ids=["one head", "two heads", "two heads in chunks"])
def traced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Perceiver, Trace]:
    heads, chunk = request.param
    monkeypatch.setattr(attention, "CHUNK_ROWS", chunk)
    torch.manual_seed(3)
    model = Perceiver(tiny(cross_heads=heads, qk_dim=6, v_dim=4))
    with torch.no_grad():
        for p in model.cross.parameters():
            p.add_(torch.randn_like(p) * 0.5)
        return model, model.trace(model.input_array(torch.randn(1, 15, 2)))


def full(model: Perceiver, trace: Trace, block: int) -> tuple[Tensor, Tensor, Tensor]:
    """Scores and weights (heads, N, M) and contribution norms (heads, M), by the plain formulas."""
    layer, latents = trace.record(block).layer, trace.latents[block][None]
    heads = layer.heads
    with torch.no_grad():
        q = layer.query(layer.query_norm(latents))[0].unflatten(-1, (heads, -1)).transpose(0, 1)
        z = layer.input_norm(trace.inputs.array)[0]
        k = layer.key(z).unflatten(-1, (heads, -1)).transpose(0, 1)
        v = layer.value(z).unflatten(-1, (heads, -1)).transpose(0, 1)
        scores = q @ k.transpose(1, 2) / k.shape[-1] ** 0.5
        out = layer.out.weight.unflatten(1, (heads, -1)).transpose(0, 1)
        norms = (v @ out.transpose(1, 2)).norm(dim=-1)
    return scores, scores.softmax(-1), norms


def test_every_kind_and_reduction_equals_the_full_matrix(traced: tuple[Perceiver, Trace]) -> None:
    model, trace = traced
    for block in trace.blocks:
        scores, weights, norms = full(model, trace, block)
        value = weights * norms[:, None]
        for kind, matrix in (("score", scores), ("probability", weights), ("value", value)):
            for head in (None, *range(len(matrix))):
                chosen = matrix.mean(0) if head is None else matrix[head]
                near = {"atol": 2e-5, "rtol": 1e-4}
                asked = {"kind": kind, "head": head}
                torch.testing.assert_close(trace.map(block, **asked), chosen.mean(0), **near)
                torch.testing.assert_close(trace.map(block, reduce="max", **asked), chosen.amax(0), **near)
                torch.testing.assert_close(trace.map(block, latent=2, **asked), chosen[2], **near)
                torch.testing.assert_close(trace.latent_maps(block, slice(1, 3), **asked), chosen[1:3], **near)
                torch.testing.assert_close(trace.element_weights(block, 9, **asked), chosen[:, 9], **near)
                if kind != "score":
                    share = chosen / chosen.sum(0)
                    entropy = -(share * share.log()).sum(0)
                    torch.testing.assert_close(trace.map(block, reduce="entropy", **asked), entropy, **near)


@pytest.mark.parametrize("form", ["absorbed", "projected"])
@pytest.mark.parametrize("held", [2**23, 7])
@pytest.mark.parametrize("heads", [1, 2])
def test_what_the_forward_pass_keeps_equals_a_plain_softmax_in_double_precision(
    form: str, held: int, heads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "HELD_SCORES", held)
    monkeypatch.setattr(attention, "cheaper_form", lambda *_: form)
    torch.manual_seed(5)
    model = Perceiver(tiny(cross_heads=heads, qk_dim=6, v_dim=4))
    inputs = model.input_array(torch.randn(1, 15, 2)).detach()
    trace = model.trace(inputs)
    with torch.no_grad():
        torch.testing.assert_close(trace.logits, model(inputs)[0], atol=1e-6, rtol=0)
    for record in trace.records:
        layer, latents = record.layer.double(), trace.latents[record.block].double()
        with torch.no_grad():
            q, x = layer.query(layer.query_norm(latents)), layer.input_norm(inputs[0].double())
            for head, (a, b) in enumerate(zip(q.chunk(heads, 1), layer.key(x).chunk(heads, 1), strict=True)):
                scores = a @ b.T / a.shape[1] ** 0.5
                expected = scores.exp() / scores.exp().sum(1, keepdim=True)
                sums = scores.exp().sum(1, keepdim=True).log()
                torch.testing.assert_close(record.log_sum_exp[head].double(), sums, atol=1e-5, rtol=1e-6)
                torch.testing.assert_close(record.mean_weights[head].double(), expected.mean(0), atol=1e-6, rtol=0)
        layer.float()


def test_a_map_of_the_mean_costs_no_scores(traced: tuple[Perceiver, Trace], monkeypatch: pytest.MonkeyPatch) -> None:
    _, trace = traced
    monkeypatch.delattr(Trace, "_values")
    for kind in KINDS:
        assert trace.map(0, kind=kind).shape == (15,)
    with pytest.raises(AttributeError):
        trace.map(0, reduce="max")


def test_scores_far_from_zero_neither_overflow_nor_vanish() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny())
    with torch.no_grad():
        for layer in model.cross:
            layer.query.bias.fill_(300.0)
            layer.key.bias.fill_(-50.0)
    trace = model.trace(model.input_array(torch.randn(1, 15, 2)))
    for record in trace.records:
        assert record.log_sum_exp.isfinite().all()
        assert record.log_sum_exp.max() < -1000
        torch.testing.assert_close(record.mean_weights.sum(1), torch.ones(1))
        torch.testing.assert_close(
            trace.latent_maps(record.block, slice(None)).sum(1), torch.ones(4), atol=1e-2, rtol=0
        )


def test_rows_of_probabilities_sum_to_one(traced: tuple[Perceiver, Trace]) -> None:
    _, trace = traced
    for block in trace.blocks:
        rows = trace.latent_maps(block, slice(None)).sum(1)
        torch.testing.assert_close(rows, torch.ones(4), atol=1e-5, rtol=0)
        assert trace.map(block).sum().item() == pytest.approx(1, abs=1e-5)


def test_concentration_is_the_entropy_of_each_latents_map(traced: tuple[Perceiver, Trace]) -> None:
    model, trace = traced
    weights = full(model, trace, 0)[1].mean(0)
    torch.testing.assert_close(trace.concentration(0), -(weights * weights.log()).sum(1), atol=1e-4, rtol=1e-4)


def test_all_weight_on_one_element_is_found_there() -> None:
    # One latent asks for the element whose content is large: element 9 of a 3 x 5 grid is row 1, column 4.
    torch.manual_seed(0)
    model = Perceiver(tiny())
    layer = model.cross[0]
    with torch.no_grad():
        for linear in (layer.query, layer.key):
            linear.weight.zero_()
            linear.bias.zero_()
        layer.query.bias[0] = 200.0
        layer.key.weight[0, 0] = 1.0
        content = torch.zeros(1, 15, 2)
        content[0, 9, 0] = 50.0
        trace = model.trace(model.input_array(content))
    grid = trace.map(0).reshape(trace.shape)
    assert divmod(int(grid.argmax()), 5) == (1, 4)
    assert grid[1, 4].item() == pytest.approx(1, abs=1e-4)


def test_what_does_not_exist_is_refused_in_words(traced: tuple[Perceiver, Trace]) -> None:
    _, trace = traced
    with pytest.raises(ValueError, match="no cross-attention in block 7; they run from 0 to 1"):
        trace.map(7)
    with pytest.raises(ValueError, match="no latent 4; they run from 0 to 3"):
        trace.map(0, latent=4)
    with pytest.raises(ValueError, match="no latent -1"):
        trace.map(0, latent=-1)
    with pytest.raises(ValueError, match="no head 5"):
        trace.map(0, head=5)
    with pytest.raises(ValueError, match="no input element 15"):
        trace.element_weights(0, 15)
    with pytest.raises(ValueError, match="scores are not shares of a whole"):
        trace.map(0, kind="score", reduce="entropy")


def test_all_mean_maps_at_paper_size_stay_below_the_input_array_plus_64_mb(tmp_path: Path) -> None:
    # Counted by the allocator: the resident memory of a process also holds what its C library keeps back.
    torch.manual_seed(0)
    model = Perceiver(PerceiverConfig()).eval()
    inputs = model.input_array(torch.randn(1, 224 * 224, 3))
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        trace = model.trace(inputs)
        maps = [trace.map(block) for block in trace.blocks]
    assert len(maps) == 8
    assert all(abs(float(m.sum()) - 1) < 1e-3 for m in maps)
    run.export_chrome_trace(str(tmp_path / "events.json"))
    events = json.loads((tmp_path / "events.json").read_text())["traceEvents"]
    allocations = sorted((e["ts"], e["args"]["Bytes"]) for e in events if e["name"] == "[memory]")
    live = list(itertools.accumulate(size for _, size in allocations))
    assert 0 < max(live) < inputs.numel() * 4 + 64 * 2**20


def test_the_mean_over_blocks_is_that_of_their_maps() -> None:
    torch.manual_seed(0)
    model = Perceiver(tiny(plan=((0, 0), (None, 0), (1, 0))))
    trace = model.trace(model.input_array(torch.randn(1, 15, 2)))
    torch.testing.assert_close(trace.mean_map(), (trace.map(0) + trace.map(2)) / 2)
    torch.testing.assert_close(trace.mean_map([2]), trace.map(2))
    with pytest.raises(ValueError, match="block 1"):
        trace.mean_map([1])
