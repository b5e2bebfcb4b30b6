"""A short run of the fuzzer over every reader, the files that once broke one, and the fuzzer itself."""

from __future__ import annotations

import multiprocessing
import struct
import sys
import types
import zlib
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.fuzz import campaign, faulty
from tests.fuzz.campaign import Mutations, kept_cases
from tests.fuzz.children import Bounds, examine
from tests.fuzz.corpus import seeds_of
from tests.fuzz.mutation import LARGEST
from tests.fuzz.readers import READERS
from tests.fuzz.structure import SHAPES, shape_of

KEPT = kept_cases()


@pytest.fixture(scope="module")
def fresh() -> Iterator[Executor]:
    """A process without threads, which can be forked."""
    with pytest.MonkeyPatch.context() as patch:
        # Tests of the app leave their script as the main module, which a spawned process would run.
        patch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
            yield executor


@pytest.mark.parametrize("reader", READERS)
def test_a_short_run_finds_nothing(reader: str, fresh: Executor) -> None:
    tally, findings = fresh.submit(campaign.run, reader, 120, bounds=Bounds()).result()
    assert [(one.number, one.origin, one.outcome) for one in findings] == []
    assert tally.count == 120
    # Mutations that are all refused, or all read, reach little.
    assert min(tally.what["read"], tally.what["refused"]) >= 10


@pytest.mark.parametrize("name", KEPT)
def test_files_that_once_broke_a_reader(name: str, tmp_path: Path) -> None:
    reader, case = KEPT[name]
    outcome = examine(READERS[reader], case, tmp_path, Bounds())
    assert not outcome.is_finding, outcome.report


@pytest.mark.parametrize("reader", READERS)
def test_files_of_the_corpus_are_read(reader: str, tmp_path: Path) -> None:
    how = {"options": {}, "scan": False}
    refused = {
        one.name
        for one in seeds_of(reader)
        if examine(READERS[reader], (dict(one.files), how), tmp_path, Bounds()).what != "read"
    }
    assert refused == ({"number.txt"} if reader == "points" else set())  # its columns have to be chosen


def test_every_fault_is_told_apart(fresh: Executor) -> None:
    told = fresh.submit(faulty.told).result()
    assert [word for word, _ in told] == list(faulty.WORDS)
    assert [outcome.what for _, outcome in told] == [
        *("read", "crash", "error", "memory", "memory", "time", "output", "refused", "read")
    ]
    where = {word: outcome.where for word, outcome in told}
    assert where["crash"].startswith("SIGSEGV")
    assert where["error"].startswith("KeyError")


def test_a_finding_is_made_small(fresh: Executor) -> None:
    assert fresh.submit(faulty.reduced, "error").result() == b"error"


@pytest.mark.parametrize("reader", READERS)
def test_a_mutation_depends_on_its_number_alone(reader: str) -> None:
    first, again, other = Mutations(reader, 3), Mutations(reader, 3), Mutations(reader, 4)
    for number in (0, 17, 40):
        files, how = first.case(number)
        assert again.case(number) == (files, how)
        assert all(len(data) <= LARGEST or reader == "checkpoints" for data in files.values())
    assert any(first.case(number) != other.case(number) for number in range(5))


@pytest.mark.parametrize("reader", READERS)
def test_what_was_parsed_is_written_as_it_was(reader: str) -> None:
    for one in seeds_of(reader):
        for name, data in one.files.items():
            shape = shape_of(data)
            assert shape is None or shape.write(shape.parse(data)) == data, name


def test_lengths_and_checksums_fit_after_a_change() -> None:
    (data,) = next(one for one in seeds_of("image") if one.name == "plain.png").files.values()
    shape = shape_of(data)
    assert shape is not None
    chunks = shape.parse(data)
    chunks[2].body = b"Title\0another one"
    del chunks[3]
    changed, at, kinds = shape.write(chunks), 8, []
    while at < len(changed):
        length, kind = struct.unpack(">I4s", changed[at : at + 8])
        (checksum,) = struct.unpack(">I", changed[at + 8 + length : at + 12 + length])
        assert zlib.crc32(changed[at + 4 : at + 8 + length]) == checksum
        kinds.append(kind)
        at += 12 + length
    assert (kinds[0], kinds[-1], len(kinds)) == (b"IHDR", b"IEND", len(chunks) - 1)


def test_every_shape_has_files() -> None:
    """A family that no file of the corpus belongs to would never be tried."""
    data = [content for reader in READERS for one in seeds_of(reader) for content in one.files.values()]
    unused = [magic for offset, magic, _ in SHAPES if not any(one.startswith(magic, offset) for one in data)]
    assert set(unused) <= {b"moov", b"mdat", b"wide", b"\xff"}  # parts of what others begin with
