"""Framework for building data sets: checks tools, downloads packages, and builds, resumes and records files.

`DataSet` defines a data set; `build` builds it. The parts of a file (one object, one font family, ...) are built by
worker processes and cached until the file is complete, so that an interrupted build continues with the next part.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from perceiver.progress import ProgressCallback, progress_bars
from perceiver.storage import atomic_write, write_arrays

from . import packages
from .files import Manifest, exclusive
from .packages import Package
from .parallel import run_tasks

Task = TypeVar("Task")
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Output:
    """One file of a data set.

    `settings` are recorded in the manifest; the file is rebuilt if they change. `make` writes the file, returning notes
    for the manifest. `sources` are the packages it depends on, by default all of the data set.
    """

    name: str
    settings: Mapping[str, Any]
    make: Callable[[Work, Path], Mapping[str, Any]]
    sources: Sequence[str] | None = None


@dataclass(frozen=True)
class DataSet:
    """Definition of a data set.

    packages   Debian packages by name, and wheels of Python packages as "name==version"
    outputs    the files, in the order of building
    licences   SPDX identifiers of the sources: by package, or "package/part"
    tools      Python packages whose versions are recorded in the manifest, by purpose
    check      raises DataError if a tool is missing; called before downloading
    """

    packages: Sequence[str]
    outputs: Sequence[Output]
    licences: Mapping[str, str]
    tools: Mapping[str, Sequence[str]] = field(default_factory=dict)
    check: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Work:
    """A build in progress, as passed to the `make` of an output."""

    cache: Path
    packages: Mapping[str, Package]
    progress: ProgressCallback
    workers: int
    output: Output

    def file(self, package: str) -> Path:
        """The downloaded file of a package."""
        return self.cache / self.packages[package].file

    def parts(
        self,
        message: str,
        open_worker: Callable[[], AbstractContextManager[Callable[[Task], Arrays | None]]],
        tasks: Sequence[Task],
    ) -> list[dict[str, np.ndarray] | None]:
        """The arrays that a worker returns for each task, in the order of the tasks; None if it returns None.

        `open_worker` is called once in each worker process; it and the tasks must be picklable. Parts from an
        interrupted build are reused.
        """
        folder = _parts_folder(self.cache, self.output, self.packages)
        kept = [folder / f"{index:04d}.npz" for index in range(len(tasks))]
        left = [index for index, path in enumerate(kept) if not path.is_file()]
        self.progress(1 - len(left) / max(len(tasks), 1), message)
        jobs = [(tasks[index], kept[index]) for index in left]
        for done, _ in enumerate(run_tasks(_Keeper(open_worker), jobs, self.workers), len(tasks) - len(left) + 1):
            self.progress(done / len(tasks), message)
        return [_read_arrays(path) for path in kept]


def build(
    data_set: DataSet,
    folder: Path,
    *,
    progress: ProgressCallback | None = None,
    force: bool = False,
    workers: int | None = None,
) -> Path:
    """Builds the missing, damaged or outdated files of a data set in `folder`; returns the folder.

    An interrupted build is continued. `force` rebuilds all files from the packages in the cache. `progress` is called
    with the completed fraction and the name of each step; by default bars are drawn on standard error. `workers` is the
    number of processes, by default one per core.

    Raises:
        DataError: in one sentence, when a tool or package is missing, a download fails, a checksum differs, the disk is
            full, or another build is at work in the folder.
    """
    with ExitStack() as stack:
        stack.enter_context(exclusive(folder))
        manifest = Manifest.read(folder)
        left = [output for output in data_set.outputs if force or not manifest.holds(output.name, output.settings)]
        if left:
            data_set.check()
            report = progress or stack.enter_context(progress_bars())
            cache = folder / "cache"
            found = packages.fetch(data_set.packages, cache, report)
            for output in left:
                parts = _parts_folder(cache, output, found)
                if force:
                    shutil.rmtree(parts, ignore_errors=True)
                work = Work(cache, found, report, workers or len(os.sched_getaffinity(0)), output)
                notes = output.make(work, folder / output.name)
                manifest.record(output.name, output.settings, **_origin(data_set, output, found), **notes)
                shutil.rmtree(parts, ignore_errors=True)
    return folder


def licence_page(name: str, revision: int, text: Callable[[Work], str]) -> Output:
    """The output `name`: a page on the licences of a data set, with the statements of the packages in `licences/`."""

    def make(work: Work, target: Path) -> Mapping[str, Any]:
        for package in work.packages.values():
            packages.copy_statements(package, work.cache, target.parent / "licences")
        page = text(work)
        with atomic_write(target) as part:
            part.write_text(page, encoding="utf-8")
        return {}

    return Output(name, {"revision": revision}, make)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = tuple(head)
    lines = ["| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |" for cells in (names, *rows)]
    lines.insert(1, "|" + "---|" * len(names))
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Keeper:
    """Opens a worker and writes its arrays to the path given with each task."""

    open_worker: Callable[[], AbstractContextManager[Callable[[Any], Arrays | None]]]

    def __call__(self, stack: ExitStack) -> Callable[[tuple[Any, Path]], None]:
        worker = stack.enter_context(self.open_worker())

        def keep(job: tuple[Any, Path]) -> None:
            task, path = job
            arrays = worker(task)
            if arrays is not None:
                write_arrays(path, **arrays)

        return keep


def _parts_folder(cache: Path, output: Output, found: Mapping[str, Package]) -> Path:
    """Cache folder for the parts of a file, which depends on its settings and packages."""
    key = json.dumps([dict(output.settings), sorted(package.sha256 for package in found.values())], sort_keys=True)
    return cache / f"{Path(output.name).stem}-{zlib.crc32(key.encode()):08x}"


def _read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def _origin(data_set: DataSet, output: Output, found: Mapping[str, Package]) -> dict[str, Any]:
    """The manifest entry on packages, licences and tools of an output."""
    names = [found_name for found_name in found if output.sources is None or found_name in output.sources]
    return {
        "packages": {name: {"version": found[name].version, "sha256": found[name].sha256} for name in names},
        "licences": {part: licence for part, licence in data_set.licences.items() if part.split("/")[0] in names},
        **{use: {name: metadata.version(name) for name in tools} for use, tools in data_set.tools.items()},
    }
