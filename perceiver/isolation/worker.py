"""What a worker does: it limits itself, runs the functions that the parent asks for, and sends back what they return.

A worker serves one file; it is asked again when the same file is read in another way. It ends when the parent closes
the socket, or asks for nothing for a while.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..errors import PerceiverError
from .channel import Channel, ClosedError
from .codec import CodecError, decode, encode, encode_error
from .limits import restrict

IDLE = 60.0
"""Seconds without a request, or without a receiver of what is sent, after which a worker ends."""

EXPIRED = 75
"""Its exit status then."""

_MOST_REQUEST = 64 << 20
_LONGEST_REPORT = 8000


class _ExpiredError(Exception):
    """Nobody asks for anything."""


def work(connection: socket.socket, memory: int, disk: int) -> int:
    """Serves one parent; returns the exit status of the process."""
    silence()
    restrict(memory, disk)
    channel = Channel(connection)
    try:
        _serve(channel, _wait_on)  # made ready ahead, it may wait for its first request
        while True:
            _serve(channel, _timer())
    except ClosedError:
        return 0
    except _ExpiredError:
        return EXPIRED


def silence() -> None:
    """Sends what native libraries print to nowhere: a file could make them fill the log of a server."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _serve(channel: Channel, tick: Callable[[], None]) -> None:
    """Receives a request, and sends its result; of a generator all items and an end."""
    request, arrays = channel.receive(_MOST_REQUEST, tick)
    try:
        data = channel.receive_data(request["size"], _timer())
        found = _function(request["function"])(data, **decode(request["arguments"], arrays))
        del data
        if isinstance(found, Iterator):
            for item in found:
                _send(channel, "item", item)
            found = None
        _send(channel, "result", found)
    except (ClosedError, _ExpiredError):
        raise
    except PerceiverError as error:
        parts: list[np.ndarray | memoryview] = []
        channel.send(["error", encode_error(error, parts)], parts, _timer())
    except MemoryError:
        channel.send(["memory"], (), _timer())
    except Exception as error:
        report = "".join(traceback.format_exception(error))[-_LONGEST_REPORT:]
        channel.send(["fault", type(error).__name__, report], (), _timer())
    found = None
    _trim()


def _send(channel: Channel, kind: str, value: object) -> None:
    arrays: list[np.ndarray | memoryview] = []
    tree = encode(value, arrays)
    channel.send([kind, tree], arrays, _timer(), ahead=kind == "item")


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found = getattr(importlib.import_module(module), function)
    if not callable(found):
        raise CodecError(f"{name} is no function")
    return found


def _wait_on() -> None:
    """Lets a worker wait without an end; when the template is gone its socket closes."""


def _timer() -> Callable[[], None]:
    """A function that raises when it is called later than IDLE seconds from now."""
    end = time.monotonic() + IDLE

    def check() -> None:
        if time.monotonic() > end:
            raise _ExpiredError

    return check


def _trim() -> None:
    """Gives memory that is no longer used back to the system, while the worker waits."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc
        if trim is not None:
            trim(0)
