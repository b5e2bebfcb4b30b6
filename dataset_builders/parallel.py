"""Independent tasks, done by a pool of processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from typing import Any, TypeVar

from perceiver.errors import DataError

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_tasks(
    start: Callable[[ExitStack], Callable[[Task], Result]], tasks: Sequence[Task], workers: int
) -> Iterator[Result]:
    """The results of the tasks, as they are completed.

    `start` is called once in each process with a stack for what must be closed at the end, and returns the function
    that is called with each task. It, the tasks and the results must be picklable, unless `workers` is 1: then all is
    done in this process. Processes are spawned, because libraries for graphics and sound do not survive a fork.

    Raises DataError when a process was killed. What a task raises is raised here, and tasks that have not begun are
    dropped.
    """
    if workers == 1 or len(tasks) <= 1:
        with ExitStack() as stack:
            function = start(stack) if tasks else None
            for task in tasks:
                assert function is not None
                yield function(task)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), context, _Process.set_up, (start,)) as pool:
        futures = [pool.submit(_Process.do, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise DataError("a worker process was killed, perhaps for lack of memory; start the build again") from None
        finally:
            pool.shutdown(cancel_futures=True)


class _Process:
    """What a worker process holds: how its function is started, and the function once it is."""

    start: Callable[[ExitStack], Callable[[Any], Any]]
    function: Callable[[Any], Any] | None = None
    stack = ExitStack()  # never closed: what it holds ends with the process

    @classmethod
    def set_up(cls, start: Callable[[ExitStack], Callable[[Any], Any]]) -> None:
        cls.start = start

    @classmethod
    def do(cls, task: Any) -> Any:
        """Does a task; the first one starts the function, so that its errors come back like those of a task."""
        if cls.function is None:
            cls.function = cls.start(cls.stack)
        return cls.function(task)
