"""Decoding in worker processes: the same results and errors as in this process, but a crash costs one file only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .. import modalities
from ..errors import DecodingError
from ..isolation import SUPPORTED, WorkerError, WorkerExpiredError, Workers
from ..modalities import Window
from ..sample import Part, Sample

Wait = Callable[[], None]
"""Called while a worker decodes; what it raises ends the decoding."""

_READ, _STREAM = "perceiver.modalities.decoding:read", "perceiver.modalities.decoding:stream"


@cache
def workers() -> Workers:
    """The worker processes of this process. None runs before the first call, or before `start`."""
    readers = [f"perceiver.modalities.{name}.modality" for name in modalities.names()]
    return Workers(preload=["perceiver.modalities.decoding", "encodings.latin_1", *readers])


def worker_processes() -> Workers | None:
    """`workers`; None on a system that cannot run any."""
    return workers() if SUPPORTED else None


def read_apart(data: bytes, how: Mapping[str, Any], wait: Wait | None = None) -> Sample:
    """What `decoding.read` returns, from a worker process. Raises DecodingError when it fails, or the reader's own
    error."""
    modalities.get(how["modality"])  # defines the class of its samples
    with _decoding_errors(how["name"]):
        found = workers().call(
            _READ,
            data,
            how,
            # A sound is decoded whole to survey it; its worker remembers that for the next choice of a window.
            key=hashlib.sha256(data).hexdigest(),
            imports=modalities.describe(how["modality"]).libraries,
            classes=(Sample, Part),
            wait=wait,
        )
        if not isinstance(found, Sample) or found.modality != how["modality"]:
            raise WorkerError("its decoder failed; the file is probably damaged")
        return found


def open_windows_apart(data: bytes, how: Mapping[str, Any], wait: Wait | None = None) -> WindowsApart:
    """What `decoding.windows` returns, decoded in a worker process. Raises DecodingError as `read_apart` does."""
    windows = WindowsApart(data, dict(how), wait)
    windows.open()
    return windows


@dataclass
class WindowsApart:
    """The windows of a file, decoded in a worker process a few ahead of the iteration.

    A worker that waits long for the iteration to go on ends, and another decodes the file again up to there.
    """

    data: bytes = field(repr=False)
    how: dict[str, Any]
    wait: Wait | None = None
    seconds: float = 0.0
    duration: float = 0.0
    notes: tuple[str, ...] = ()
    _count: int = 0
    _begun: Iterator[Any] | None = field(default=None, repr=False)

    def open(self) -> None:
        """Asks for the number, length and notes of the windows; the first iteration goes on from there."""
        with _decoding_errors(self.how["name"]):
            self._begun, header = self._stream(0)
        self.seconds, self.duration = header["seconds"], header["duration"]
        self.notes, self._count = header["notes"], header["count"]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Window]:
        stream, self._begun = self._begun, None
        at, expired_at = 0, -1
        while True:
            with _decoding_errors(self.how["name"]):
                try:
                    if stream is None:
                        stream, _ = self._stream(at)
                    window = next(stream, None)
                except WorkerExpiredError:
                    if expired_at == at:
                        raise
                    stream, expired_at = None, at
                    continue
            if window is None:
                return
            at += 1
            yield window

    def _stream(self, skip: int) -> tuple[Iterator[Any], Mapping[str, Any]]:
        stream = workers().stream(
            _STREAM,
            self.data,
            {**self.how, "skip": skip},
            imports=modalities.describe(self.how["modality"]).libraries,
            classes=(Window,),
            wait=self.wait,
        )
        return stream, next(stream)


@contextmanager
def _decoding_errors(name: str) -> Iterator[None]:
    """Turns what became of a worker into an error that names the file."""
    try:
        yield
    except WorkerError as error:
        raise DecodingError(f"{modalities.shortened(name)} cannot be read: {error}") from error
