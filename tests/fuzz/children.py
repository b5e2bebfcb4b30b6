"""Child processes that read mutated files, with limits on memory, time and output.

A child is forked from this process, which has imported all readers and decodes nothing itself, and reads one file after
the other. It says which one in memory that it shares with the parent, so that the parent knows what a child was reading
when it crashed or took too long; then the parent forks another. Time is the child's own, so that a busy machine makes
no findings.
"""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import shutil
import signal
import struct
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, Pipe
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from perceiver.isolation.limits import MEGABYTE, Limits, restrict
from perceiver.isolation.worker import silence
from tests.fuzz.readers import BrokenContractError, How, Reader

Files = dict[str, bytes]
Case = tuple[Files, How]

_TICK = 0.1
_WALL = 20
"""A child that waits, and takes no time of its own, gets so many times the limit."""
_PACKAGES = ("perceiver/", "tests/fuzz/readers.py")


@dataclass(frozen=True)
class Bounds:
    """What reading one file may take: the limits of worker processes, and less time, since the files are small.

    memory   bytes beside the imported libraries
    output   bytes of the result
    disk     bytes of each temporary file
    seconds  of the child's own time
    """

    memory: int = Limits.memory
    output: int = Limits.output
    disk: int = Limits.disk
    seconds: float = 20.0


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    what     "read", "refused", or a finding: "crash", "error", "contract", "memory", "time", "output"
    where    of an error its type and place, of a crash the signal; the same for findings of one cause
    report   the traceback
    seconds  of the child's own time
    """

    what: str
    where: str = ""
    report: str = ""
    seconds: float = 0.0

    @property
    def is_finding(self) -> bool:
        """Whether something is wrong."""
        return self.what not in ("read", "refused")


def outcomes(
    reader: Reader, make: Callable[[int], Case], numbers: Sequence[int], bounds: Bounds, until: float = float("inf")
) -> Iterator[tuple[int, Outcome]]:
    """What became of the files of some numbers, in their order.

    make   the file of a number; called in the child too
    until  when to stop, as `time.monotonic` counts
    """
    reader.load()
    at = 0
    while at < len(numbers) and time.monotonic() < until:
        child = _Child(reader, make, numbers[at:], bounds)
        try:
            for number, outcome in child.outcomes(until):
                at += 1
                yield number, outcome
        finally:
            child.end()


class _Child:
    def __init__(self, reader: Reader, make: Callable[[int], Case], numbers: Sequence[int], bounds: Bounds) -> None:
        self._numbers, self._bounds = numbers, bounds
        self._folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self._shared = mmap.mmap(-1, 16)
        self._trace = self._folder / "trace"
        ours, theirs = Pipe()
        self._ours = ours
        self._pid = os.fork()
        if self._pid == 0:
            try:
                ours.close()
                os.setpgid(0, 0)
                self._work(reader, make, theirs)
            finally:
                os._exit(0)
        theirs.close()

    def _work(self, reader: Reader, make: Callable[[int], Case], connection: Connection) -> None:
        """In the child."""
        silence()
        trace = self._trace.open("wb")
        faulthandler.enable(trace)
        faulthandler.register(signal.SIGUSR1, trace)
        tempfile.tempdir = str(self._folder)
        restrict(self._bounds.memory, self._bounds.disk)
        inputs = self._folder / "files"
        inputs.mkdir()
        for at, number in enumerate(self._numbers):
            begun = time.process_time()
            self._shared[:16] = struct.pack("<qd", at, begun)
            outcome = examine(reader, make(number), inputs, self._bounds)
            connection.send(json.dumps(asdict(outcome) | {"seconds": time.process_time() - begun}))

    def outcomes(self, until: float) -> Iterator[tuple[int, Outcome]]:
        """One a file, until a finding that ends the child, or the time is over."""
        done, changed = 0, time.monotonic()
        while done < len(self._numbers):
            if wait_for([self._ours], _TICK):
                try:
                    outcome = Outcome(**json.loads(self._ours.recv()))
                except (EOFError, OSError):
                    yield self._numbers[done], self._crash()
                    return
                yield self._numbers[done], outcome
                done, changed = done + 1, time.monotonic()
                if outcome.what == "memory":
                    return  # what it has left is not what the next file should have
            else:
                waited = time.monotonic() - changed
                if self._taken() > self._bounds.seconds or waited > _WALL * self._bounds.seconds:
                    yield self._numbers[done], Outcome("time", self._busy_at(), seconds=self._taken())
                    return
            if time.monotonic() > until:
                return

    def end(self) -> None:
        """Ends the child, and deletes its files."""
        for kill, target in ((os.killpg, self._pid), (os.kill, self._pid)):
            try:
                kill(target, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        with suppress(ChildProcessError):  # of a crash
            os.waitpid(self._pid, 0)
        self._ours.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _taken(self) -> float:
        """Seconds of its own time that a child has taken for the file that it reads."""
        _, begun = struct.unpack("<qd", self._shared[:16])
        try:
            fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") - begun

    def _crash(self) -> Outcome:
        _, status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(status)
        name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        report = self._trace.read_text(errors="replace") if self._trace.exists() else ""
        return Outcome("crash", f"{name} {_frame_of(report)}".strip(), report)

    def _busy_at(self) -> str:
        """Where a child is busy: a signal makes it write that down."""
        os.kill(self._pid, signal.SIGUSR1)
        time.sleep(1.0)
        return _frame_of(self._trace.read_text(errors="replace"))


def examine(reader: Reader, case: Case, folder: Path, bounds: Bounds) -> Outcome:
    """Reads files in this process, and says what became of them."""
    try:
        read, size = reader.try_to_read(*case, folder)
    except BrokenContractError as error:
        # Of a message the place where it was made.
        place = _place_of(error.__context__) if error.__context__ else str(error)
        return Outcome("contract", place, traceback.format_exc()[-4000:])
    except Exception as error:
        short = isinstance(error, (MemoryError, reader.refusal))
        return Outcome("memory" if short else "error", _place_of(error), traceback.format_exc()[-4000:])
    if size > bounds.output:
        return Outcome("output", f"{size / MEGABYTE:,.0f} MB")
    return Outcome("read" if read else "refused")


def _place_of(error: BaseException) -> str:
    """An error's type and the last line of ours that it passed."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if any(one in frame.filename for one in _PACKAGES)
    ]
    last = frames[-1] if frames else None
    place = f" at {Path(last.filename).parent.name}/{Path(last.filename).name}:{last.lineno}" if last else ""
    return f"{type(error).__name__}{place}"


def _frame_of(report: str) -> str:
    """The innermost line of ours in a report of faulthandler."""
    for line in report.splitlines():
        if any(one in line for one in _PACKAGES) and ", line " in line:
            path, _, rest = line.strip().removeprefix('File "').partition('", line ')
            return f"at {Path(path).parent.name}/{Path(path).name}:{rest.split()[0]}"
    return ""
