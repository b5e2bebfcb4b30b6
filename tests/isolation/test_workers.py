"""Worker processes: results and errors are those of a call here, and no function harms more than its own call."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from perceiver.errors import CheckpointError, ConfigError, InputError, PerceiverError
from perceiver.isolation import Limits, WorkerError, WorkerExpiredError, Workers, workers
from tests.isolation import tasks

MEGABYTE = 1 << 20
LIMITS = Limits(memory=200 * MEGABYTE, output=32 * MEGABYTE, disk=8 * MEGABYTE, seconds=20, seconds_per_megabyte=1)
TASKS = "tests.isolation.tasks"


@pytest.fixture(scope="module")
def pool() -> Iterator[Workers]:
    pool = Workers(LIMITS, preload=[TASKS])
    yield pool
    pool.close()


@pytest.fixture
def hurried() -> Iterator[Workers]:
    pool = Workers(Limits(memory=200 * MEGABYTE, seconds=1.0, seconds_per_megabyte=0))
    yield pool
    pool.close()


def call(pool: Workers, name: str, data: bytes = b"", **arguments: object) -> object:
    return pool.call(f"{TASKS}:{name}", data, arguments, classes=(tasks.Result,))


def failure(pool: Workers, name: str, **arguments: object) -> str:
    with pytest.raises(WorkerError) as raised:
        call(pool, name, **arguments)
    assert "\n" not in str(raised.value)
    # The next call is none the worse.
    assert call(pool, "count", b"abc").length == 3  # type: ignore[attr-defined]
    return str(raised.value)


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def gone(*pids: int) -> bool:
    until = time.monotonic() + 60
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(alive, pids))


def children(pid: int) -> list[int]:
    """All processes below one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry.name), *children(int(entry.name))]
    return found


def test_a_result_is_that_of_a_call_here(pool: Workers) -> None:
    arguments = {"shape": (3, 4), "names": ["a", "ö"], "much": {"x": 0.1, "y": None}, "flag": True, "nan": float("inf")}
    there, here = call(pool, "count", b"\x00\xff", **arguments), tasks.count(b"\x00\xff", **arguments)
    assert isinstance(there, tasks.Result)
    assert (there.length, there.nested) == (here.length, here.nested)
    assert type(there.nested[0]["shape"]) is tuple
    assert there.values.dtype == here.values.dtype
    np.testing.assert_array_equal(there.values, here.values)
    there.values[0] = 1  # as an array that was made here


@pytest.mark.parametrize("name", ["segfault", "abort", "leave"])
def test_a_crash_costs_one_call(pool: Workers, name: str, caplog: pytest.LogCaptureFixture) -> None:
    how = {"segfault": "SIGSEGV", "abort": "SIGABRT", "leave": "exit status 7"}[name]
    with caplog.at_level(logging.WARNING):
        assert failure(pool, name) == f"its decoder crashed ({how}); the file is probably damaged"
    assert how in caplog.text


def test_memory_is_limited(pool: Workers) -> None:
    assert call(pool, "allocate", megabytes=100) == 1
    assert failure(pool, "allocate") == "decoding it takes more than the 200 MB of memory that are allowed"
    assert "SIGABRT" in failure(pool, "allocate_natively")
    failure(pool, "share")


def test_a_worker_that_the_system_kills_had_too_little_memory(pool: Workers) -> None:
    """As the kernel does where a machine runs out of memory."""
    killer = threading.Timer(0.5, lambda: [os.kill(pid, signal.SIGKILL) for pid in children(pool.template_pid or 0)])
    killer.start()
    assert "200 MB of memory" in failure(pool, "loop")


def test_time_is_limited(hurried: Workers) -> None:
    call(hurried, "count")
    start = time.monotonic()
    with pytest.raises(WorkerError, match=r"takes longer than the 1 s that are allowed"):
        call(hurried, "loop")
    assert 1.0 <= time.monotonic() - start < 30
    assert len(children(hurried.template_pid or 0)) <= 2  # one made ready, one that may be ending


