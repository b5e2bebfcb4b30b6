"""`./run soak`: many visitors at once, many uploads in a row, and what is left of them.

    ./run soak                                20 visitors, 2 rounds each, then 500 uploads: half an hour on two cores
    ./run soak --minutes 60                   rounds for an hour in place of 2 each
    ./run soak --visitors 4 --uploads 50      smaller
    ./run soak --public                       the public server

Starts the app with the bundled checkpoints. Every visitor is a client of the protocol of Streamlit's page, in a browser
of its own. In a round it uploads a file that nobody else has, in one of the models, and asks for the predictions, for
an ablation, and for a scan of a sound, which it stops in every second round; in every third round it closes its tab.
All that it gets is compared with the library's results, and searched for the names of other visitors' files. Ends with
status 1 for an error, a mixed result, or memory that grows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from perceiver.checkpoints.bundled import BundledCheckpoints

from .client import Client
from .server import Server, serving
from .visitors import lens, make_input, visit_at_once

KEPT = 5
"""Seconds for which the server keeps a session after its tab was closed, in place of two minutes."""

WARM = 0.2
"""Share of the uploads after which memory should not grow."""

GROWTH = 40.0
"""Megabytes by which it may: caches of Python and of the system."""


@dataclass
class Memory:
    """The memory of the app's processes while something goes on, in megabytes."""

    start: float
    peak: float = 0.0
    end: float = 0.0
    by_minute: list[float] = field(default_factory=list)

    def line(self, what: str) -> str:
        """The figures."""
        minutes = f", by minute {', '.join(f'{one:.0f}' for one in self.by_minute)}" if self.by_minute else ""
        return (
            f"{what:15} {self.start:.0f} MB at the start, {self.peak:.0f} at most, {self.end:.0f} at the end{minutes}"
        )


@contextmanager
def watched(server: Server) -> Iterator[Memory]:
    """Measures the memory every half a second inside the block."""
    memory, done = Memory(server.resident()), threading.Event()

    def watch() -> None:
        began = time.monotonic()
        while not done.wait(0.5):
            now = server.resident()
            memory.peak = max(memory.peak, now)
            if time.monotonic() - began >= 60 * (len(memory.by_minute) + 1):
                memory.by_minute.append(now)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        done.set()
        thread.join()
        memory.end = server.resident()
        memory.peak = max(memory.peak, memory.start, memory.end)


def warm_up(server: Server, models: list[str]) -> None:
    """Opens every model once, so that libraries and models are in memory."""
    client = Client(server.url)
    for model in models:
        client.open("explore", model=model).settle()
    client.close()


def upload_in_a_row(server: Server, count: int, model: str) -> tuple[Memory, float]:
    """So many different files in one session. Returns the memory, and that after the first ones."""
    client = Client(server.url).open("explore", model=model, sample="sha256-none")
    client.settle()
    warm = 0.0
    with watched(server) as memory:
        for i in range(count):
            one = make_input(10_000, i, [model])
            client.upload(one.name, one.data).settle()
            if i == int(WARM * count):
                warm = server.resident()
    client.close()
    return memory, warm


def left_over(server: Server, patience: float = 60.0) -> str:
    """What is left when all tabs were closed; "" for nothing."""
    left = "?"
    end = time.monotonic() + patience
    while left and time.monotonic() < end:
        time.sleep(1.0)
        uploads = server.metric("cache_memory_bytes", cache_type="UploadedFileManager")
        sessions = server.metric("active_sessions")
        left = ", ".join(
            text for count, text in ((sessions, f"{sessions:.0f} sessions"), (uploads, f"{uploads:.0f} bytes")) if count
        )
    return left


def idle(server: Server, seconds: float = 3.0) -> float:
    """The share of a core that the app uses while nobody visits."""
    before = server.seconds_of_work()
    time.sleep(seconds)
    return (server.seconds_of_work() - before) / seconds


def main() -> int:
    """Runs the soak and prints its figures. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="./run soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--visitors", type=int, default=20, help="visitors at once (default: 20)")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of each (default: 2)")
    parser.add_argument("--minutes", type=float, help="begin rounds for so long, in place of a number of rounds")
    parser.add_argument("--uploads", type=int, default=500, help="uploads in a row, 0 for none (default: 500)")
    parser.add_argument("--models", nargs="+", help="bundled checkpoints (default: the first five)")
    parser.add_argument("--public", action="store_true", help="start the app with --public")
    given = parser.parse_args()
    torch.set_num_threads(1)
    models = given.models or BundledCheckpoints().names()[:5]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        options = ["--public"] if given.public else []
        with serving(log, *options, STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL=str(KEPT)) as server:
            warm_up(server, models)
            print(f"models          {', '.join(models)}\nvisitors        {given.visitors} at once", flush=True)
            until = time.monotonic() + 60 * given.minutes if given.minutes else None
            with watched(server) as memory:
                tally = visit_at_once(
                    server.url,
                    given.visitors,
                    lambda done: done < given.rounds if until is None else time.monotonic() < until,
                    models,
                )
            print(*tally.lines(), memory.line("memory"), sep="\n", flush=True)
            faults = [*tally.errors, *tally.mixed, *_left(server)]
            if given.uploads:
                picture = next((name for name in models if lens(name).config.modality == "image"), models[0])
                row, warm = upload_in_a_row(server, given.uploads, picture)
                print(
                    row.line(f"{given.uploads} uploads"),
                    f"{'':15} {warm:.0f} MB after the first ones",
                    sep="\n",
                    flush=True,
                )
                if row.end - warm > GROWTH:
                    faults.append(f"memory grew by {row.end - warm:.0f} MB over the uploads")
                faults += _left(server)
        with suppress(OSError):
            unexpected = [line for line in log.read_text(errors="replace").splitlines() if "error " in line.lower()]
            faults += [f"in the log: {line}" for line in unexpected[:5]]
    print(*(faults or ["no faults"]), sep="\n")
    return 1 if faults else 0


def _left(server: Server) -> list[str]:
    """Prints what is left of visitors who have gone. Returns the faults."""
    left, share = left_over(server), idle(server)
    print(f"tabs closed     {left or 'no session and no upload'} left, {share:.0%} of a core in use", flush=True)
    found = [f"left after all tabs were closed: {left}"] if left else []
    return found + ([f"{share:.0%} of a core in use after all tabs were closed"] if share > 0.3 else [])


if __name__ == "__main__":
    sys.exit(main())
