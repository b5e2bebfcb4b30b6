"""How long work reports where it is: one callback type for the library, the command line and the app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

ProgressCallback = Callable[[float | None, str], None]
"""Called with the share of the work that is done, from 0 to 1 (None while it is not known), and what is being done.

It may raise to stop the work; what was computed so far is lost unless the function yields partial results.
"""


def ignore(share: float | None, text: str) -> None:
    """The callback of work that nobody watches."""


def portion(progress: ProgressCallback, start: float, stop: float, text: str = "") -> ProgressCallback:
    """The callback of one part of some work, which takes the share of the whole from `start` to `stop`.

    text  what is being done, in place of what the part itself says
    """

    def report(share: float | None, words: str) -> None:
        progress(None if share is None else start + share * (stop - start), text or words)

    return report


@contextmanager
def progress_bar() -> Iterator[ProgressCallback]:
    """A callback that draws one progress bar on standard error, which appears with the first report and is gone when
    the work is done. Draws nothing where standard error is no terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", visible=False)

        def report(share: float | None, text: str) -> None:
            bars.update(
                task, description=text, total=None if share is None else 1.0, completed=share or 0.0, visible=True
            )

        yield report


@contextmanager
def progress_bars() -> Iterator[ProgressCallback]:
    """A callback that draws a progress bar on standard error for each message, with the time left; the bars stay."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(share: float | None, message: str) -> None:
            if message not in tasks:
                tasks[message] = bars.add_task(message, total=None)
            bars.update(tasks[message], total=None if share is None else 1.0, completed=share or 0.0)

        yield report
