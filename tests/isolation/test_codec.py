"""What a worker sends is data: whatever the bytes say, nothing runs and no class is made that was not asked for."""

from __future__ import annotations

import json
import math
import os
import pickle
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from perceiver.errors import InputError
from perceiver.isolation.channel import Channel, TooLargeError
from perceiver.isolation.codec import CodecError, decode, decode_error, encode, encode_error


@dataclass(frozen=True)
class Point:
    x: float
    name: str = ""


@dataclass(frozen=True)
class Coloured(Point):
    colour: tuple[int, ...] = ()


def there_and_back(value: object) -> Any:
    ours, theirs = socket.socketpair()
    sender, receiver = Channel(ours), Channel(theirs)
    arrays: list[Any] = []
    tree = encode(value, arrays)
    sender.send(tree, arrays, lambda: None)
    got, parts = receiver.receive(1 << 20, lambda: None)
    sender.close()
    receiver.close()
    return decode(got, parts, (Point,))


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, -(2**70), 0.1, 1.0, math.inf, 5e-324, "", "ö\ud800"[:1], "a\nb"),
        *((), (1, (2.5, "x")), [1, [2]], {"a": (1,), 3: None}, b"", b"\x00\xff"),
        *(Point(1.5, "p"), Coloured(1.0, "c", (1, 2)), {"nested": (Coloured(0.0),)}),
    ],
)
def test_plain_values(value: object) -> None:
    found = there_and_back(value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("dtype", ["bool", "u1", "<i2", ">i4", "<i8", "<f2", "<f4", ">f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3, 4)])
def test_arrays(dtype: str, shape: tuple[int, ...]) -> None:
    values = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    for value in (values, values.T):
        found = there_and_back(value)
        assert found.dtype == value.dtype
        np.testing.assert_array_equal(found, value, strict=True)


def test_tensors_and_numbers_of_numpy() -> None:
    tensor = torch.arange(6, dtype=torch.float32).reshape(2, 3).t()
    found = there_and_back(tensor)
    assert torch.equal(found, tensor)
    assert found.dtype == tensor.dtype
    assert tuple(there_and_back(torch.empty(4, 0)).shape) == (4, 0)
    assert there_and_back((np.float32(0.5), np.int64(3), np.bool_(True))) == (0.5, 3, True)


@pytest.mark.parametrize("value", [object(), print, {1, 2}, np.array(["a"]), np.array([None]), 1j])
def test_other_types_are_not_sent(value: object) -> None:
    with pytest.raises(CodecError):
        encode(value, [])


@pytest.mark.parametrize(
    "tree",
    [
        ["object", "Popen", {"args": "true"}],
        ["object", "Point", {"y": 1}],
        ["object", "Point", []],
        ["array", 5],
        ["array", "0"],
        ["tensor", 0],
        ["pickle", "gASVAA=="],
        ["tuple", 3],
        ["mapping", [[1]]],
        ["mapping", [[["list", []], 1]]],
        {"tuple": []},
        [],
    ],
)
def test_trees_of_no_known_form(tree: object) -> None:
    with pytest.raises(CodecError):
        decode(tree, [b"bytes"], (Point,))


def test_a_deep_tree_is_refused() -> None:
    deep: Any = 0
    for _ in range(100_000):
        deep = ["tuple", [deep]]
    with pytest.raises(CodecError):
        decode(deep, [])


def receive(*parts: bytes, most: int = 1000) -> object:
    ours, theirs = socket.socketpair()
    for part in parts:
        ours.sendall(part)
    ours.close()
    return Channel(theirs).receive(most, lambda: None)


def message(text: bytes) -> bytes:
    return struct.pack(">Q", len(text)) + text


@pytest.mark.parametrize("kind", ["|O8", "<U4", "<f3", "V8", "object", "<c8", 3, None])
def test_arrays_of_other_types_are_refused(kind: object) -> None:
    with pytest.raises(CodecError):
        receive(message(json.dumps([None, [[kind, [1]]]]).encode()), bytes(64))


@pytest.mark.parametrize("shape", [[-1], [1.0], "1", [True], [2**40], [1000, 1000]])
def test_shapes_that_are_none_or_too_large_are_refused(shape: object) -> None:
    with pytest.raises((CodecError, TooLargeError)):
        receive(message(json.dumps([None, [["<f4", shape]]]).encode()))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"[1]", b"\xff", b"[" * 100_000, pickle.dumps(print)])
def test_messages_that_are_none_are_refused(text: bytes) -> None:
    with pytest.raises(CodecError):
        receive(message(text))


def test_a_tree_without_end_is_refused() -> None:
    with pytest.raises(TooLargeError):
        receive(struct.pack(">Q", 2**62))


def test_errors_of_unknown_classes_become_the_nearest_known() -> None:
    tree = encode_error(InputError("a.png is damaged"), [])
    assert tree[0] == ["InputError", "PerceiverError"]
    found = decode_error([["MissingError", *tree[0]], *tree[1:]], [])
    assert (type(found), str(found)) == (InputError, "a.png is damaged")
    with pytest.raises(CodecError):
        decode_error([["InputError"], ["object", "Popen", {}], {}], [])


@pytest.mark.parametrize("size", [0, 1, 1 << 16, (1 << 16) + 1, 5_000_000])
def test_bytes_of_every_size_arrive(size: int) -> None:
    """Many travel in a file in memory, few through the socket."""
    ours, theirs = map(Channel, socket.socketpair())
    data = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)

    def send() -> None:
        ours.send({"n": size}, [data, memoryview(data.tobytes()), data[:3]], lambda: None)
        ours.send_data(data.tobytes(), lambda: None)
        ours.send("end", (), lambda: None)

    sender = threading.Thread(target=send)
    sender.start()
    tree, (array, found, few) = theirs.receive(1 << 30, lambda: None)
    assert tree == {"n": size}
    np.testing.assert_array_equal(array, data)
    np.testing.assert_array_equal(few, data[:3])
    assert found == data.tobytes() == theirs.receive_data(size, lambda: None)
    assert theirs.receive(0, lambda: None) == ("end", [])
    sender.join()
    ours.close()
    theirs.close()


def test_a_file_that_is_too_short_or_none_is_refused() -> None:
    def forged(file: int) -> None:
        ours, theirs = socket.socketpair()
        text = json.dumps([None, [["|u1", [100_000]]]]).encode()
        ours.sendall(struct.pack(">Q", len(text)) + text)
        socket.send_fds(ours, [b"f"], [file])
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(CodecError):
            Channel(theirs).receive(1 << 20, lambda: None)
        assert len(os.listdir("/proc/self/fd")) == before
        ours.close()
        theirs.close()

    short = os.memfd_create("short")
    os.write(short, bytes(99_999))
    pipe = os.pipe()
    for file in (short, *pipe):
        forged(file)
        os.close(file)
