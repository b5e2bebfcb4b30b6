"""A run of the fuzzer over some readers: mutations, findings, and their files made small."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from tests.fuzz.children import Bounds, Case, Files, Outcome, outcomes
from tests.fuzz.corpus import Seed, seeds_of
from tests.fuzz.mutation import mutate
from tests.fuzz.readers import READERS, How, Reader

FOUND = Path(__file__).parent / "found"
_MOST_CASES = 2
"""Files kept of one cause."""
_TRIES, _PATIENCE = 300, 60.0


@dataclass(frozen=True)
class Finding:
    """A file that a reader did not take well."""

    reader: Reader
    number: int
    origin: str
    outcome: Outcome
    files: Files = field(repr=False)
    how: How


@dataclass
class Tally:
    """How the mutations of one reader ended.

    what     counts by outcome
    kinds    mutations by the file they began with
    slowest  seconds of the slowest one
    """

    what: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    @property
    def count(self) -> int:
        """Mutations in all."""
        return self.what.total()

    @property
    def findings(self) -> int:
        """Of them, those that are findings."""
        return self.count - self.what["read"] - self.what["refused"]


class Mutations:
    """The mutations of the files of a reader, by number: the same for the same seed."""

    def __init__(self, reader: str, seed: int, seeds: Sequence[Seed] | None = None) -> None:
        self.reader, self.seed = READERS[reader], seed
        self.seeds = seeds_of(reader) if seeds is None else seeds
        self._others = [data for one in self.seeds for data in one.files.values()]

    def origin(self, number: int) -> Seed:
        """The file that a mutation begins with: all take turns."""
        return self.seeds[number % len(self.seeds)]

    def case(self, number: int) -> Case:
        """The files of a mutation, and what is asked of the reader."""
        random, origin = Random(f"{self.seed}:{self.reader.name}:{number}"), self.origin(number)
        files = mutate(random, origin.files, self._others)
        return files, self.reader.choices(random, origin.name)


def fuzz(
    reader: str,
    *,
    seed: int = 0,
    numbers: Sequence[int] | range,
    bounds: Bounds,
    seconds: float = float("inf"),
    tally: Tally | None = None,
) -> Iterator[Finding]:
    """Yields what is found in the mutations of some numbers.

    seconds  after which to stop
    tally    is filled on the way
    """
    mutations, tally = Mutations(reader, seed), tally or Tally()
    until = time.monotonic() + seconds
    for number, outcome in outcomes(mutations.reader, mutations.case, numbers, bounds, until):
        tally.what[outcome.what] += 1
        tally.kinds[mutations.origin(number).name] += 1
        tally.slowest = max(tally.slowest, outcome.seconds)
        if outcome.is_finding:
            files, how = mutations.case(number)
            yield Finding(mutations.reader, number, mutations.origin(number).name, outcome, files, how)


def run(
    reader: str, mutations: int, *, seed: int = 0, bounds: Bounds, seconds: float = float("inf")
) -> tuple[Tally, list[Finding]]:
    """The first mutations of a reader: how they ended, and what was found."""
    tally = Tally()
    numbers = range(mutations)
    return tally, list(fuzz(reader, seed=seed, numbers=numbers, bounds=bounds, seconds=seconds, tally=tally))


def smaller(finding: Finding, bounds: Bounds) -> Files:
    """The files of a finding without the parts that it does not need, as far as that is found in a while."""
    until = time.monotonic() + _PATIENCE
    files = dict(finding.files)
    for name in sorted(files, key=lambda one: len(files[one]), reverse=True):
        size = len(files[name]) // 2
        while size >= 1 and time.monotonic() < until:
            pieces = range(0, len(files[name]), size)
            if len(pieces) > _TRIES:
                break
            attempts = [files | {name: files[name][:at] + files[name][at + size :]} for at in pieces]
            kept = next(_same(finding, attempts, bounds, until), None)
            if kept is None:
                size //= 2
            else:
                files = attempts[kept]
                size = min(size, max(len(files[name]) // 2, 1)) if files[name] else 0
    return files


def _same(finding: Finding, attempts: Sequence[Files], bounds: Bounds, until: float) -> Iterator[int]:
    """Which attempts end like a finding."""
    make: Callable[[int], Case] = lambda at: (attempts[at], finding.how)  # noqa: E731
    for at, outcome in outcomes(finding.reader, make, range(len(attempts)), bounds, until):
        if (outcome.what, outcome.where) == (finding.outcome.what, finding.outcome.where):
            yield at


class Folder:
    """Where findings are kept: a folder a case, with its files and what was asked in `case.json`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._causes: Counter[tuple[str, str, str]] = Counter()

    def keep(self, finding: Finding, bounds: Bounds) -> Path | None:
        """Keeps a finding, small; None where enough of its cause are kept."""
        cause = (finding.reader.name, finding.outcome.what, finding.outcome.where)
        self._causes[cause] += 1
        if self._causes[cause] > _MOST_CASES:
            return None
        words = re.sub(r"[^A-Za-z0-9]+", "-", f"{finding.outcome.what} {finding.outcome.where}")[:60].strip("-")
        start = self.path / finding.reader.name / words
        place = next(one for n in count() if not (one := start.with_name(f"{words}-{n}" if n else words)).exists())
        (place / "files").mkdir(parents=True)
        for name, data in smaller(finding, bounds).items():
            (place / "files" / name).write_bytes(data)
        about = {"reader": finding.reader.name, "how": dict(finding.how), "found": cause[1:], "from": finding.origin}
        (place / "case.json").write_text(json.dumps(about, indent=1) + "\n")
        if finding.outcome.report:
            (place / "report.txt").write_text(finding.outcome.report)
        return place


def kept_cases(path: Path = FOUND) -> Mapping[str, tuple[str, Case]]:
    """The kept cases by name, each with its reader."""
    out = {}
    for about in sorted(path.glob("*/*/case.json")):
        case = json.loads(about.read_text())
        files = {one.name: one.read_bytes() for one in sorted((about.parent / "files").iterdir())}
        out[f"{about.parent.parent.name}/{about.parent.name}"] = (case["reader"], (files, case["how"]))
    return out
