"""Pickles of strangers are run in a worker process: the same tensors and refusals, and a crash costs that file only."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import perceiver
from perceiver import CheckpointError, Perceiver
from perceiver.checkpoints.tensors import storages, torch_zip
from perceiver.checkpoints.tensors.file import open_tensor_file
from perceiver.checkpoints.tensors.storages import Storages, in_worker
from perceiver.isolation import Limits, Workers
from tests.checkpoints.conftest import logits

TASKS = "tests.isolation.tasks"


@pytest.fixture(scope="module")
def pool() -> Iterator[Workers]:
    pool = Workers(Limits(memory=200 << 20, seconds=20))
    yield pool
    pool.close()


def saved(value: Any, tmp_path: Path) -> Path:
    torch.save(value, tmp_path / "model.pt")
    return tmp_path / "model.pt"


def forge(value: Any, **lies: Any) -> Any:
    """A copy with fields of any type."""
    forged = object.__new__(type(value))
    vars(forged).update({**vars(value), **lies})
    return forged


TENSORS: dict[str, Any] = {
    str(dtype).removeprefix("torch."): torch.arange(12).reshape(3, 4).to(dtype)
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int32, torch.int16)
} | {
    "bool": torch.tensor([True, False]),
    "uint8": torch.arange(256, dtype=torch.uint8),
    "turned": torch.arange(12.0).reshape(3, 4).T,
    "part": torch.arange(100.0)[7:90:3],
    "repeated": torch.ones(1).expand(1),
    "scalar": torch.tensor(2.5),
    "empty": torch.empty(0, 3),
    "parameter": torch.nn.Parameter(torch.randn(2, 2)),
}


def test_tensors_are_those_that_pytorch_reads(pool: Workers, tmp_path: Path) -> None:
    path = saved(TENSORS | {"tied": TENSORS["float32"]}, tmp_path)
    truth = torch.load(path, weights_only=True)
    outline = in_worker(pool)(path, "model.pt")
    assert outline == torch_zip.outline(path, "model.pt")
    numbers = Storages(path, outline, "model.pt")
    (group,) = outline.mappings
    found = {name: numbers.tensor(one) for name, one in group.tensors.items()}
    assert set(found) == set(truth)
    for name, tensor in truth.items():
        assert (found[name].dtype, found[name].stride()) == (tensor.dtype, tensor.stride())
        assert torch.equal(found[name], tensor), name
    assert found["tied"].data_ptr() == found["float32"].data_ptr()


def test_settings_come_back_as_here(pool: Workers, tmp_path: Path) -> None:
    held = {"state_dict": OrderedDict(a=torch.ones(3)), "epoch": 3, "hyper_parameters": {"lr": 0.1, "type": torch.half}}
    path = saved(held, tmp_path)
    here, there = open_tensor_file(path), open_tensor_file(path, outline=in_worker(pool))
    assert there.extras == here.extras == {"epoch": 3, "hyper_parameters": {"lr": 0.1, "type": "torch.float16"}}
    assert (there.entries, there.notes) == (here.entries, here.notes)


def test_refusals_are_those_of_here(pool: Workers, tmp_path: Path) -> None:
    path = saved({"a": torch.ones(2), "evil": os.system}, tmp_path)
    with pytest.raises(CheckpointError) as here:
        open_tensor_file(path)
    with pytest.raises(CheckpointError) as there:
        open_tensor_file(path, outline=in_worker(pool))
    assert str(there.value) == str(here.value)
    assert "posix.system" in str(there.value)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("segfault", "its decoder crashed (SIGSEGV); the file is probably damaged"),
        ("allocate", "decoding it takes more than the 200 MB of memory that are allowed"),
        ("process", "is damaged: its tensors do not fit its size"),
    ],
)
def test_a_crash_costs_one_file(
    pool: Workers, task: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved({"a": torch.ones(2)}, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(storages, "_OUTLINE", f"tests.isolation.wrapped:{task}")
        with pytest.raises(CheckpointError, match=r"^visitor\.pt ") as refused:
            open_tensor_file(path, "visitor.pt", in_worker(pool))
        assert words in str(refused.value)
    assert torch.equal(open_tensor_file(path, outline=in_worker(pool)).get("a"), torch.ones(2))


@pytest.mark.parametrize(
    "lie",
    [
        {"offset": 1},
        {"offset": -1},
        {"shape": (3,)},
        {"shape": (2, 1)},
        {"strides": (2,)},
        {"strides": (-1,)},
        {"shape": (10**12,), "strides": (0,)},
        {"shape": (2.0,)},
        {"shape": None},
        {"key": "9"},
        {"dtype": "F128"},
        {"dtype": "F64"},
        {"dtype": ["F32"]},
    ],
)
def test_an_outline_is_not_believed(lie: dict[str, Any], tmp_path: Path) -> None:
    """A worker that a file has taken over can send any."""
    path = saved({"a": torch.ones(2)}, tmp_path)
    outline = torch_zip.outline(path, "model.pt")
    one = outline.mappings[0].tensors["a"]
    assert torch.equal(Storages(path, outline, "model.pt").tensor(one), torch.ones(2))
    forged = forge(one, **lie)
    with pytest.raises(CheckpointError, match="is damaged"):
        Storages(path, outline, "model.pt").tensor(forged)


@pytest.mark.parametrize("place", [(0, 10**9), (-8, 8), (1.5, 8), (0, 7), None, (8,), (10**18, 8)])
def test_a_part_outside_of_the_file_is_refused(place: Any, tmp_path: Path) -> None:
    path = saved({"a": torch.ones(2)}, tmp_path)
    outline = torch_zip.outline(path, "model.pt")
    forged = forge(outline, parts={"0": place})
    with pytest.raises(CheckpointError, match="is damaged"):
        Storages(path, forged, "model.pt").tensor(outline.mappings[0].tensors["a"])


def test_a_lens_that_isolates_unpickles_in_a_worker(
    model: Perceiver, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkpoint / "model.safetensors").unlink()
    torch.save(model.state_dict(), checkpoint / "pytorch_model.bin")
    monkeypatch.setattr(torch_zip, "_run", lambda *_: pytest.fail("unpickled in this process"))
    lens = perceiver.open(checkpoint, isolate=True)
    assert torch.equal(logits(lens.model), logits(model))
    assert lens.info is not None
    with pytest.raises(pytest.fail.Exception):
        perceiver.open(checkpoint)
