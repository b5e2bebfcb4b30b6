"""The parent's side: starts the template, gives files to workers, and turns what became of them into results."""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from ..errors import printable
from .channel import TICK, Channel, ClosedError, TooLargeError
from .codec import CodecError, decode, decode_error, encode
from .limits import MEGABYTE, Limits
from .template import read_line
from .worker import EXPIRED

SUPPORTED = hasattr(os, "fork") and hasattr(socket, "send_fds")
"""Whether this system can run workers."""

_log = logging.getLogger(__name__)
_GRACE = 1.0
_KEPT = 2
_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from perceiver.isolation.template import main; "
    "main(*json.loads(sys.argv[2]))"
)
# Nothing else of the environment, which may hold secrets.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class WorkerError(Exception):
    """A call that was ended; the message says why, to follow the name of a file: "cannot be read: ..."."""


class WorkerExpiredError(WorkerError):
    """A stream whose worker ended because nobody read on, or the processes were closed; it can be begun again."""

    def __init__(self) -> None:
        super().__init__("its decoder was ended; try again")


@dataclass(frozen=True)
class _Worker:
    pid: int
    channel: Channel
    limits: Limits
    fresh: bool = True


class Workers:
    """Runs functions in worker processes. It may be used by several threads.

    limits   of each call
    preload  modules that the template imports when it starts
    most     calls that run at once; others wait
    """

    def __init__(self, limits: Limits | None = None, preload: Sequence[str] = (), most: int = 4) -> None:
        self.limits = limits or Limits()
        self._preload = tuple(preload)
        self._slots = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._folder = ""
        self._kept: OrderedDict[str, _Worker] = OrderedDict()
        atexit.register(self.close)

    def start(self) -> None:
        """Starts the template without waiting for it, so that the first call need not."""
        with self._lock:
            self._started()

    @property
    def template_pid(self) -> int | None:
        """The process that workers are forked from; None before the first call."""
        return None if self._process is None else self._process.pid

    def call(
        self,
        function: str,
        data: bytes | memoryview,
        arguments: Mapping[str, Any],
        *,
        key: str = "",
        imports: Sequence[str] = (),
        classes: Sequence[type] = (),
        wait: Callable[[], None] | None = None,
    ) -> Any:
        """What a function returns in a worker: `function(data, **arguments)`.

        function   "module:name"
        key        of the data; a worker that served the same key is asked again while it lives
        imports    modules that the function will import, for the template to import once
        classes    dataclasses that may be in the result
        wait       called every TICK seconds; what it raises ends the worker and is raised here

        Raises WorkerError for a crash or a limit, and the PerceiverError that the function raises.
        """
        with self._slot(wait):
            while True:
                worker = self._take(key, imports)
                try:
                    self._ask(worker, function, data, arguments, wait)
                    found = self._receive(worker, classes, len(data), wait)
                except _ReportedError as fault:
                    self._keep(key, worker)
                    raise fault.error from None
                except BaseException as error:
                    if isinstance(error, ClosedError) and not worker.fresh:
                        # It expired while it was kept: a new one is asked.
                        self._end(worker)
                        continue
                    self._raise(worker, error, len(data))
                self._keep(key, worker)
                return found

    def stream(
        self,
        function: str,
        data: bytes | memoryview,
        arguments: Mapping[str, Any],
        *,
        imports: Sequence[str] = (),
        classes: Sequence[type] = (),
        wait: Callable[[], None] | None = None,
    ) -> Iterator[Any]:
        """The items that a generator function yields in a worker of their own, made a few ahead; as `call`.

        Closing the iterator ends the worker. Raises WorkerExpiredError when it was not read on for long.
        """
        worker = None
        try:
            while True:
                with self._slot(wait):
                    try:
                        if worker is None:
                            worker = self._take("", imports)
                            self._ask(worker, function, data, arguments, wait)
                        item = self._receive(worker, classes, len(data), wait)
                    except _ReportedError as fault:
                        raise fault.error from None
                    except BaseException as error:
                        ended, worker = worker, None
                        if ended is None:
                            raise
                        self._raise(ended, error, len(data))
                if item is None:
                    return
                yield item
        finally:
            if worker is not None:
                self._end(worker)

    def close(self) -> None:
        """Ends all processes. The next call starts new ones."""
        with self._lock:
            process, control = self._process, self._control
            self._process = self._control = None
            kept, self._kept = tuple(self._kept.values()), OrderedDict()
        for worker in kept:
            worker.channel.close()
        if control is not None:
            control.close()
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
                return
            process.kill()
            process.wait()

    @contextmanager
    def _slot(self, wait: Callable[[], None] | None) -> Iterator[None]:
        while not self._slots.acquire(timeout=TICK):
            if wait is not None:
                wait()
        try:
            yield
        finally:
            self._slots.release()

    def _ask(
        self,
        worker: _Worker,
        function: str,
        data: bytes | memoryview,
        arguments: Mapping[str, Any],
        wait: Callable[[], None] | None,
    ) -> None:
        parts: list[Any] = []
        request = {"function": function, "size": len(data), "arguments": encode(dict(arguments), parts)}
        tick = _deadline(worker.limits.time(len(data)), wait)
        worker.channel.send(request, parts, tick)
        worker.channel.send_data(data, tick)

    def _receive(self, worker: _Worker, classes: Sequence[type], size: int, wait: Callable[[], None] | None) -> Any:
        reply, arrays = worker.channel.receive(worker.limits.output, _deadline(worker.limits.time(size), wait))
        match reply:
            case ["result" | "item", tree]:
                return decode(tree, arrays, classes)
            case ["error", tree]:
                raise _ReportedError(decode_error(tree, arrays))
            case ["memory"]:
                raise MemoryError
            case ["fault", str(kind), str(report)]:
                raise _FaultError(kind, report)
        raise CodecError("a reply of no known form")

    def _raise(self, worker: _Worker, error: BaseException, size: int) -> NoReturn:
        """Ends a worker after an error, and raises the error that it means."""
        meant = self._meaning(worker, error, size)
        if meant is None:
            raise error
        raise meant from error

    def _meaning(self, worker: _Worker, error: BaseException, size: int) -> Exception | None:
        """Ends a worker after an error; returns what it means, None for an error of other origin."""
        status = self._end(worker, _GRACE if isinstance(error, ClosedError) else 0.0)
        limits = worker.limits
        memory = f"decoding it takes more than the {limits.memory // MEGABYTE:,} MB of memory that are allowed"
        match error:
            case ClosedError() if status in (EXPIRED, None):
                return WorkerExpiredError()
            case ClosedError() if status == -signal.SIGKILL:
                return WorkerError(memory)
            case ClosedError():
                how = _ending(status or 0)
                _log.warning("a worker process crashed: %s", how)
                return WorkerError(f"its decoder crashed ({how}); the file is probably damaged")
            case MemoryError():
                return WorkerError(memory)
            case _OverdueError():
                return WorkerError(f"decoding it takes longer than the {limits.time(size):,.0f} s that are allowed")
            case TooLargeError():
                return WorkerError(f"it decodes to more than the {limits.output // MEGABYTE:,} MB that are allowed")
            case _FaultError():
                _log.error("a worker process failed with %s:\n%s", error.kind, _printable_lines(error.report))
                return WorkerError(
                    f"its decoder failed with {printable(error.kind)[:60]}; the file is probably damaged"
                )
            case CodecError():
                _log.error("a worker process sent what is no result: %s", error)
                return WorkerError("its decoder failed; the file is probably damaged")
        return None

    def _take(self, key: str, imports: Sequence[str]) -> _Worker:
        """A worker for data of this key: the one that served it last, or a new one."""
        with self._lock:
            kept = self._kept.pop(key, None) if key else None
        if kept is not None:
            return replace(kept, fresh=False)
        reply, descriptors = self._request({"fork": list(imports)})
        return _Worker(reply["pid"], Channel(socket.socket(fileno=descriptors[0])), self.limits)

    def _keep(self, key: str, worker: _Worker) -> None:
        """Keeps a worker for the next call with its key, or ends it."""
        dropped = [worker]
        if key:
            with self._lock:
                dropped = [one for one in (self._kept.pop(key, None),) if one is not None]
                self._kept[key] = worker
                while len(self._kept) > _KEPT:
                    dropped.append(self._kept.popitem(last=False)[1])
        for one in dropped:
            self._end(one)

    def _end(self, worker: _Worker, grace: float = 0.0) -> int | None:
        """Ends a worker. With seconds of grace waits for its end, and returns its exit status; None where it was
        killed."""
        worker.channel.close()
        request = {"end": worker.pid, "grace": grace} if grace else {"drop": worker.pid}
        try:
            return self._request(request, answer=bool(grace))[0].get("status")
        except WorkerError:
            return None

    def _request(self, request: Mapping[str, Any], *, answer: bool = True) -> tuple[dict[str, Any], list[int]]:
        """Asks the template; returns its answer, and a descriptor where one comes with it.

        Raises WorkerError when it fails, also after the template was started anew.
        """
        line = json.dumps(request).encode() + b"\n"
        with self._lock:
            for _ in range(2):
                if self._control is None and "fork" not in request:
                    break  # it was a worker of one that is gone
                control = self._started()
                with suppress(OSError):
                    control.sendall(line)
                    if not answer:
                        return {}, []
                    reply, descriptors = read_line(control)
                    if reply:
                        return dict(json.loads(reply)), descriptors
                self._forget()
        raise WorkerError("the processes that decode files cannot be started")

    def _started(self) -> socket.socket:
        if self._control is not None:
            return self._control
        if not SUPPORTED:
            raise WorkerError("this system cannot decode files in a process apart")
        ours, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        # The template deletes it when this process is killed, and this process when the template is.
        self._folder = tempfile.mkdtemp(prefix="perceiver-lens-workers-")
        with theirs:
            arguments = [theirs.fileno(), self._preload, self._folder, self.limits.memory, self.limits.disk]
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, json.dumps(sys.path), json.dumps(arguments)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment | {"MALLOC_ARENA_MAX": "2"},
                start_new_session=True,
            )
        self._control = ours
        return ours

    def _forget(self) -> None:
        """Drops a template that is gone."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            shutil.rmtree(self._folder, ignore_errors=True)
        self._process = self._control = None
        for worker in self._kept.values():
            worker.channel.close()
        self._kept.clear()


class _ReportedError(Exception):
    """Carries an error of the function past the handling of failed workers."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class _FaultError(Exception):
    """The function raised what no reader should."""

    def __init__(self, kind: str, report: str) -> None:
        super().__init__(kind)
        self.kind, self.report = kind, report


class _OverdueError(Exception):
    """The time of a call is over."""


def _ending(status: int) -> str:
    """How a process ended: "SIGSEGV", "exit status 1"."""
    if status < 0:
        with suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}"


def _deadline(seconds: float, wait: Callable[[], None] | None) -> Callable[[], None]:
    end = time.monotonic() + seconds

    def tick() -> None:
        if wait is not None:
            wait()
        if time.monotonic() > end:
            raise _OverdueError

    return tick


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
