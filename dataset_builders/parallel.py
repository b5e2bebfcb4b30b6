"""Runs independent tasks in a pool of processes."""

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
    """Yields the results of the tasks as they complete.

    `start` is called once in each process with an exit stack for resources, and returns the function that is called
    with each task. It, the tasks and the results must be picklable. With one worker, tasks run in this process.
    Processes are spawned, because libraries for graphics and sound are not safe to fork.

    Raises DataError if a process was killed. Exceptions of tasks are raised here, and pending tasks are cancelled.
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
    """State of a worker process: the start function, and the task function that it returned."""

    start: Callable[[ExitStack], Callable[[Any], Any]]
    function: Callable[[Any], Any] | None = None
    stack = ExitStack()  # never closed: resources are freed when the process ends

    @classmethod
    def set_up(cls, start: Callable[[ExitStack], Callable[[Any], Any]]) -> None:
        cls.start = start

    @classmethod
    def do(cls, task: Any) -> Any:
        """Runs a task. The first one calls the start function, so that its errors are raised like those of a task."""
        if cls.function is None:
            cls.function = cls.start(cls.stack)
        return cls.function(task)
