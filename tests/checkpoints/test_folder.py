"""CKP-03 and CKP-05: names, shapes, number types and values of the weights, and the configuration beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import perceiver
from perceiver import CheckpointError, Perceiver
from perceiver.checkpoints import folder as files
from perceiver.checkpoints.folder import CONFIG, WEIGHTS
from tests.checkpoints.conftest import logits


def rewrite(checkpoint: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Path:
    """The checkpoint with its tensors changed."""
    save_file(change(load_file(checkpoint / WEIGHTS)), checkpoint / WEIGHTS)
    return checkpoint


def reconfigure(checkpoint: Path, **changes: Any) -> Path:
    """The checkpoint with fields of its configuration changed; a field set to ... is taken out."""
    values = json.loads((checkpoint / CONFIG).read_text()) | changes
    (checkpoint / CONFIG).write_text(json.dumps({k: v for k, v in values.items() if v is not ...}))
    return checkpoint


def refusal(checkpoint: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        perceiver.load(checkpoint)
    message = str(caught.value)
    assert str(checkpoint) in message
    # The run-time type checks of the tests speak in paragraphs.
    assert "\n" not in message or "Type-check error" in message
    return message


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "_orig_mod.module.", "module._orig_mod.", "model.module._orig_mod."]
)
def test_wrappers_prefixes_are_taken_off(prefix: str, model: Perceiver, checkpoint: Path) -> None:
    rewrite(checkpoint, lambda tensors: {prefix + name: tensor for name, tensor in tensors.items()})
    loaded = perceiver.load(checkpoint)
    assert torch.equal(logits(loaded), logits(model))
    count = len(model.state_dict())
    assert loaded.notes[0].startswith(f"removed wrappers' prefixes from {count} of {count} tensor names ({prefix}")


def test_a_part_that_was_compiled_alone(model: Perceiver, checkpoint: Path) -> None:
    rewrite(checkpoint, lambda t: {n.replace("head.", "head._orig_mod."): v for n, v in t.items()})
    assert torch.equal(logits(perceiver.load(checkpoint)), logits(model))


def test_an_unprefixed_file_leaves_no_note(checkpoint: Path) -> None:
    assert perceiver.load(checkpoint).notes == ()


@pytest.mark.parametrize("prefix", ["", "module."])
def test_one_missing_tensor_is_refused(prefix: str, checkpoint: Path, model: Perceiver) -> None:
    rewrite(checkpoint, lambda t: {prefix + n: v for n, v in t.items() if n != "latents"})
    said = refusal(checkpoint)
    assert f"1 of {len(model.state_dict())} tensors is missing (latents)" in said


def test_missing_and_unexpected_are_counted_with_their_first_names(checkpoint: Path, model: Perceiver) -> None:
    count = len(model.state_dict())
    rewrite(checkpoint, lambda t: {f"net_{n}": v for n, v in t.items()})
    said = refusal(checkpoint)
    assert f"{count} of {count} tensors are missing (latents, cross.0.query_norm.weight, " in said
    assert f"{count} of {count} tensors are unexpected (net_" in said
    assert said.count(", ...") == 2


def test_the_same_tensor_under_two_names_is_refused(checkpoint: Path) -> None:
    rewrite(checkpoint, lambda t: t | {"module.latents": t["latents"].clone()})
    assert "holds latents twice" in refusal(checkpoint)


def test_another_shape_is_refused(checkpoint: Path) -> None:
    rewrite(checkpoint, lambda t: t | {"head.linear.bias": torch.zeros(4)})
    assert "1 of 55 tensors has another shape (head.linear.bias is [4] and should be [3])" in refusal(checkpoint)


def test_another_configuration_is_refused_by_the_shapes(checkpoint: Path) -> None:
    positions = json.loads((checkpoint / CONFIG).read_text())["positions"] | {"num_bands": 3}
    assert "another shape (cross.0.input_norm.weight is [13] and should be [17])" in refusal(
        reconfigure(checkpoint, positions=positions)
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 1e-2), (torch.bfloat16, 1e-1), (torch.float64, 0)])
def test_other_precisions_are_cast_and_said(
    dtype: torch.dtype, tolerance: float, model: Perceiver, checkpoint: Path
) -> None:
    rewrite(checkpoint, lambda t: {n: v.to(dtype) for n, v in t.items()})
    loaded = perceiver.load(checkpoint)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(logits(loaded), logits(model), atol=tolerance, rtol=tolerance)
    count, name = len(model.state_dict()), str(dtype).removeprefix("torch.")
    assert loaded.notes == (f"cast {count} of {count} tensors from {name} to float32",)


def test_double_precision_too_large_for_float32_is_refused(checkpoint: Path) -> None:
    rewrite(checkpoint, lambda t: t | {"latents": torch.full_like(t["latents"], 1e300, dtype=torch.float64)})
    assert "latents holds NaN or infinite numbers" in refusal(checkpoint)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_value_that_is_not_finite_is_refused(value: float, checkpoint: Path) -> None:
    def spoil(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        tensors["cross.1.key.weight"][2, 3] = value
        return tensors

    assert "cross.1.key.weight holds NaN or infinite numbers" in refusal(rewrite(checkpoint, spoil))


def test_large_finite_values_are_not_taken_for_infinite(checkpoint: Path) -> None:
    rewrite(checkpoint, lambda t: t | {"latents": torch.full_like(t["latents"], 3e38)})
    assert perceiver.load(checkpoint).notes == ()


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool])
def test_whole_numbers_are_refused(dtype: torch.dtype, checkpoint: Path) -> None:
    rewrite(checkpoint, lambda t: t | {"latents": t["latents"].to(dtype)})
    assert "numbers in latents; weights must be float16, bfloat16, float32 or float64" in refusal(checkpoint)


def test_a_model_in_use_does_not_change_with_its_file(model: Perceiver, checkpoint: Path) -> None:
    loaded = perceiver.load(checkpoint)
    path = checkpoint / WEIGHTS
    path.write_bytes(bytes(path.stat().st_size))
    assert torch.equal(logits(loaded), logits(model))


def test_nothing_is_written_when_a_weight_is_not_finite(model: Perceiver, checkpoint: Path, tmp_path: Path) -> None:
    broken = perceiver.load(checkpoint)
    broken.latents.data[0, 0] = float("nan")
    with pytest.raises(CheckpointError, match="latents holds NaN"):
        perceiver.save(broken, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_broken_write_leaves_the_old_file(checkpoint: Path) -> None:
    path = checkpoint / CONFIG
    before = path.read_bytes()
    with pytest.raises(ValueError):
        files.write_json(path, {"a": float("nan")})
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "\ud800")
    assert path.read_bytes() == before
    assert sorted(p.name for p in checkpoint.iterdir()) == ["README.md", CONFIG, WEIGHTS]


def test_weights_are_missing(checkpoint: Path) -> None:
    (checkpoint / WEIGHTS).unlink()
    assert refusal(checkpoint).startswith(f"{checkpoint / WEIGHTS} is missing")


@pytest.mark.parametrize("other", ["pytorch_model.bin", "last.ckpt"])
def test_weights_under_another_name_are_told_by_their_bytes(other: str, model: Perceiver, checkpoint: Path) -> None:
    (checkpoint / WEIGHTS).rename(checkpoint / other)
    assert torch.equal(logits(perceiver.load(checkpoint)), logits(model))
    torch.save(model.state_dict(), checkpoint / other)
    assert torch.equal(logits(perceiver.load(checkpoint)), logits(model))


def test_weights_in_several_files(checkpoint: Path) -> None:
    (checkpoint / WEIGHTS).rename(checkpoint / "model-00001-of-00002.safetensors")
    assert "in several pieces" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not valid JSON"),
        ("{", "is not valid JSON"),
        ("<html>", "is not valid JSON"),
        ("[1]", "holds no object of fields"),
        ("[" * 100_000, "is not valid JSON"),
        ('{"a": NaN}', "is not valid JSON: the number NaN is not finite"),
        ('{"a": 1e999}', "is not valid JSON: the number 1e999 is not finite"),
        ('{"num_classes": 3}', 'it has no "format": "perceiver-lens"'),
        ('{"model_type": "perceiver"}', "it describes a model of type 'perceiver'"),
        (" " * (5 * 2**20), "is larger than"),
    ],
)
def test_a_configuration_of_another_kind(text: str, said: str, checkpoint: Path) -> None:
    (checkpoint / CONFIG).write_text(text)
    assert said in refusal(checkpoint)


def test_a_configuration_that_is_no_text(checkpoint: Path) -> None:
    (checkpoint / CONFIG).write_bytes(b"\xff\xfe\x00\x01\x02")
    assert "is not valid JSON" in refusal(checkpoint)


def test_a_missing_configuration(checkpoint: Path) -> None:
    (checkpoint / CONFIG).unlink()
    assert "config.json is missing; a checkpoint needs it next to model.safetensors" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "is written in version 2 of the format, this program reads version 1"),
        ({"version": ...}, "is written in version None"),
        ({"rotary": True}, "unknown field in the configuration: rotary"),
        ({"positions": {"kind": "fourier", "scaling": "log"}}, "unknown field in the configuration: scaling"),
        ({"num_latents": 0}, "num_latents is 0"),
        ({"num_latents": "many"}, "num_latents"),
        ({"input_shape": ["a"]}, "input_shape"),
        ({"input_shape": 7}, "a value of the wrong type"),
        ({"plan": [[0]]}, "a value of the wrong type"),
        ({"positions": {"max_resolution": [10**400, 4]}}, "too large"),
        ({"plan": [["a", "b"]]}, "plan"),
        ({"positions": 4}, "a value of the wrong type"),
        ({"qk_dim": -4}, "describes no possible model"),
        ({"input_shape": [10**6, 10**6]}, "describes 1,000,000,000,000 input elements, the limit is 16,777,216"),
        ({"self_attends": 10**9}, "layers, the limit is 4,096"),
        ({"latent_dim": 2**24, "num_latents": 2**20}, "another shape"),
        ({"latent_dim": 2**62, "num_latents": 2**20}, "describes no possible model"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict[str, Any], said: str, checkpoint: Path) -> None:
    assert said in refusal(reconfigure(checkpoint, **changes))


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert files.sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
