"""The process that workers are forked from: it imports what they need, and sees no file.

It has one thread and waits for requests over a socket, each a line of JSON: to hand out a new worker, as one end of a
socket; to drop a worker; to end one and say how it ended. One worker is always forked ahead, so that a file does not
wait for the fork. When the parent is gone it kills its workers, deletes their temporary files and ends. It ignores the
signals of a terminal, which are the parent's to handle.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

from . import codec
from .worker import work

_MOST_LINE = 1 << 16
_PATIENCE = 0.01
_PAUSE = 0.02


class Template:
    """Serves one parent.

    folder        holds a folder of temporary files for each worker
    memory, disk  limits of each worker, bytes
    """

    def __init__(self, control: socket.socket, folder: Path, memory: int, disk: int) -> None:
        self._control = control
        self._folder = folder
        self._limits = memory, disk
        self._received = b""
        self._running: set[int] = set()
        self._dropped: set[int] = set()
        self._spare: tuple[int, socket.socket] | None = None
        self._imported: set[str] = set()

    def serve(self) -> None:
        """Answers requests until the parent closes the socket."""
        while True:
            request = self._next()
            if not request:
                return
            asked = json.loads(request)
            if "fork" in asked:
                pid, connection = self._take(asked["fork"])
                socket.send_fds(self._control, [_line({"pid": pid})], [connection.fileno()])
                connection.close()
            elif "drop" in asked:
                self._drop(asked["drop"])
            else:
                self._control.sendall(_line({"status": self._end(asked["end"], asked["grace"])}))

    def close(self) -> None:
        """Kills all workers and deletes their files."""
        for pid in tuple(self._running):
            self._end(pid, 0.0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _next(self) -> bytes:
        """The next request; empty once the parent is gone. A drop is not answered, so that several lines can come at
        once."""
        while b"\n" not in self._received:
            self._until_asked()
            try:
                part = self._control.recv(_MOST_LINE)
            except OSError:
                part = b""
            if not part:
                return b""
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _until_asked(self) -> None:
        """Waits for a request; meanwhile forks a worker ahead, and clears up behind those that were dropped."""
        while True:
            pause = _PAUSE if self._spare is None or self._dropped else None
            if select.select([self._control], [], [], pause)[0]:
                return
            if self._spare is None:
                self._spare = self._fork()
            for pid in tuple(self._dropped):
                self._end(pid, 0.0)

    def _take(self, imports: list[str]) -> tuple[int, socket.socket]:
        """A new worker that has these modules, and the parent's end of its socket."""
        missing = [name for name in imports if name not in self._imported]
        if missing:
            load(missing)
            self._imported.update(missing)
        spare, self._spare = self._spare, None
        if spare is None:
            return self._fork()
        pid, connection = spare
        # Where memory ran out, the system has ended it.
        alive = os.waitpid(pid, os.WNOHANG)[0] == 0
        if alive and not missing:
            return spare
        connection.close()
        if alive:
            self._drop(pid)
        else:
            self._running.discard(pid)
        return self._fork()

    def _fork(self) -> tuple[int, socket.socket]:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid:
            theirs.close()
            self._running.add(pid)
            return pid, ours
        status = 1
        try:
            # A group of its own: what a decoder starts is killed with it.
            os.setpgid(0, 0)
            self._control.close()
            ours.close()
            folder = self._folder / str(os.getpid())
            folder.mkdir()
            tempfile.tempdir = str(folder)
            status = work(theirs, *self._limits)
        finally:
            os._exit(status)

    def _drop(self, pid: int) -> None:
        """Kills a worker without waiting for its end."""
        if pid in self._running:
            _kill(pid)
            self._dropped.add(pid)

    def _end(self, pid: int, grace: float) -> int | None:
        """The exit status of a worker, negative for a signal; None for one that had to be killed.

        grace  seconds that it has to end on its own
        """
        if pid not in self._running:
            return None
        status = self._wait(pid, grace)
        _kill(pid)
        if status is None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._running.discard(pid)
        self._dropped.discard(pid)
        shutil.rmtree(self._folder / str(pid), ignore_errors=True)
        return status

    def _wait(self, pid: int, grace: float) -> int | None:
        until = time.monotonic() + grace
        while True:
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                return None
            if found:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= until:
                return None
            time.sleep(_PATIENCE)


def _kill(pid: int) -> None:
    """Kills a worker, and what it started."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def read_line(control: socket.socket) -> tuple[bytes, list[int]]:
    """The next message, and the descriptors that came with it; empty once the other end is gone.

    For an end that gets no message before it has asked for it: what comes after a line would be lost.
    """
    line, descriptors = b"", list[int]()
    with contextlib.suppress(OSError):
        while not line.endswith(b"\n"):
            part, came, _, _ = socket.recv_fds(control, _MOST_LINE, 1)
            if not part:
                return b"", descriptors
            line, descriptors = line + part, descriptors + came
    return line, descriptors


def _line(message: object) -> bytes:
    return json.dumps(message).encode() + b"\n"


def load(names: list[str]) -> None:
    """Imports modules, and keeps the collector from touching, and so copying, what workers share."""
    for name in names:
        with contextlib.suppress(ImportError):  # the worker will say what is missing
            importlib.import_module(name)
    torch = sys.modules.get("torch")
    if torch is not None:
        # Threads do not survive a fork.
        torch.set_num_threads(1)
    gc.collect()
    gc.freeze()


def main(descriptor: int, preload: list[str], folder: str, memory: int, disk: int) -> None:
    """Serves the parent at the other end of a socket.

    preload       modules to import; a request that comes while they are imported waits
    folder        for temporary files; deleted at the end
    memory, disk  limits of each worker, bytes
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    codec.defer_tensors()
    template = Template(socket.socket(fileno=descriptor), Path(folder), memory, disk)
    try:
        load(preload)
        template.serve()
    finally:
        template.close()