def test_output_is_limited(pool: Workers) -> None:
    assert isinstance(call(pool, "flood", megabytes=20), np.ndarray)
    assert failure(pool, "flood") == "it decodes to more than the 32 MB that are allowed"


def test_temporary_files_are_limited_and_deleted(pool: Workers) -> None:
    assert "OSError" in failure(pool, "write_much")
    file = Path(str(call(pool, "leave_file", b"points")))
    until = time.monotonic() + 60
    while file.parent.parent.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not file.parent.parent.exists()


def test_what_a_worker_started_ends_with_it(pool: Workers) -> None:
    other = call(pool, "start_another")
    assert isinstance(other, int)
    assert gone(other)


def test_a_bug_is_logged_and_refused(pool: Workers, caplog: pytest.LogCaptureFixture) -> None:
    assert failure(pool, "fail") == "its decoder failed with ZeroDivisionError; the file is probably damaged"
    assert "in fail" in caplog.text
    assert "CodecError" in failure(pool, "forge")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("input", InputError), ("config", ConfigError), ("checkpoint", CheckpointError), ("own", tasks.UncertainError)],
)
def test_errors_are_those_of_a_call_here(pool: Workers, kind: str, expected: type[PerceiverError]) -> None:
    with pytest.raises(PerceiverError) as here:
        tasks.refuse(b"", kind)
    with pytest.raises(PerceiverError) as there:
        call(pool, "refuse", kind=kind)
    assert type(there.value) is type(here.value) is expected
    assert str(there.value) == str(here.value)
    assert vars(there.value) == vars(here.value)
    assert there.value.args == here.value.args


def test_each_file_has_a_worker_of_its_own(pool: Workers) -> None:
    def pid(key: str) -> object:
        return pool.call(f"{TASKS}:process", b"", {}, key=key)

    first = pid("a")
    assert pid("a") == first
    assert pid("") != first
    assert pid("b") != first
    assert pid("a") == first
    pid("c")  # one more than are kept
    assert pid("b") != first


def test_a_kept_worker_that_died_is_replaced(pool: Workers) -> None:
    first = pool.call(f"{TASKS}:process", b"", {}, key="kept")
    assert isinstance(first, int)
    os.kill(first, signal.SIGKILL)
    assert pool.call(f"{TASKS}:process", b"", {}, key="kept") != first


def test_secrets_of_the_environment_stay_here(pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    pool.close()
    found = call(pool, "environment")
    assert isinstance(found, dict)
    assert "HF_TOKEN" not in found


def test_stopping_ends_the_work(pool: Workers) -> None:
    class Stopped(BaseException):
        pass

    end = time.monotonic() + 0.3

    def wait() -> None:
        if time.monotonic() > end:
            raise Stopped

    with pytest.raises(Stopped):
        pool.call(f"{TASKS}:loop", b"", {}, wait=wait)
    assert time.monotonic() < end + 20
    busy = pool.call(f"{TASKS}:process", b"", {})
    assert isinstance(busy, int)
    assert gone(busy)


def test_eight_threads_get_their_own_results(pool: Workers) -> None:
    def work(number: int) -> bool:
        fine = True
        for turn in range(12):
            data = bytes([number]) * (1000 + 100 * turn)
            key = f"{number}" if turn % 2 else ""
            found = pool.call(f"{TASKS}:count", data, {"n": number}, key=key, classes=(tasks.Result,))
            fine &= (
                found.length == len(data) and bool((found.values == number).all()) and found.nested == ({"n": number},)
            )
        return fine

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))


def test_a_stream_is_that_of_a_call_here(pool: Workers) -> None:
    stream = pool.stream(f"{TASKS}:numbers", b"", {"until": 5})
    assert [int(item[0]) for item in stream] == [0, 1, 2, 3, 4]
    crashing = pool.stream(f"{TASKS}:numbers", b"", {"until": 5, "crash_at": 3})
    with pytest.raises(WorkerError, match="SIGSEGV"):
        list(crashing)


