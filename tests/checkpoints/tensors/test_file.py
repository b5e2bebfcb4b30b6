"""CKP-02, CKP-03 and CKP-05: both kinds of weights file through one door, whatever the file is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from perceiver import CheckpointError
from perceiver.checkpoints.tensors.file import TensorFile, open_tensor_file

Write = Callable[[dict[str, Tensor], Path], None]
TENSORS = {"latents": torch.arange(6.0).reshape(2, 3), "head.bias": torch.linspace(-1.0, 1.0, 5)}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
NAMES = ["model.safetensors", "pytorch_model.bin", "weights.pt", "last.ckpt"]


@pytest.fixture(params=[save_file, torch.save], ids=["safetensors", "pickle"])
def write(request: pytest.FixtureRequest) -> Write:
    """Writes tensors in either format."""
    return request.param


def opened(tensors: dict[str, Tensor], write: Write, tmp_path: Path, name: str = "model.safetensors") -> TensorFile:
    write(tensors, tmp_path / name)
    return open_tensor_file(tmp_path / name)


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_tensor_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path} ")
    assert "\n" not in message
    return message.removeprefix(f"{path} ")


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_decide_and_not_the_name(name: str, write: Write, tmp_path: Path) -> None:
    raw = opened(TENSORS, write, tmp_path, name)
    assert {name: entry.shape for name, entry in raw.entries.items()} == {"latents": (2, 3), "head.bias": (5,)}
    assert all(torch.equal(raw.get(name), tensor) for name, tensor in TENSORS.items())
    assert raw.notes == ()
    assert raw.path == tmp_path / name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty (0 bytes); download it again"),
        (POINTER, "is a Git LFS pointer"),
        (b"<!DOCTYPE html><html>404</html>", "is a web page (HTML or XML)"),
        (b'{"error": "Entry not found"}', "is a JSON text"),
        (b"\x1f\x8b\x08\x00" + bytes(50), "is a gzip archive; unpack it first"),
        (b"PK\x03\x04" + bytes(50), "is a zip archive that is cut off or damaged; download it again"),
        (b"\x00\x00\x00\x00\x00\x01\x00\x00{", "claims a header of 1,099,511,627,776 bytes and is damaged"),
        (bytes(range(200, 250)), "it begins with the bytes c8 c9"),
    ],
)
def test_what_is_no_weights_file(data: bytes, said: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    assert said in refusal(tmp_path / name)


@pytest.mark.parametrize(("cut", "more"), [(2, b""), (1, b""), (0, b"\0")], ids=["half", "one short", "one more"])
def test_a_length_that_is_wrong(cut: int, more: bytes, write: Write, tmp_path: Path) -> None:
    write(TENSORS, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    kept = {2: len(whole) // 2, 1: len(whole) - 1, 0: len(whole)}[cut]
    (tmp_path / "weights.bin").write_bytes(whole[:kept] + more)
    assert "download it again" in refusal(tmp_path / "weights.bin")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "cannot be read: Is a directory"
    assert refusal(tmp_path / "none.pt") == "cannot be read: No such file or directory"


@pytest.mark.parametrize(
    "prefix",
    [
        "module.",
        "_orig_mod.",
        "model.",
        "backend_model.",
        "_orig_mod.module.",
        "module._orig_mod.",
        "model.module._orig_mod.",
        "model.backend_model.",
        "module.module.",
    ],
)
def test_wrappers_prefixes_are_taken_off(prefix: str, write: Write, tmp_path: Path) -> None:
    raw = opened({prefix + name: tensor for name, tensor in TENSORS.items()}, write, tmp_path)
    assert all(torch.equal(raw.get(name), tensor) for name, tensor in TENSORS.items())
    (note,) = raw.notes
    assert note.startswith(f"removed wrappers' prefixes from 2 of 2 tensor names ({prefix}")


def test_words_that_are_no_prefixes_stay(write: Write, tmp_path: Path) -> None:
    names = ["0.cross_attn_1.0.module.q_norm.weight", "models.a", "net.model.b", "model"]
    assert set(opened({name: torch.ones(1) for name in names}, write, tmp_path).entries) == set(names)


def test_one_tensor_under_two_names(write: Write, tmp_path: Path) -> None:
    write({"a": torch.ones(1), "module.a": torch.zeros(1)}, tmp_path / "weights.pt")
    assert refusal(tmp_path / "weights.pt") == "holds a twice, as a and as module.a"


@pytest.mark.parametrize(
    ("dtype", "kind", "tolerance"),
    [(torch.float16, "F16", 1e-3), (torch.bfloat16, "BF16", 1e-2), (torch.float64, "F64", 0)],
)
def test_other_precisions_are_cast_and_said(
    dtype: torch.dtype, kind: str, tolerance: float, write: Write, tmp_path: Path
) -> None:
    raw = opened({name: tensor.to(dtype) for name, tensor in TENSORS.items()}, write, tmp_path)
    assert {entry.dtype for entry in raw.entries.values()} == {kind}
    for name, tensor in TENSORS.items():
        assert raw.get(name).dtype == torch.float32
        torch.testing.assert_close(raw.get(name), tensor, atol=tolerance, rtol=tolerance)
    assert raw.notes == (f"cast 2 of 2 tensors from {str(dtype).removeprefix('torch.')} to float32",)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool])
def test_counters_and_masks_are_readable_by_name(dtype: torch.dtype, write: Write, tmp_path: Path) -> None:
    raw = opened({"norm.num_batches_tracked": torch.ones(2, dtype=dtype), **TENSORS}, write, tmp_path)
    assert raw.entries["norm.num_batches_tracked"].dtype not in ("F16", "BF16", "F32", "F64")
    assert torch.equal(raw.get("norm.num_batches_tracked"), torch.ones(2))
    assert raw.notes == ()


def test_other_numbers_are_refused(tmp_path: Path) -> None:
    raw = opened({"a": torch.ones(2, dtype=torch.complex64)}, save_file, tmp_path)
    with pytest.raises(CheckpointError, match="holds C64 numbers in a; weights must be float16"):
        raw.get("a")
    torch.save({"a": torch.ones(2, dtype=torch.complex64)}, tmp_path / "weights.pt")
    assert "torch.ComplexFloatStorage" in refusal(tmp_path / "weights.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_one_value_that_is_not_finite(value: float, write: Write, tmp_path: Path) -> None:
    tensor = torch.zeros(2, 3, dtype=torch.float64)
    tensor[1, 2] = value
    raw = opened({"a": tensor, "b": torch.ones(1)}, write, tmp_path)
    assert torch.equal(raw.get("b"), torch.ones(1))
    with pytest.raises(CheckpointError, match="a holds NaN or infinite numbers, so the model is not usable"):
        raw.get("a")


def test_large_finite_values_are_not_taken_for_infinite(write: Write, tmp_path: Path) -> None:
    assert opened({"a": torch.full((4,), 3e38)}, write, tmp_path).get("a").max() == torch.tensor(3e38)


def test_a_name_that_is_not_there(write: Write, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no tensor b"):
        opened({"a": torch.ones(1)}, write, tmp_path).get("b")


def test_the_same_numbers(write: Write, tmp_path: Path) -> None:
    raw = opened(
        {"a": torch.ones(2, 3), "b": torch.ones(2, 3), "c": torch.ones(3, 2), "d": torch.zeros(2, 3)}, write, tmp_path
    )
    assert raw.same("a", "b")
    assert not raw.same("a", "c")
    assert not raw.same("a", "d")


def test_a_file_replaced_while_it_is_open(write: Write, tmp_path: Path) -> None:
    raw = opened(TENSORS, write, tmp_path)
    raw.path.write_bytes(b"<html>")
    with pytest.raises(CheckpointError, match="changed while it was read"):
        raw.get("latents")
