"""The frame of all builders: parts made in several processes, kept when a build stops, and noted in the manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from dataset_builders import DATA_SETS
from dataset_builders.frame import DataSet, Output, Work, build, licence_page, table
from dataset_builders.parallel import run_tasks
from perceiver.cli.data import build as command
from perceiver.errors import DataError

from .debian import Apt, silent


@contextmanager
def open_squarer(log: Path) -> Iterator[Callable[[int], dict[str, np.ndarray] | None]]:
    """Squares numbers in an open log; none below zero, and 13 brings bad luck."""
    with (log / f"{os.getpid()}").open("a") as file:

        def square(number: int) -> dict[str, np.ndarray] | None:
            print(number, file=file, flush=True)
            if number == 13 and not (log / "lucky").exists():
                raise DataError("13 is unlucky")
            return {"square": np.array(number**2)} if number >= 0 else None

        yield square


def squares(log: Path, numbers: list[int], *, packages: tuple[str, ...] = (), revision: int = 1) -> DataSet:
    """A data set of squares; `log` is a folder with a file of numbers for each process."""

    def make(work: Work, target: Path) -> Mapping[str, Any]:
        parts = work.parts("Square numbers", partial(open_squarer, log), numbers)
        target.write_text(json.dumps([None if part is None else int(part["square"]) for part in parts]))
        return {"count": len(parts)}

    return DataSet(
        packages=packages,
        outputs=[
            Output("squares.json", {"revision": revision}, make, sources=packages[:1]),
            licence_page("LICENCES.md", revision, lambda work: table(("a", "b"), [("x|y", "z")])),
        ],
        licences={"one": "MIT", "two/part": "CC0-1.0"},
        tools={"reckoner": ("numpy",)},
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


def tried(log: Path) -> list[int]:
    return sorted(int(line) for path in log.glob("[0-9]*") for line in path.read_text().splitlines())


@pytest.mark.parametrize("workers", [1, 2])
def test_parts_come_in_order_from_any_number_of_processes(workers: int, log: Path, tmp_path: Path) -> None:
    build(squares(log, [3, -1, 2, 5]), tmp_path, progress=silent, workers=workers)
    assert json.loads((tmp_path / "squares.json").read_text()) == [9, None, 4, 25]
    assert tried(log) == [-1, 2, 3, 5]
    assert (str(os.getpid()) in os.listdir(log)) == (workers == 1)


def test_a_build_that_failed_continues_with_the_parts_that_are_left(log: Path, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match="13 is unlucky"):
            build(squares(log, [1, 2, 13, 4]), tmp_path, progress=silent, workers=1)
    assert tried(log) == [1, 2, 13, 13]
    assert not (tmp_path / "MANIFEST.json").exists()
    (log / "lucky").touch()
    build(squares(log, [1, 2, 13, 4]), tmp_path, progress=silent, workers=1)
    assert tried(log) == [1, 2, 4, 13, 13, 13]
    assert json.loads((tmp_path / "squares.json").read_text()) == [1, 4, 169, 16]
    assert not list((tmp_path / "cache").glob("squares-*"))


def test_errors_of_other_processes_are_raised_here(log: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="13 is unlucky"):
        build(squares(log, [13, 1]), tmp_path, progress=silent, workers=2)


def test_a_process_that_is_killed_is_an_error_in_one_sentence() -> None:
    with pytest.raises(DataError, match="a worker process was killed"):
        list(run_tasks(start_and_die, [1, 2], 2))


def start_and_die(stack: object) -> Callable[[int], None]:
    return os._exit


def test_only_what_is_missing_damaged_or_of_other_settings_is_made_again(log: Path, tmp_path: Path) -> None:
    def count(data_set: DataSet, *, force: bool = False) -> int:
        before = len(tried(log))
        build(data_set, tmp_path, progress=silent, force=force, workers=1)
        return len(tried(log)) - before

    numbers = [1, 2]
    assert [count(squares(log, numbers)) for _ in range(2)] == [2, 0]
    (tmp_path / "squares.json").write_text("damaged")
    assert count(squares(log, numbers)) == 2
    assert count(squares(log, numbers, revision=2)) == 2
    assert count(squares(log, numbers, revision=2), force=True) == 2


def test_the_manifest_names_the_packages_licences_and_tools_of_each_file(apt: Apt, log: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        apt.serve(name, {f"usr/share/doc/{name}/copyright": name.encode()})
    build(squares(log, [1], packages=("one", "two")), tmp_path, progress=silent, workers=1)
    files = json.loads((tmp_path / "MANIFEST.json").read_text())["files"]
    entry = files["squares.json"]
    assert (set(entry["packages"]), entry["licences"], entry["count"]) == ({"one"}, {"one": "MIT"}, 1)
    assert entry["reckoner"] == {"numpy": np.__version__}
    assert set(files["LICENCES.md"]["packages"]) == {"one", "two"}
    assert files["LICENCES.md"]["licences"] == {"one": "MIT", "two/part": "CC0-1.0"}
    assert (tmp_path / "licences" / "two.txt").read_text() == "two"
    assert (tmp_path / "LICENCES.md").read_text() == "| a | b |\n|---|---|\n| x/y | z |\n"


def test_a_missing_tool_is_found_before_anything_is_downloaded(apt: Apt, tmp_path: Path) -> None:
    def fail() -> None:
        raise DataError("no hammer")

    with pytest.raises(DataError, match="no hammer"):
        build(DataSet(["one"], [Output("x", {}, lambda work, target: {})], {}, check=fail), tmp_path)
    assert apt.calls == []


def test_progress_is_the_share_of_the_step_that_is_done(log: Path, tmp_path: Path) -> None:
    seen: list[tuple[float | None, str]] = []
    build(squares(log, [1, 2, 3, 4]), tmp_path, progress=lambda *told: seen.append(told), workers=1)
    assert seen == [(share, "Square numbers") for share in (0, 0.25, 0.5, 0.75, 1)]


def test_the_command_line_offers_every_data_set() -> None:
    literal, *_ = get_args(get_type_hints(command, include_extras=True)["name"])
    assert get_args(literal) == tuple(DATA_SETS)
