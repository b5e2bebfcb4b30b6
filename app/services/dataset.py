"""A checkpoint over a data set: the analysis kept beside its weights, or one of a folder of this machine, in steps."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from perceiver.checkpoints import BundledCheckpoints
from perceiver.dataset import (
    FILE,
    Collection,
    DataSetAnalysis,
    Disagreements,
    Partial,
    check,
    disagreements,
    files,
    finish,
    load,
    read_about,
    steps,
)
from perceiver.errors import ConfigError, InputError
from perceiver.isolation import SUPPORTED

from . import checkpoints, models, public, samples
from .caching import Once
from .queueing import Progress, queue

EACH = 0.5
"""Seconds that an input is expected to take before the first ones are measured."""


def kept(model: str) -> DataSetAnalysis | None:
    """The analysis over held-out examples that lies beside a checkpoint's weights; None where there is none.

    Raises CheckpointError for one of other weights, InputError for a damaged one.
    """
    path = _file(model)
    return None if path is None else _kept(str(path), path.stat().st_mtime_ns)


def _file(model: str) -> Path | None:
    """The analysis beside a checkpoint's weights; None where there is none, as for a checkpoint of a single file."""
    opened = checkpoints.known(model)
    if opened is None:
        path = BundledCheckpoints().folder(model) / FILE
    elif Path(opened.source.place).is_file():
        return None
    else:
        path = opened.weights.parent / FILE
    return path if path.is_file() else None


@st.cache_resource(show_spinner=False, max_entries=8)
def _kept(path: str, changed: int) -> DataSetAnalysis:
    check(Path(path).parent)
    return load(Path(path))


def compared(first: DataSetAnalysis, second: DataSetAnalysis) -> Disagreements:
    """Where two checkpoints disagree. Raises ConfigError for analyses of different inputs."""
    return disagreements(first, second)


def with_analysis(names: tuple[str, ...], like: DataSetAnalysis) -> tuple[str, ...]:
    """The checkpoints among some whose kept analysis is of the same inputs as another."""
    return tuple(name for name in names if _inputs(name) == like.about.examples_sha256)


def _inputs(model: str) -> str | None:
    """The digest of the inputs of the analysis beside a checkpoint's weights; None where there is no readable one."""
    path = _file(model)
    return None if path is None else _examples(str(path), path.stat().st_mtime_ns)


@st.cache_data(show_spinner=False, max_entries=64)
def _examples(path: str, changed: int) -> str | None:
    try:
        return read_about(Path(path)).examples_sha256
    except InputError:
        return None


@dataclass
class FolderAnalysis:
    """The analysis of a folder of files as far as it has come, which all visitors share.

    each  seconds per input of the last step
    """

    model: str
    folder: Path
    collection: Collection
    partial: Partial | None = None
    each: float = EACH
    found: DataSetAnalysis | None = field(default=None, repr=False)
    _steps: Iterator[Partial] | None = field(default=None, repr=False)

    @property
    def reached(self) -> int:
        """Files that were read."""
        return 0 if self.partial is None else self.partial.reached

    @property
    def seconds_left(self) -> float:
        """The estimated time for the files that are left."""
        return 0.0 if self.found else self.each * (len(self.collection) - self.reached)

    def _step(self) -> bool:
        """Measures the next few files; False when all are measured. Whatever fails, the next step begins after what is
        known."""
        try:
            if self._steps is None:
                model = models.get(self.model)
                self._steps = steps(model, self.collection, resume=self.partial, isolate=SUPPORTED)
            before, began = self.reached, time.monotonic()
            found = next(self._steps, None)
            if found is None:
                return False
            self.partial = found
            if found.reached > before:
                self.each = (time.monotonic() - began) / (found.reached - before)
            return True
        except BaseException:
            self._steps = None
            raise

    def complete(self, progress: Progress) -> None:
        """Measures all files, a few in each turn of the queue. Raises InputError where none can be read."""
        try:
            while self.found is None:
                with queue.turn(progress.wait):
                    if not self._step():
                        self.found = self._finished()
                share = self.reached / len(self.collection)
                progress.step(share, f"File {self.reached:,} of {len(self.collection):,}")
        finally:
            self._steps = None

    def _finished(self) -> DataSetAnalysis:
        assert self.partial is not None
        name = models.display_name(self.model)
        return finish(
            models.get(self.model),
            self.collection,
            self.partial,
            name=name,
            weights_sha256=models.weights_sha256(self.model),
            command=shlex.join(["perceiver", "dataset", name, "--files", str(self.folder)]),
        )


def may_read_folders() -> bool:
    """Whether visitors may have folders of this machine analysed: never on a public server."""
    return not public.is_public() and checkpoints.local_paths()


def of_folder(model: str, text: str) -> FolderAnalysis:
    """The analysis of a folder of this machine, as far as it is done. Does no work beyond listing the folder.

    Raises InputError for a folder that does not exist or holds no input, and where visitors may not read folders.
    """
    if not may_read_folders():
        raise InputError("folders of this machine can be read only if the app serves this machine alone")
    try:
        folder = Path(os.path.expanduser(text.strip())).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{text.strip()!r} is no path") from error
    collection = files(models.stored_config(model), folder)
    stamps = [(one.key, one.path.stat().st_mtime_ns) for one in collection.entries if one.path is not None]
    held = _of_folder(model, str(folder), hash(tuple(stamps)))
    if held.value is None:
        held.value = FolderAnalysis(model, folder, collection)
    return held.value


@st.cache_resource(show_spinner=False, max_entries=4)
def _of_folder(model: str, folder: str, stamp: int) -> Once[FolderAnalysis]:
    return Once()


def file_of(analysis: FolderAnalysis, row: int) -> tuple[str, str, bytes]:
    """A file of an analysed folder: its SHA-256, name and bytes. Raises InputError when it cannot be read any more."""
    if analysis.found is None:
        raise ConfigError("the folder is not analysed yet")
    name = analysis.found.examples.names[row]
    entry = next(one for one in analysis.collection.entries if one.name == name)
    assert entry.path is not None
    try:
        data = entry.path.read_bytes()
    except OSError as error:
        raise InputError(f"{name} cannot be read: {(error.strerror or type(error).__name__).lower()}") from error
    public.check_size(name, data)
    return samples.digest(data), entry.path.name, data
