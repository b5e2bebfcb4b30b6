"""The app in a process of its own, and the memory of this process and of those that it starts."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
START = 600.0
"""Seconds in which the app has to start."""


@dataclass(frozen=True)
class Server:
    """A running app.

    log  what it writes
    """

    url: str
    pid: int
    log: Path

    def processes(self) -> list[int]:
        """The process of the app and its descendants: the template of the workers, and the workers."""
        parents = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal() and (stat := _text(folder / "stat")):
                parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
        found = [self.pid]
        for one in found:
            found += [pid for pid, parent in parents.items() if parent == one]
        return found

    def resident(self) -> float:
        """Megabytes of memory of all its processes, shared pages counted once: the sum of their proportional sets."""
        return sum(map(_proportional, self.processes())) / 1024

    def seconds_of_work(self) -> float:
        """Processor time of all its processes so far."""
        ticks = 0
        for pid in self.processes():
            if stat := _text(Path(f"/proc/{pid}/stat")):
                ticks += sum(map(int, stat.rpartition(")")[2].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric that Streamlit's server gives."""
        with urllib.request.urlopen(f"{self.url}/_stcore/metrics", timeout=60) as answer:
            text = answer.read().decode()
        total = 0.0
        for given, value in re.findall(rf"^{name}(?:\{{(.*?)\}})? ([\d.e+-]+)", text, re.MULTILINE):
            pairs = dict(re.findall(r'(\w+)="(.*?)"', given))
            total += float(value) if labels.items() <= pairs.items() else 0.0
        return total


@contextmanager
def serving(log: Path, *options: str, **environment: str) -> Iterator[Server]:
    """The app on a free port until the end of the block, as `perceiver app` starts it.

    options      of `perceiver app`
    environment  variables beside those of this process
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "perceiver", "app", "--port", str(port), "--address", "127.0.0.1", *options]
    defaults = {"HF_HUB_OFFLINE": "1", "STREAMLIT_SERVER_HEADLESS": "true"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **defaults, **environment}, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        server = Server(f"http://127.0.0.1:{port}", process.pid, log)
        end = time.monotonic() + START
        while not _healthy(server):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the app did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(60)


def _healthy(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


def _proportional(pid: int) -> int:
    """Kilobytes of a process; its resident set where the system does not tell the proportional one."""
    for file, name in ((f"/proc/{pid}/smaps_rollup", "Pss"), (f"/proc/{pid}/status", "VmRSS")):
        if found := re.search(rf"^{name}:\s+(\d+) kB", _text(Path(file)), re.MULTILINE):
            return int(found[1])
    return 0


def _text(file: Path) -> str:
    """The contents of a file of /proc; "" when its process has ended."""
    try:
        return file.read_text()
    except OSError:
        return ""
