"""Messages between two processes over a socket: a tree as JSON, then the bytes of its arrays."""

from __future__ import annotations

import json
import math
import re
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .codec import CodecError, Tree

TICK = 0.05
"""Seconds between two calls of `tick` while a message is waited for."""

_LENGTH = struct.Struct(">Q")
_MOST_TREE = 32 << 20
_AT_ONCE = 4 << 20
_DTYPE = re.compile(r"[<>|][biuf][1248]")


class ClosedError(Exception):
    """The other end is gone."""


class TooLargeError(Exception):
    """A message is larger than the receiver takes."""


class Channel:
    """One end of a connected socket. `tick` is called often while it waits; what it raises ends the waiting."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.settimeout(TICK)

    def close(self) -> None:
        """Closes this end."""
        self._socket.close()

    def send(self, tree: Tree, arrays: Sequence[np.ndarray | memoryview], tick: Callable[[], None]) -> None:
        """Sends a message. Raises ClosedError."""
        plain = [part if isinstance(part, np.ndarray) else np.frombuffer(part, np.uint8) for part in arrays]
        kinds = [
            ["bytes" if isinstance(part, memoryview) else array.dtype.str, array.shape]
            for part, array in zip(arrays, plain, strict=True)
        ]
        text = json.dumps([tree, kinds]).encode()
        self._send(memoryview(_LENGTH.pack(len(text)) + text), tick)
        for array in plain:
            self._send(array.reshape(-1).view(np.uint8).data, tick)

    def receive(self, most: int, tick: Callable[[], None]) -> tuple[Tree, list[np.ndarray | bytes]]:
        """The next message. Raises ClosedError, TooLargeError for arrays of more than `most` bytes in all, CodecError
        for what is no message."""
        (length,) = _LENGTH.unpack(self._receive(_LENGTH.size, tick))
        if length > _MOST_TREE:
            raise TooLargeError
        try:
            tree, kinds = json.loads(self._receive(length, tick))
            sizes = [_size(kind, shape) for kind, shape in kinds]
        except (ValueError, TypeError, RecursionError) as error:
            raise CodecError("no message") from error
        if sum(sizes) > most:
            raise TooLargeError
        arrays: list[np.ndarray | bytes] = []
        for (kind, shape), size in zip(kinds, sizes, strict=True):
            data = self._receive(size, tick)
            arrays.append(bytes(data) if kind == "bytes" else np.frombuffer(data, kind).reshape(shape))
        return tree, arrays

    def receive_data(self, size: int) -> bytes:
        """The next bytes, without a copy; waits for them without a limit. Raises ClosedError."""
        self._socket.settimeout(None)
        data = self._socket.recv(size, socket.MSG_WAITALL) if size else b""
        self._socket.settimeout(TICK)
        if len(data) < size:
            raise ClosedError
        return data

    def send_data(self, data: bytes | memoryview, tick: Callable[[], None]) -> None:
        """Sends bytes that the receiver knows the number of. Raises ClosedError."""
        self._send(memoryview(data), tick)

    def _send(self, view: memoryview, tick: Callable[[], None]) -> None:
        while view:
            try:
                view = view[self._socket.send(view[:_AT_ONCE]) :]
            except TimeoutError:
                tick()
            except OSError as error:
                raise ClosedError from error

    def _receive(self, size: int, tick: Callable[[], None]) -> bytearray:
        data = bytearray(size)
        left = memoryview(data)
        while left:
            try:
                count = self._socket.recv_into(left)
            except TimeoutError:
                tick()
                continue
            except OSError as error:
                raise ClosedError from error
            if not count:
                raise ClosedError
            left = left[count:]
        return data


def _size(kind: Any, shape: Any) -> int:
    """Bytes of an array. Raises ValueError for anything that is none."""
    if not (isinstance(shape, list) and all(type(side) is int and side >= 0 for side in shape)):
        raise ValueError("no shape")
    if kind == "bytes":
        return math.prod(shape)
    if not (isinstance(kind, str) and _DTYPE.fullmatch(kind)):
        raise ValueError("no type of numbers")
    return math.prod(shape) * np.dtype(kind).itemsize
