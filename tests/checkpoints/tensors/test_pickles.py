"""CKP-01: what `torch.save` writes is read whole or refused with its reason, and nothing in it is ever run."""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from perceiver import CheckpointError
from perceiver.checkpoints import inspect
from perceiver.checkpoints.tensors import unpickle
from perceiver.checkpoints.tensors.file import TensorFile, open_tensor_file

STATE = OrderedDict(a=torch.arange(6.0).reshape(2, 3), b=torch.ones(4))


def saved(value: Any, tmp_path: Path, name: str = "model.pt", **options: Any) -> Path:
    torch.save(value, tmp_path / name, **options)
    return tmp_path / name


def parts(path: Path) -> dict[str, bytes]:
    """An archive's parts by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], packed: int = 0) -> Path:
    """An archive with its parts changed."""
    changed = change(parts(path))
    with zipfile.ZipFile(path, "w", compression=packed) as archive:
        for name, data in changed.items():
            archive.writestr(name, data)
    return path


def repickled(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """An archive with its pickle changed."""
    name = next(name for name in parts(path) if name.endswith("/data.pkl"))
    return rewritten(path, lambda all_parts: all_parts | {name: change(all_parts[name])})


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        open_tensor_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path} ")
    assert "\n" not in message
    assert "weights_only" not in message
    assert "safe_globals" not in message
    return message.removeprefix(f"{path} ")


def equal(raw: TensorFile, tensors: dict[str, torch.Tensor]) -> bool:
    return set(raw.entries) == set(tensors) and all(torch.equal(raw.get(n), t.float()) for n, t in tensors.items())


# What is read


def test_a_state_dict(tmp_path: Path) -> None:
    path = saved(STATE, tmp_path)
    raw = open_tensor_file(path)
    assert equal(raw, STATE)
    assert raw.notes == ()
    assert raw.extras == {}
    assert raw.path == path
    assert [(e.dtype, e.shape) for e in raw.entries.values()] == [("F32", (2, 3)), ("F32", (4,))]


@pytest.mark.parametrize("place", ["state_dict", "model", "module", "sd", "net", "perceiver"])
def test_the_model_among_other_things(place: str, tmp_path: Path) -> None:
    optimiser = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2, 3)}}, "param_groups": [{"lr": 0.1}]}
    held = {
        place: STATE,
        "optimizer": optimiser,
        "optimizer_states": [optimiser],
        "optimiser_ema": {"a": torch.ones(2, 3), "b": torch.ones(4)},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5), "path": "x"}},
        "loss": torch.tensor(0.25),
        "epoch": 3,
        "names": ("left", "right"),
    }
    raw = open_tensor_file(saved(held, tmp_path))
    assert equal(raw, STATE)
    assert raw.notes == (f"took the tensors under {place} for the model",)
    assert raw.extras == {"epoch": 3, "names": ["left", "right"]}


def test_a_model_deeper_inside(tmp_path: Path) -> None:
    raw = open_tensor_file(saved({"checkpoint": {"model": STATE, "epoch": 1}}, tmp_path))
    assert equal(raw, STATE)
    assert raw.notes == ("took the tensors under checkpoint.model for the model",)


def test_values_among_the_tensors_are_left_aside_and_said(tmp_path: Path) -> None:
    raw = open_tensor_file(saved({**STATE, "_extra_state": None, "version": 2}, tmp_path))
    assert equal(raw, STATE)
    assert raw.notes == ("ignored 2 values that are no tensors (_extra_state, version)",)


def test_tensors_among_the_settings_are_no_second_model(tmp_path: Path) -> None:
    held = {"state_dict": dict.fromkeys("abcd", torch.ones(2)), "hyper_parameters": {"weights": torch.ones(3), "lr": 1}}
    raw = open_tensor_file(saved(held, tmp_path))
    assert set(raw.entries) == set("abcd")
    assert raw.extras == {"hyper_parameters": {"lr": 1}}


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"epoch": 3}, "holds no mapping of names to tensors"),
        ({0: torch.ones(2)}, "holds no mapping of names to tensors"),
        ({}, "holds no mapping of names to tensors"),
        ({"optimizer": STATE}, "holds no mapping of names to tensors"),
        ([torch.ones(2)], "holds a list in place of a mapping of names to tensors"),
        (torch.ones(2), "holds one tensor in place of a mapping"),
        (3, "holds something else in place of a mapping"),
    ],
)
def test_no_model(held: Any, said: str, tmp_path: Path) -> None:
    assert said in refusal(saved(held, tmp_path))


@pytest.mark.parametrize(
    ("held", "chosen"),
    [
        ({"model": STATE, "ema": {name: tensor + 1 for name, tensor in STATE.items()}}, "model"),
        ({"model": STATE, "state_dict": {"c": torch.ones(1)}}, None),
        ({"generator": STATE, "discriminator": {"c": torch.ones(1)}}, None),
    ],
)
def test_two_models(held: Any, chosen: str | None, tmp_path: Path) -> None:
    path = saved(held, tmp_path)
    raw = open_tensor_file(path)
    assert (raw.chosen.name if raw.chosen else None) == chosen
    assert [one.name for one in raw.sets] == list(held)
    if chosen is None:
        with pytest.raises(
            CheckpointError, match=f"holds 2 sets of tensors \\({', '.join(held)}\\), of which none is a"
        ):
            inspect(path)


def test_parameters_views_and_shared_numbers(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    held = {
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "transposed": base.T,
        "row": base[1],
        "tied": base,
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 3),
        "one row seen as such": base[:1].expand(1, 4),
    }
    raw = open_tensor_file(saved(held, tmp_path))
    assert equal(raw, {name: tensor.detach() for name, tensor in held.items()})
    assert raw.get("transposed").is_contiguous()
    assert raw.same("tied", "tied")
    assert not raw.same("tied", "transposed")


def test_a_copy_that_does_not_depend_on_the_file(tmp_path: Path) -> None:
    path = saved(STATE, tmp_path)
    tensor = open_tensor_file(path).get("a")
    path.write_bytes(bytes(path.stat().st_size))
    assert torch.equal(tensor, STATE["a"])


def test_a_file_that_grows_shorter_while_it_is_read(tmp_path: Path) -> None:
    path = saved({"a": torch.ones(100_000)}, tmp_path)
    raw = open_tensor_file(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="changed while it was read; try again"):
        raw.get("a")


def test_big_endian_numbers(tmp_path: Path) -> None:
    path = saved({"a": torch.arange(3.0)}, tmp_path)

    def swapped(all_parts: dict[str, bytes]) -> dict[str, bytes]:
        return all_parts | {
            "model/byteorder": b"big",
            "model/data/0": np.arange(3, dtype=">f4").tobytes(),
        }

    assert torch.equal(open_tensor_file(rewritten(path, swapped)).get("a"), torch.arange(3.0))


def test_files_without_check_sums(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        path = saved(STATE, tmp_path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert equal(open_tensor_file(path), STATE)


# Settings of training tools


def module(monkeypatch: pytest.MonkeyPatch, name: str, *classes: type) -> None:
    """A module that holds classes, as if another package was installed while the file was written."""
    parts_of_name = name.split(".")
    for count in range(1, len(parts_of_name)):
        parent = ".".join(parts_of_name[:count])
        if parent not in sys.modules:
            monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    made = types.ModuleType(name)
    for one in classes:
        one.__module__, one.__qualname__ = name, one.__name__
        setattr(made, one.__name__, one)
    monkeypatch.setitem(sys.modules, name, made)


def test_lightning_settings_become_plain_values(tmp_path: Path) -> None:
    class AttributeDict(dict[str, Any]):
        pass

    class ImageEncoderConfig:
        def __init__(self, **fields: Any) -> None:
            self.__dict__.update(fields)

    held = {
        "state_dict": {f"model.{name}": tensor for name, tensor in STATE.items()},
        "pytorch-lightning_version": "2.0.0",
        "hyper_parameters": AttributeDict(
            encoder=ImageEncoderConfig(image_shape=(28, 28, 1), num_frequency_bands=32, init_scale=0.02),
            num_latents=32,
            activation_checkpointing=False,
            params=None,
            data=Path("some/where"),
            dtype=torch.float16,
        ),
    }
    with pytest.MonkeyPatch.context() as patch:
        module(patch, "pytorch_lightning.utilities.parsing", AttributeDict)
        module(patch, "perceiver.model.vision.image_classifier.backend", ImageEncoderConfig)
        path = saved(held, tmp_path, "last.ckpt")
    raw = open_tensor_file(path)
    assert equal(raw, STATE)
    assert raw.extras == {
        "pytorch-lightning_version": "2.0.0",
        "hyper_parameters": {
            "encoder": {"image_shape": [28, 28, 1], "num_frequency_bands": 32, "init_scale": 0.02},
            "num_latents": 32,
            "activation_checkpointing": False,
            "params": None,
            "data": "some/where",
            "dtype": "torch.float16",
        },
    }
    assert raw.notes[0] == "took the tensors under state_dict for the model"
    assert raw.notes[1].startswith("removed wrappers' prefixes from 2 of 2 tensor names (model.a is a)")


def test_settings_that_hold_themselves(tmp_path: Path) -> None:
    loop: list[Any] = []
    loop.append(loop)
    wide: list[Any] = [0]
    for _ in range(40):
        wide = [wide] * 100
    raw = open_tensor_file(saved({"state_dict": STATE, "loop": loop, "wide": wide}, tmp_path))
    assert equal(raw, STATE)
    assert set(raw.extras) == {"loop", "wide"}


# What is refused


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.makedirs, ("MARK",)


class Lazy:
    """Runs only when its state is restored."""

    def __reduce__(self) -> tuple[object, ...]:
        return OrderedDict, (), {"a": 1}, None, None, os.makedirs


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ({"sd": STATE, "args": argparse.Namespace(lr=1)}, "argparse.Namespace"),
        ({"sd": STATE, "acc": np.float64(0.9)}, "numpy._core.multiarray.scalar, numpy.dtype, _codecs.encode"),
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        (Evil(), "os.makedirs"),
        ({"sd": STATE, "deep": [{"er": (Evil(),)}]}, "os.makedirs"),
        ({"sd": STATE, "room": bytearray(10)}, "builtins.bytearray"),
        ({"sd": STATE, "call": print}, "builtins.print"),
    ],
)
@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_more_than_weights(held: Any, wanted: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = refusal(saved(held, tmp_path, name))
    assert said.startswith(f"holds more than weights ({wanted}")
    assert "re-save the weights where they were made with safetensors.torch.save_file(" in said
    assert not list(tmp_path.rglob("MARK"))


@pytest.mark.parametrize("write", [lambda p: p.write_bytes(pickle.dumps(Evil())), lambda p: torch.save(Evil(), p)])
@pytest.mark.parametrize("name", ["weights.ckpt", "weights.pth"])
def test_evil_of_every_kind_is_never_run(
    write: Callable[[Path], object], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name)
    assert "run code" in refusal(tmp_path / name)
    assert not list(tmp_path.rglob("MARK"))


def test_the_old_format_says_how_old_it_is(tmp_path: Path) -> None:
    said = refusal(saved(STATE, tmp_path, _use_new_zipfile_serialization=False))
    assert said.startswith("is a Python pickle as torch wrote before version 1.6")
    assert "re-save" in said


def test_a_program(tmp_path: Path) -> None:
    path = rewritten(saved(STATE, tmp_path), lambda p: p | {"model/constants.pkl": b"\x80\x02)."})
    assert "is a TorchScript program and no file of weights" in refusal(path)


def test_a_zip_archive_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    assert "is a zip archive that torch.save did not write (it holds a.txt)" in refusal(path)
    path.write_bytes(b"PK\x05\x06" + bytes(18))
    assert "it holds nothing" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one/data.pkl", b"")
        archive.writestr("two/data.pkl", b"")
    assert "several archives in one" in refusal(path)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_another_protocol(protocol: int, tmp_path: Path) -> None:
    assert f"protocol {protocol} in place of 2" in refusal(saved(STATE, tmp_path, pickle_protocol=protocol))


def test_every_length_of_a_cut_file_is_refused(tmp_path: Path) -> None:
    whole = saved(STATE, tmp_path).read_bytes()
    path = tmp_path / "cut.pt"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        said = refusal(path)
        assert "empty" in said or "cut off" in said
    path.write_bytes(whole + b"\0")
    assert "cut off or damaged" in refusal(path)


# Bounds


def test_packed_parts_are_refused(tmp_path: Path) -> None:
    path = saved({"a": torch.zeros(1_000_000)}, tmp_path)
    rewritten(path, lambda p: p, packed=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10_000
    assert "packed, which torch.save never does" in refusal(path)


def test_a_tensor_with_more_numbers_than_are_stored(tmp_path: Path) -> None:
    path = saved({"a": torch.ones(1).expand(10**6, 10**6)}, tmp_path)
    assert "claims 1,000,000,000,000 numbers in tensor a and holds 1 of them" in refusal(path)


def test_a_storage_that_is_larger_than_its_part(tmp_path: Path) -> None:
    # 2^31-1 numbers in place of 5, of a tensor with two to the thirtieth.
    path = repickled(
        saved({"a": torch.arange(5.0)}, tmp_path),
        lambda p: p.replace(b"K\x05t", b"J\xff\xff\xff\x7ft").replace(b"K\x05\x85", b"J\x00\x00\x00\x40\x85"),
    )
    assert "it claims 8,589,934,588 bytes of numbers in part 0 and 20 are there" in refusal(path)


def test_a_storage_that_reaches_into_the_next(tmp_path: Path) -> None:
    path = repickled(
        saved({"a": torch.arange(5.0), "b": torch.arange(5.0)}, tmp_path), lambda p: p.replace(b"K\x05t", b"K\x06t", 1)
    )
    assert "it claims 24 bytes of numbers in part 0 and 20 are there" in refusal(path)


def test_a_storage_that_is_not_there(tmp_path: Path) -> None:
    path = rewritten(saved(STATE, tmp_path), lambda p: {n: d for n, d in p.items() if n != "model/data/1"})
    assert "bytes of numbers in part 1 and none of them are there" in refusal(path)


def test_a_tensor_that_reaches_beyond_its_storage(tmp_path: Path) -> None:
    path = repickled(saved({"a": torch.arange(5.0)}, tmp_path), lambda p: p.replace(b"QK\x00K\x05", b"QK\x01K\x05"))
    assert "a tensor reaches beyond the 5 numbers of part 0" in refusal(path)


def test_two_parts_that_differ_in_case(tmp_path: Path) -> None:
    path = rewritten(saved(STATE, tmp_path), lambda p: p | {"model/DATA/0": p["model/data/0"]})
    assert "stands in it twice" in refusal(path)


def test_a_directory_that_claims_too_much(tmp_path: Path) -> None:
    path = saved(STATE, tmp_path)
    data = path.read_bytes()
    start = data.rindex(b"PK\x06\x06") + 40
    path.write_bytes(data[:start] + struct.pack("<Q", 2**40) + data[start + 8 :])
    assert "has a directory of 1,099,511,627,776 bytes" in refusal(path)


def test_the_same_numbers_over_and_over(tmp_path: Path) -> None:
    big = torch.ones(100_000)
    path = saved({str(number): big for number in range(200)}, tmp_path)
    assert "lists the same numbers so often that they would take 80,000,000 bytes" in refusal(path)


def test_tied_weights_are_no_such_thing(tmp_path: Path) -> None:
    big = torch.ones(100_000)
    assert len(open_tensor_file(saved({str(number): big for number in range(48)}, tmp_path)).entries) == 48


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",  # two gigabytes at a stroke
        b"\x80\x02ctorch\nTensor\nJ\xff\xff\xff\x7f\x85R.",
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",  # doubles with each call
        b"\x80\x02ctorch.storage\nUntypedStorage\nJ\xff\xff\xff\x7f\x85R.",
        b"\x80\x02ctorch._utils\n_rebuild_meta_tensor_no_storage\n)R.",
    ],
)
def test_calls_that_take_memory_are_not_made(bomb: bytes, tmp_path: Path) -> None:
    assert "holds more than weights (" in refusal(repickled(saved(STATE, tmp_path), lambda _: bomb))


def test_a_long_list_copied_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpickle, "_MAX_INSTRUCTIONS", 10_000)
    pairs = b"](" + b"(K\x01K\x02t" * 500 + b"eq\x00"
    copies = b"h\x01h\x00\x85R" * 100
    bomb = b"\x80\x02" + pairs + b"ccollections\nOrderedDict\nq\x01" + copies + b"}."
    assert "an instruction that does not fit" in refusal(repickled(saved(STATE, tmp_path), lambda _: bomb))


def test_fields_copied_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpickle, "_MAX_INSTRUCTIONS", 10_000)
    fields = b"}q\x00(" + b"".join(struct.pack("<BHB", ord("M"), i, ord("N")) for i in range(500)) + b"u"
    objects = b"cperceiver.settings\nOptions\n)\x81h\x00b" * 100
    bomb = b"\x80\x02](" + fields + objects + b"e."
    assert "more than 10,000 values" in refusal(repickled(saved(STATE, tmp_path), lambda _: bomb))


@pytest.mark.parametrize("call", [b"ctorch\ndevice\n", b"cpathlib\nPosixPath\n"])
def test_texts_that_double(call: bytes, tmp_path: Path) -> None:
    """A call whose result is its arguments one after the other, made of its own result again and again."""
    doubled = b"X\x09\x00\x00\x00abcdefghi" + b"".join(
        b"q" + bytes([n]) + call + b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86R" for n in range(60)
    )
    bomb = b"\x80\x02}(X\x01\x00\x00\x00a" + doubled + b"u."
    assert refusal(repickled(saved(STATE, tmp_path), lambda _: bomb))


def test_too_many_instructions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpickle, "_MAX_INSTRUCTIONS", 1000)
    bomb = b"\x80\x02" + b"}" * 1100 + b"."
    assert "more than 1,000 instructions" in refusal(repickled(saved(STATE, tmp_path), lambda _: bomb))


def test_a_name_that_takes_for_ever_to_compare(tmp_path: Path) -> None:
    nested = b")" + b"q\x00h\x00\x86" * 60  # a pair of pairs of pairs: 2^60 to hash
    bomb = b"\x80\x02}" + nested + b"K\x01s."
    assert "is damaged" in refusal(repickled(saved(STATE, tmp_path), lambda _: bomb))


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02.",
        b"\x80\x02}",
        b"\x80\x02e.",
        b"\x80\x02h\x07.",
        b"\x80\x02\x85.",
        b"\x80\x02K\x01K\x02s.",
        b"\x80\x02}K\x01K\x02K\x03(s.",
        b"\x80\x02](K\x01K\x02u.",
        b"\x80\x02)Q.",
        b"\x80\x02X\x07\x00\x00\x00storageQ.",
        b"\x80\x02}}b.0.",
        b"\x80\x02)}b.",
        b"\x80\x02K\x01K\x02R.",
        b"\x80\x02ccollections\nOrderedDict\nK\x05\x85R.",
        b"\x80\x02ctorch\nSize\n]\x85R.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
        b"\x80\x02ctorch._utils\n_rebuild_parameter\nK\x05\x85R.",
        b"\x80\x02ctorch\nFloatStorage\n)R.",
        b"\x80\x02I5\n.",
        b"\x80\x02(d.",
        b"\xff\xff",
    ],
)
def test_damaged_pickles(damaged: bytes, tmp_path: Path) -> None:
    said = refusal(repickled(saved(STATE, tmp_path), lambda _: damaged))
    assert "is damaged" in said or "in place of a mapping" in said or "no mapping" in said


def test_no_wrong_byte_raises_anything_else(tmp_path: Path) -> None:
    path = saved(STATE, tmp_path)
    pickled = parts(path)["model/data.pkl"]
    generator = np.random.default_rng(0)
    for _ in range(300):
        place, byte = int(generator.integers(len(pickled))), int(generator.integers(256))
        repickled(path, lambda _: pickled[:place] + bytes([byte]) + pickled[place + 1 :])  # noqa: B023
        with contextlib.suppress(CheckpointError):
            raw = open_tensor_file(path)
            for name in raw.entries:
                raw.get(name)
