"""CKP-01, CKP-03 and CKP-05 to the end: this project's own models, their weights saved by `torch.save`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import perceiver
from perceiver import CheckpointError, Perceiver
from tests.checkpoints.conftest import logits


def saved(checkpoint: Path, model: Perceiver, change: Callable[[dict[str, Tensor]], Any], name: str = "") -> Path:
    """The checkpoint with its weights in a file of the other format."""
    (checkpoint / "model.safetensors").unlink()
    torch.save(change(dict(model.state_dict())), checkpoint / (name or "pytorch_model.bin"))
    return checkpoint


@pytest.mark.parametrize("name", ["pytorch_model.bin", "last.ckpt", "weights.pt"])
def test_the_output_is_the_same(name: str, model: Perceiver, checkpoint: Path) -> None:
    loaded = perceiver.load(saved(checkpoint, model, lambda weights: weights, name))
    assert torch.equal(logits(loaded), logits(model))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "_orig_mod.module.", "module._orig_mod."])
def test_prefixes(prefix: str, model: Perceiver, checkpoint: Path) -> None:
    def wrap(weights: dict[str, Tensor]) -> dict[str, Any]:
        return {"state_dict": {prefix + name: tensor for name, tensor in weights.items()}, "epoch": 3}

    loaded = perceiver.load(saved(checkpoint, model, wrap))
    assert torch.equal(logits(loaded), logits(model))
    assert any("removed wrappers' prefixes from" in note for note in loaded.notes)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 1e-2), (torch.bfloat16, 1e-1), (torch.float64, 0)])
def test_precisions(dtype: torch.dtype, tolerance: float, model: Perceiver, checkpoint: Path) -> None:
    loaded = perceiver.load(saved(checkpoint, model, lambda t: {n: v.to(dtype) for n, v in t.items()}))
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(logits(loaded), logits(model), atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: {n: v for n, v in t.items() if n != "latents"}, "latents"),
        (lambda t: t | {"more": torch.ones(1)}, "more"),
        (lambda t: t | {"latents": t["latents"].to(torch.int64)}, "holds I64 numbers in latents"),
        (lambda t: t | {"latents": t["latents"].to(torch.int8)}, "holds I8 numbers in latents"),
        (lambda t: t | {"latents": t["latents"] * float("nan")}, "latents holds NaN or infinite numbers"),
        (lambda t: t | {"head.linear.bias": torch.zeros(4)}, "head.linear.bias"),
    ],
)
def test_strictness(change: Callable[[dict[str, Tensor]], Any], said: str, model: Perceiver, checkpoint: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        perceiver.load(saved(checkpoint, model, change))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
