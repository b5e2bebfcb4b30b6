"""CKP-01 and CKP-02: every file that is not a whole safetensors file is recognised by its bytes."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

import perceiver
from perceiver import CheckpointError, Perceiver
from perceiver.checkpoints.folder import WEIGHTS
from perceiver.checkpoints.tensors.header import Entry, read_header

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    b"size 12345\n"
)
WHOLE = save({"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.float16)})


def raw(header: object, data: bytes = b"") -> bytes:
    """A file with a header of our own making."""
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return struct.pack("<Q", len(text)) + text + data


def tensor(start: int, stop: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def refusal(data: bytes, tmp_path: Path, name: str = WEIGHTS) -> str:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        read_header(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert message.strip() != str(path)
    return message.removeprefix(f"{path} ")


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / WEIGHTS
    path.write_bytes(WHOLE)
    assert read_header(path) == {"a": Entry("F32", (2, 3)), "b": Entry("F16", (4,))}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\x10\x00\x00", "is cut off after 3 bytes"),
        (POINTER, "is a Git LFS pointer"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "is a web page"),
        (b"\xef\xbb\xbf\n  <html>", "is a web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "is a web page (HTML or XML)"),
        (b'{"error": "Repository not found"}', "is a JSON text"),
        (b"\x1f\x8b\x08\x00" + bytes(50), "is a gzip archive"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "is an HDF5 file"),
        (bytes(range(200, 220)), "is not a safetensors file: it begins with the bytes c8 c9"),
        (WHOLE[: len(WHOLE) // 2], "is cut off inside its header"),
        (WHOLE[:-1], "is cut off: its header promises 32 bytes of numbers and 31 are there"),
        (WHOLE + b"\0", "has 1 bytes more than its header describes"),
        (struct.pack("<Q", 2**40) + WHOLE[8:], "claims a header of 1,099,511,627,776 bytes"),
    ],
)
def test_damage_is_named(data: bytes, said: str, tmp_path: Path) -> None:
    assert said in refusal(data, tmp_path)


@pytest.mark.parametrize(
    ("header", "data", "said"),
    [
        ({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, bytes(12), "tensor b overlaps the tensor before it"),
        ({"a": tensor(0, 8, [2]), "b": tensor(12, 20, [2])}, bytes(20), "tensor b leaves a gap before it"),
        ({"a": tensor(4, 12, [2])}, bytes(12), "tensor a leaves a gap"),
        ({"a": tensor(0, 8, [3])}, bytes(8), "tensor a takes 8 bytes, which a F32 of shape [3] does not"),
        ({"a": tensor(8, 0, [2])}, bytes(8), "tensor a leaves a gap"),
        ({"a": tensor(0, 2**62, [2**60])}, bytes(8), "is cut off"),
        ({"a": tensor(0, 4, [-1])}, bytes(4), "damaged header"),
        ({"a": tensor(0, 4, [True])}, bytes(4), "damaged header"),
        ({"a": {"dtype": "F32", "shape": [1]}}, bytes(4), "damaged header"),
        ({"a": {"dtype": 32, "shape": [1], "data_offsets": [0, 4]}}, bytes(4), "damaged header"),
        ({"a": 3}, b"", "damaged header"),
        (b'{"a": ', b"", "damaged header"),
        (b'{"a": ' + b"[" * 100_000, b"", "damaged header"),
        (b"{" + b"\xff" * 20, b"", "damaged header"),
        (
            b'{"a": %s, "a": %s}' % ((json.dumps(tensor(0, 4, [1])).encode(),) * 2),
            bytes(4),
            "damaged header",
        ),
    ],
)
def test_impossible_headers_are_refused(header: object, data: bytes, said: str, tmp_path: Path) -> None:
    assert said in refusal(raw(header, data), tmp_path)


def test_every_length_of_a_cut_file_is_refused(tmp_path: Path) -> None:
    for length in range(len(WHOLE)):
        assert any(word in refusal(WHOLE[:length], tmp_path) for word in ("cut off", "empty"))


def test_a_header_whose_length_looks_like_a_pickle(tmp_path: Path) -> None:
    # 640 bytes of header: the file begins with 80 02, as a pickle of protocol 2 does.
    text = json.dumps({"a": tensor(0, 4, [1])}).encode()
    (tmp_path / WEIGHTS).write_bytes(raw(text + b" " * (640 - len(text)), bytes(4)))
    assert read_header(tmp_path / WEIGHTS)["a"].shape == (1,)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.makedirs, ("MARK",)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pt", "pytorch_model.bin"])
@pytest.mark.parametrize("kind", ["arguments", "number", "module", "evil", "plain pickle", "old torch"])
def test_pickles_are_refused_and_never_run(
    kind: str, name: str, model: Perceiver, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = checkpoint / name
    weights = model.state_dict()
    if kind == "plain pickle":
        path.write_bytes(pickle.dumps(Evil()))
    else:
        held = {
            "arguments": {"sd": weights, "args": argparse.Namespace(lr=1)},
            "number": {"sd": weights, "acc": np.float64(0.9)},
            "module": torch.nn.Linear(2, 2),
            "evil": Evil(),
            "old torch": weights,
        }[kind]
        torch.save(held, path, _use_new_zipfile_serialization=kind != "old torch")
    with pytest.raises(CheckpointError) as caught:
        perceiver.load(path)
    message = str(caught.value)
    assert str(path) in message
    kinds = ("zip archive as torch.save writes", "Python pickle", "holds more than weights")
    assert any(words in message for words in kinds)
    assert "run code" in message
    assert "safetensors.torch.save_file(" in message
    assert "weights_only" not in message
    assert not list(tmp_path.rglob("MARK"))


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "is empty"), (POINTER, "is a Git LFS pointer"), (WHOLE, "is no Perceiver of a known format")],
)
def test_other_names_do_not_hide_what_a_file_is(data: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=said):
        perceiver.load(path)


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        read_header(tmp_path)
