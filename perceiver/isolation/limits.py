"""Limits of a worker process, and how it sets them on itself before it sees a file."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1 << 20

_LIBRARIES = 2 << 30
"""Address space beside the memory: libraries that are mapped later, stacks of threads."""
_NO_NEW_PRIVILEGES, _DIES_WITH_PARENT = 38, 1  # prctl
_KILL = 9
_OPEN_FILES = 128


@dataclass(frozen=True)
class Limits:
    """What one call may take in a worker process.

    memory               bytes beside the imported libraries
    output               bytes of the result, of each item of a stream
    disk                 bytes of each temporary file
    seconds              for the result, or for each item of a stream
    seconds_per_megabyte  added for each megabyte of the input
    """

    memory: int = 2048 * MEGABYTE
    output: int = 512 * MEGABYTE
    disk: int = 1024 * MEGABYTE
    seconds: float = 60.0
    seconds_per_megabyte: float = 0.5

    def time(self, size: int) -> float:
        """Seconds for an input of so many bytes."""
        return self.seconds + self.seconds_per_megabyte * size / MEGABYTE


def restrict(memory: int, disk: int) -> None:
    """Limits the calling process for good: memory and disk in bytes, no core dump, no further privileges.

    On Linux it also dies with its parent, and is the first to be ended where the machine runs out of memory. What a
    system does not know is left out.
    """
    import resource

    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        libc = ctypes.CDLL(None)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        libc.prctl(_DIES_WITH_PARENT, _KILL, 0, 0, 0)
        space, private = _mapped()
        # Private memory is what counts. The address space only bounds shared mappings, which the first leaves out.
        _lower(resource.RLIMIT_DATA, private + memory)
        _lower(resource.RLIMIT_AS, space + memory + _LIBRARIES)
    _lower(resource.RLIMIT_FSIZE, disk)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)


def _lower(which: int, value: int) -> None:
    import resource

    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def _mapped() -> tuple[int, int]:
    """Bytes of address space and of private memory that this process has mapped."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmSize", "VmData"))  # type: ignore[return-value]
