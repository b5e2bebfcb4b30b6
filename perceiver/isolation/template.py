"""The process that workers are forked from: it imports what they need, and sees no file.

It has one thread and waits for requests over a socket, each a line of JSON: fork a worker for a socket that comes with
the request; end a worker and say how it ended. When the parent is gone it kills its workers, deletes their temporary
files and ends. It ignores the signals of a terminal, which are the parent's to handle.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .worker import work

MOST_REQUEST = 1 << 16
"""Bytes of a request."""

_PATIENCE = 0.01


class Template:
    """Serves one parent. `folder` holds a folder of temporary files for each worker."""

    def __init__(self, control: socket.socket, folder: Path) -> None:
        self._control = control
        self._folder = folder
        self._running: set[int] = set()

    def serve(self) -> None:
        """Answers requests until the parent closes the socket."""
        while True:
            request, descriptors = self._next()
            if not request.endswith(b"\n"):
                return
            asked = json.loads(request)
            if "fork" in asked:
                reply = self._fork(asked, descriptors[0])
                os.close(descriptors[0])
            else:
                reply = {"status": self._end(asked["end"], asked["grace"])}
            self._control.sendall(json.dumps(reply).encode() + b"\n")

    def _next(self) -> tuple[bytes, list[int]]:
        """The next request, and the sockets that came with it; no line once the parent is gone."""
        request, descriptors = b"", list[int]()
        with contextlib.suppress(OSError):
            while not request.endswith(b"\n"):
                part, came, _, _ = socket.recv_fds(self._control, MOST_REQUEST, 1)
                if not part:
                    break
                request, descriptors = request + part, descriptors + came
        return request, descriptors

    def close(self) -> None:
        """Kills all workers and deletes their files."""
        for pid in tuple(self._running):
            self._end(pid, 0.0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _fork(self, asked: dict[str, Any], descriptor: int) -> dict[str, Any]:
        for name in asked["imports"]:
            with contextlib.suppress(ImportError):  # the worker will say what is missing
                importlib.import_module(name)
        _settle()
        pid = os.fork()
        if pid:
            self._running.add(pid)
            return {"pid": pid}
        status = 1
        try:
            # A group of its own: what a decoder starts is killed with it.
            os.setpgid(0, 0)
            self._control.close()
            folder = self._folder / str(os.getpid())
            folder.mkdir()
            tempfile.tempdir = str(folder)
            status = work(socket.socket(fileno=descriptor), asked["memory"], asked["disk"])
        finally:
            os._exit(status)

    def _end(self, pid: int, grace: float) -> int | None:
        """The exit status of a worker, negative for a signal; None for one that had to be killed.

        grace  seconds that it has to end on its own
        """
        if pid not in self._running:
            return None
        status = self._wait(pid, grace)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        if status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._running.discard(pid)
        shutil.rmtree(self._folder / str(pid), ignore_errors=True)
        return status

    def _wait(self, pid: int, grace: float) -> int | None:
        until = time.monotonic() + grace
        while True:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= until:
                return None
            time.sleep(_PATIENCE)


def _settle() -> None:
    """Keeps the collector from touching, and so copying, what workers share."""
    gc.collect()
    gc.freeze()


def main(descriptor: int, preload: list[str], folder: str) -> None:
    """Serves the parent at the other end of a socket.

    preload  modules to import; a request that comes while they are imported waits
    folder   for temporary files; deleted at the end
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    template = Template(control, Path(folder))
    try:
        for name in preload:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        torch = sys.modules.get("torch")
        if torch is not None:
            # Threads do not survive a fork.
            torch.set_num_threads(1)
        template.serve()
    finally:
        template.close()
