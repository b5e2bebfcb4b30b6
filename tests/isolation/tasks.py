"""Functions for worker processes: what decoders do, and what they should not."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perceiver.errors import CheckpointError, ConfigError, InputError

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Result:
    """What an honest function returns."""

    length: int
    values: np.ndarray
    nested: tuple[Any, ...] = ()


class UncertainError(InputError):
    """An error with a field of its own, which its constructor takes under another name."""

    def __init__(self, message: str, *, choices: tuple[str, ...]) -> None:
        super().__init__(message)
        self.options = choices


def count(data: bytes, **rest: Any) -> Result:
    return Result(len(data), np.frombuffer(data, np.uint8).astype(np.float64), (rest,))


def process(data: bytes) -> int:
    return os.getpid()


def environment(data: bytes) -> dict[str, str]:
    return dict(os.environ)


def segfault(data: bytes) -> None:
    ctypes.string_at(0)


def abort(data: bytes) -> None:
    os.abort()


def leave(data: bytes) -> None:
    os._exit(7)


def allocate(data: bytes, megabytes: int = 400) -> int:
    return int(np.ones(megabytes * MEGABYTE, np.uint8)[-1])


def allocate_natively(data: bytes) -> None:
    """As a library does that ends the process where there is no memory."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    if not libc.malloc(ctypes.c_size_t(400 * MEGABYTE)):
        os.abort()


def share(data: bytes) -> int:
    """Memory that is not private."""
    import mmap

    return len(mmap.mmap(-1, 4096 * MEGABYTE))


def loop(data: bytes) -> None:
    while True:
        pass


def flood(data: bytes, megabytes: int = 40) -> np.ndarray:
    return np.zeros(megabytes * MEGABYTE, np.uint8)


def forge(data: bytes) -> object:
    """A result of a type that is not sent."""
    return subprocess.run


def fail(data: bytes) -> None:
    raise ZeroDivisionError("a bug")


def refuse(data: bytes, kind: str) -> None:
    if kind == "input":
        raise InputError("a.png is an empty file: there is nothing in it")
    if kind == "config":
        raise ConfigError("input_shape is (1,)")
    if kind == "checkpoint":
        raise CheckpointError("the weights are damaged", "download them again")
    raise UncertainError("points.csv has two tables", choices=("first", "second"))


def leave_file(data: bytes) -> str:
    file = Path(tempfile.mkdtemp()) / "unpacked"
    file.write_bytes(data)
    return str(file)


def write_much(data: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(40 * MEGABYTE))


def start_another(data: bytes) -> int:
    """A process that would outlive this one."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid


def start_another_and_loop(data: bytes) -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(data.decode()).write_text("begun")
    while True:
        time.sleep(0.01)


def numbers(data: bytes, until: int, crash_at: int = -1, start: int = 0) -> Iterator[np.ndarray]:
    for number in range(start, until):
        if number == crash_at:
            ctypes.string_at(0)
        yield np.full(1000, number)


def set_idle(data: bytes, seconds: float, until: int = 0) -> Iterator[np.ndarray]:
    """As `numbers` with large items, in a worker that soon gives up on its parent."""
    from perceiver.isolation import worker

    worker.IDLE = seconds
    for number in range(until):
        yield np.full(500_000, number)


def processes(data: bytes) -> Iterator[np.ndarray]:
    """Its own number for ever."""
    while True:
        yield np.full(100_000, os.getpid())