def test_a_stream_that_is_left_ends_its_worker(pool: Workers) -> None:
    stream = pool.stream(f"{TASKS}:processes", b"", {})
    pid = int(next(stream)[0])
    assert alive(pid)
    stream.close()  # type: ignore[attr-defined]
    assert gone(pid)


def test_a_stream_that_nobody_reads_ends_and_says_so(pool: Workers) -> None:
    stream = pool.stream(f"{TASKS}:set_idle", b"", {"seconds": 0.3, "until": 20})
    next(stream)
    time.sleep(1.0)
    with pytest.raises(WorkerExpiredError):
        list(stream)


def test_requests_that_come_at_once_are_told_apart(pool: Workers) -> None:
    """The end of a worker is not answered, so that the template may find it and the next request in one piece."""
    left = [pool.stream(f"{TASKS}:processes", b"", {}) for _ in range(2)]
    ended = [int(next(stream)[0]) for stream in left]
    template = pool.template_pid
    assert template is not None
    os.kill(template, signal.SIGSTOP)
    for stream in left:
        stream.close()  # type: ignore[attr-defined]
    threading.Timer(0.5, os.kill, (template, signal.SIGCONT)).start()
    assert call(pool, "count", b"abc").length == 3  # type: ignore[attr-defined]
    assert pool.template_pid == template
    assert gone(*ended)


def test_a_worker_is_ready_before_it_is_asked_for(pool: Workers) -> None:
    pool.close()  # and with it the workers that other tests kept
    first = call(pool, "process")
    ready, until = list[int](), time.monotonic() + 60
    while (len(ready) != 1 or ready == [first]) and time.monotonic() < until:
        time.sleep(0.05)
        ready = children(pool.template_pid or 0)
    assert [call(pool, "process")] == ready


def test_a_template_that_died_is_replaced(pool: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.close()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pool.call(f"{TASKS}:leave_file", b"points", {}, key="kept")
    template = pool.template_pid
    assert template is not None
    os.kill(template, signal.SIGKILL)
    assert call(pool, "count", b"ab").length == 2  # type: ignore[attr-defined]
    assert pool.template_pid != template
    assert len(list(tmp_path.iterdir())) == 1  # that of the new one


def test_closing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pool = Workers(LIMITS)
    call(pool, "leave_file", b"points")
    pool.call(f"{TASKS}:process", b"", {}, key="kept")
    template = pool.template_pid
    assert template is not None
    assert list(tmp_path.iterdir()) != []
    below = children(template)
    pool.close()
    assert gone(template, *below)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    begun, temporary = tmp_path / "begun", tmp_path / "temporary"
    temporary.mkdir()
    code = (
        "from perceiver.isolation import Workers\n"
        f"Workers().call('{TASKS}:start_another_and_loop', {str(begun).encode()!r}, {{}})\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(temporary)})
    until = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < until:
        time.sleep(0.05)
    below = children(parent.pid)
    assert len(below) in (3, 4)  # the template, a worker, what it started, and perhaps one made ready
    parent.kill()
    parent.wait()
    assert gone(*below)
    assert list(temporary.iterdir()) == []


def test_a_hundred_calls_leave_memory_flat(pool: Workers) -> None:
    def resident(pid: int) -> int:
        # Not the private part: whether pages are shared depends on the worker that is forked ahead.
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss"))

    data = bytes(MEGABYTE)
    for turn in range(120):
        call(pool, "count", data)
        if turn == 19:
            before = resident(os.getpid()), resident(pool.template_pid or 0), len(os.listdir("/proc/self/fd"))
    after = resident(os.getpid()), resident(pool.template_pid or 0), len(os.listdir("/proc/self/fd"))
    assert after[0] - before[0] < 8_000
    assert after[1] - before[1] < 2_000
    assert after[2] == before[2]


def test_a_system_without_workers_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SUPPORTED", False)
    with pytest.raises(WorkerError, match="this system cannot"):
        call(Workers(), "count")
