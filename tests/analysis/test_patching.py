"""Latents that are removed or patched, against a forward pass written out block by block for one state at a time."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import perceiver
from perceiver import ConfigError, Perceiver
from perceiver.analysis import patching
from perceiver.analysis.patching import latent_attention, latent_effects, patch, patch_steps
from perceiver.attention import InputArray
from perceiver.cli import app
from perceiver.trace import Trace
from tests.analysis import cases
from tests.app import folder

PLANS = {
    "shared": {},
    "heads": {"cross_heads": 2, "qk_dim": 8, "v_dim": 8},
    "one cross-attention": {"plan": ((0, 0), (None, 0), (None, 0))},
    "no tower at the end": {"plan": ((0, 0), (1, None))},
    "free elements": None,
}


def model_of(case: str) -> Perceiver:
    changes = PLANS[case]
    return cases.of_clouds() if changes is None else cases.frozen(**changes)


def trace_of(model: Perceiver, seed: int = 1) -> Trace:
    return model.trace(model.inputs(cases.sample(model, seed)))


def goes_on(model: Perceiver, inputs: Tensor, latents: Tensor, first: int) -> Tensor:
    """Logits of one state of the latents, layer by layer, in the projected form of cross-attention."""
    array = InputArray(inputs, keep=True)
    state = latents[None]
    for block, (cross, tower) in enumerate(model.config.plan):
        if block >= first:
            if cross is not None:
                state = model.cross[cross](state, array, form="projected")
            if tower is not None:
                for layer in model.towers[tower]:
                    state = layer(state)
    return model.head(state)[0]


@pytest.mark.parametrize("case", PLANS)
def test_a_pass_continues_from_several_states_at_once(case: str) -> None:
    model = model_of(case)
    trace = trace_of(model)
    states = torch.randn(3, *model.latents.shape, generator=torch.Generator().manual_seed(5))
    for first in range(len(model.config.plan) + 1):
        found = patching.continue_from(model, trace.inputs, states, first)
        expected = torch.stack([goes_on(model, trace.inputs.array, one, first) for one in states])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", PLANS)
@pytest.mark.parametrize("after", [None, 0, -1])
def test_effects_are_those_of_passes_without_the_latents(case: str, after: int | None) -> None:
    model = model_of(case)
    trace = trace_of(model)
    after = len(model.config.plan) - 1 if after == -1 else after
    state = 0 if after is None else after + 1
    count = len(model.latents)
    groups = [(0,), (count - 1, 1), (2,), (0, 2, 3)]
    found = latent_effects(model, trace, 1, after=after, groups=groups)
    for group, effect, answer in zip(groups, found.effects, found.answers, strict=True):
        kept = [n for n in range(count) if n not in group]
        logits = goes_on(model, trace.inputs.array, trace.latents[state][kept], state)
        assert effect == pytest.approx(float(trace.logits[1] - logits[1]), rel=1e-3, abs=1e-4)
        assert answer == int(logits.argmax())
    parts = [latent_effects(model, trace, 1, after=after, groups=groups[i : i + 2]) for i in (0, 2)]
    np.testing.assert_allclose((parts[0] + parts[1]).effects, found.effects, atol=1e-5)
    alone = latent_effects(model, trace, 1, after=after)
    assert alone.groups == tuple((n,) for n in range(count))
    assert alone.effects[0] == pytest.approx(found.effects[0], abs=1e-5)
    assert sorted(alone.order.tolist()) == list(range(count))
    assert (np.diff(alone.effects[alone.order]) <= 0).all()


def test_the_last_removal_is_linear_for_a_mean_head() -> None:
    """Without latent n the mean over N latents m becomes (N m - x_n) / (N - 1)."""
    model = cases.frozen()
    trace = trace_of(model)
    latents, count = trace.latents[-1], len(model.latents)
    mean = latents.mean(0)
    found = latent_effects(model, trace, 0, after=len(model.config.plan) - 1)
    for n in range(count):
        moved = (mean - (count * mean - latents[n]) / (count - 1)) @ model.head.linear.weight[0]
        assert found.effects[n] == pytest.approx(float(moved), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("case", PLANS)
def test_patched_values_are_those_of_passes_with_one_state_exchanged(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(case)
    into, source = trace_of(model, 1), trace_of(model, 2)
    monkeypatch.setattr(patching, "HELD", 3 * into.latents[0].numel())  # several parts
    found = patch(model, into, source, 0, 1)
    assert (found.target, found.against) == (0, 1)
    for i, block in enumerate(range(len(model.config.plan))):
        for n in range(len(model.latents)):
            state = into.latents[block + 1].clone()
            state[n] = source.latents[block + 1][n]
            logits = goes_on(model, into.inputs.array, state, block + 1)
            assert found.patched[i, n] == pytest.approx(float(logits[0] - logits[1]), rel=1e-3, abs=1e-4)
            assert found.answers[i, n] == int(logits.argmax())
        logits = goes_on(model, into.inputs.array, source.latents[block + 1], block + 1)
        assert found.whole[i] == pytest.approx(float(logits[0] - logits[1]), rel=1e-3, abs=1e-4)
    # All states after the last block are all that the head reads.
    assert found.whole[-1] == pytest.approx(found.source, rel=1e-4)
    difference = found.source - found.original
    np.testing.assert_allclose(found.recovered * difference + found.original, found.patched)
    *_, last = patch_steps(model, into, source, 0, 1, blocks=[1])
    np.testing.assert_allclose(last.patched[0], found.patched[1], atol=1e-5)
    begun = next(patch_steps(model, into, source, 0, 1))
    assert 0 < begun.done < 1
    *_, resumed = patch_steps(model, into, source, 0, 1, resume=begun)
    assert resumed.done == 1
    np.testing.assert_allclose(resumed.patched, found.patched, atol=1e-5)
    with pytest.raises(ConfigError, match="resumed"):
        next(patch_steps(model, into, source, 1, 0, resume=begun))


def test_a_class_of_both_inputs_is_followed_alone() -> None:
    model = cases.frozen()
    into, source = trace_of(model, 1), trace_of(model, 2)
    found = patch(model, into, source, 0, 0)
    assert found.against is None
    assert (found.original, found.source) == pytest.approx((float(into.logits[0]), float(source.logits[0])))


@pytest.mark.parametrize("block", [0, 1])
def test_latents_attend_to_each_other_as_the_layers_of_a_block_say(block: int) -> None:
    model = cases.frozen(self_attends=2, self_heads=2)
    trace = trace_of(model)
    state = trace.latents[block][None]
    cross, tower = model.config.plan[block]
    assert cross is not None
    assert tower is not None
    state = model.cross[cross](state, InputArray(trace.inputs.array))
    weights = []
    for layer in model.towers[tower]:
        weights.append(layer.weights(state)[0].mean(0))
        state = layer(state)
    found = latent_attention(model, trace, block)
    np.testing.assert_allclose(found, torch.stack(weights).mean(0).numpy(), atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)


def test_what_does_not_exist_is_refused() -> None:
    model = cases.frozen()
    trace = trace_of(model)
    count = len(model.latents)
    for wrong in ({"groups": [[count]]}, {"groups": [[]]}, {"groups": []}, {"groups": [range(count)]}, {"after": 9}):
        with pytest.raises(ConfigError):
            latent_effects(model, trace, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        patch(model, trace, trace)
    with pytest.raises(ConfigError):
        patch(model, trace, trace_of(cases.frozen(num_latents=count + 1), 2))
    alone = cases.frozen(plan=((0, None), (1, None)))
    with pytest.raises(ConfigError, match="no self-attention"):
        latent_attention(alone, trace_of(alone), 0)


class TestCommands:
    """The commands print what the library returns."""

    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PERCEIVER_CHECKPOINTS", str(folder.build(tmp_path / "checkpoints")))
        monkeypatch.chdir(tmp_path)
        for i, name in enumerate(("a.png", "b.png")):
            Path(name).write_bytes(folder.picture(i, 40, 40))

    def test_effects(self) -> None:
        run = perceiver.open("image-fourier").run("a.png")
        expected = run.latent_effects(after=0)
        printed = CliRunner().invoke(app, ["effects", "a.png", "-c", "image-fourier", "--after", "1", "--json"])
        found = json.loads(printed.stdout)
        assert [group["latents"] for group in found["groups"]] == [[n] for n in expected.order.tolist()]
        np.testing.assert_allclose([g["effect"] for g in found["groups"]], expected.effects[expected.order], atol=1e-5)
        listed = CliRunner().invoke(app, ["effects", "a.png", "-c", "image-fourier", "--without", "1,3"]).stdout
        assert "1, 3" in listed
        refused = CliRunner().invoke(app, ["effects", "a.png", "-c", "image-fourier", "--without", "x"])
        assert refused.exit_code == 2

    def test_patch(self) -> None:
        lens = perceiver.open("image-fourier")
        expected = lens.run("a.png").patch(lens.run("b.png"), 0, 1)
        asked = ["patch", "a.png", "b.png", "-c", "image-fourier", "--class", "1", "--against", "2"]
        rows = list(csv.DictReader(io.StringIO(CliRunner().invoke(app, [*asked, "--csv"]).stdout)))
        assert len(rows) == expected.patched.size
        np.testing.assert_allclose([float(row["value"]) for row in rows], expected.patched.ravel(), atol=1e-4)
        assert "all latents" in CliRunner().invoke(app, asked).stdout
