"""Messages between two processes over a socket: a tree as JSON, then the bytes of its arrays.

Where the system can, large arrays travel in a file in memory whose descriptor comes with the message: through the
socket's buffer of some 200 KB the two processes would have to take turns for every piece. The receiver copies the
numbers out of it, so that the sender cannot change or cut them later.
"""

from __future__ import annotations

import json
import math
import os
import re
import socket
import stat
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .codec import CodecError, Tree

TICK = 0.05
"""Seconds between two calls of `tick` while a message is waited for."""

_LENGTH = struct.Struct(">Q")
_MOST_TREE = 32 << 20
_AT_ONCE = 4 << 20
_SMALL, _LARGE = 64 << 10, 128 << 20  # bytes that go through the socket: little is quicker so, much takes less memory
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_IN_SOCKET, _IN_FILE = b"s", b"f"
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

    def send(
        self, tree: Tree, arrays: Sequence[np.ndarray | memoryview], tick: Callable[[], None], *, ahead: bool = False
    ) -> None:
        """Sends a message. Raises ClosedError.

        ahead  of what is asked for: through the socket, whose buffer bounds how much waits for the receiver
        """
        plain = [part if isinstance(part, np.ndarray) else np.frombuffer(part, np.uint8) for part in arrays]
        kinds = [
            ["bytes" if isinstance(part, memoryview) else array.dtype.str, array.shape]
            for part, array in zip(arrays, plain, strict=True)
        ]
        text = json.dumps([tree, kinds]).encode()
        self._send(memoryview(_LENGTH.pack(len(text)) + text), tick)
        self._send_parts([array.reshape(-1).view(np.uint8).data for array in plain], tick, ahead=ahead)

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
        buffers = [bytearray(size) for size in sizes]
        self._receive_parts(buffers, tick)
        for (kind, shape), data in zip(kinds, buffers, strict=True):
            arrays.append(bytes(data) if kind == "bytes" else np.frombuffer(data, kind).reshape(shape))
        return tree, arrays

    def receive_data(self, size: int, tick: Callable[[], None]) -> bytes:
        """The next bytes, without a copy where they come through the socket. Raises ClosedError."""
        with self._file(size, tick) as file:
            if file is not None:
                data = os.pread(file, size, 0)
            else:
                self._socket.settimeout(None)
                data = self._socket.recv(size, socket.MSG_WAITALL) if size else b""
                self._socket.settimeout(TICK)
        if len(data) < size:
            raise ClosedError
        return data

    def send_data(self, data: bytes | memoryview, tick: Callable[[], None]) -> None:
        """Sends bytes that the receiver knows the number of. Raises ClosedError."""
        self._send_parts([memoryview(data)], tick)

    def _send_parts(self, parts: Sequence[memoryview], tick: Callable[[], None], *, ahead: bool = False) -> None:
        size = sum(map(len, parts))
        file = _file_of(parts) if not ahead and _SMALL < size <= _LARGE else None
        if file is None:
            for part in (memoryview(_IN_SOCKET), *parts) if size else ():
                self._send(part, tick)
            return
        try:
            while True:
                try:
                    socket.send_fds(self._socket, [_IN_FILE], [file])
                    return
                except TimeoutError:
                    tick()
                except OSError as error:
                    raise ClosedError from error
        finally:
            os.close(file)

    def _receive_parts(self, buffers: Sequence[bytearray], tick: Callable[[], None]) -> None:
        with self._file(sum(map(len, buffers)), tick) as file:
            if file is None:
                for buffer in buffers:
                    self._receive_into(buffer, tick)
                return
            at = 0
            for buffer in buffers:
                left = memoryview(buffer)
                while left:
                    count = os.preadv(file, [left[:_AT_ONCE]], at)
                    if not count:
                        raise CodecError("a file that is too short")
                    left, at = left[count:], at + count
                    tick()

    @contextmanager
    def _file(self, size: int, tick: Callable[[], None]) -> Iterator[int | None]:
        """The file that holds the next bytes; None where they come through the socket."""
        came: list[int] = []
        try:
            mark = b"" if size else _IN_SOCKET
            while not mark:
                try:
                    mark, came, _, _ = socket.recv_fds(self._socket, 1, 1, _CLOSE_ON_EXEC)
                except TimeoutError:
                    tick()
                    continue
                except OSError as error:
                    raise ClosedError from error
                if not mark:
                    raise ClosedError
            if mark == _IN_SOCKET:
                yield None
            elif came and stat.S_ISREG(os.fstat(came[0]).st_mode):
                yield came[0]
            else:
                raise CodecError("no file")
        finally:
            for descriptor in came:
                os.close(descriptor)

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
        self._receive_into(data, tick)
        return data

    def _receive_into(self, data: bytearray, tick: Callable[[], None]) -> None:
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


def _file_of(parts: Sequence[memoryview]) -> int | None:
    """A file in memory that holds these bytes; None where the system has none, or a limit forbids it."""
    if sys.platform != "linux":
        return None
    try:
        file = os.memfd_create("message")
    except OSError:
        return None
    try:
        for part in parts:
            left = part
            while left:
                left = left[os.write(file, left) :]
    except OSError:
        os.close(file)
        return None
    return file


def _size(kind: Any, shape: Any) -> int:
    """Bytes of an array. Raises ValueError for other values."""
    if not (isinstance(shape, list) and all(type(side) is int and side >= 0 for side in shape)):
        raise ValueError("no shape")
    if kind == "bytes":
        return math.prod(shape)
    if not (isinstance(kind, str) and _DTYPE.fullmatch(kind)):
        raise ValueError("no type of numbers")
    return math.prod(shape) * np.dtype(kind).itemsize
