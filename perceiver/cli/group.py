"""What all commands share: how they end, how help shows examples, where progress goes, how files are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from ..errors import InputError, PerceiverError

if TYPE_CHECKING:
    from rich.progress import Progress

BAD_INPUT = 2


class Commands(TyperGroup):
    """A group of commands that ends with one sentence and exit code 2 when the input is at fault."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PerceiverError as error:
            complain(error)
            raise typer.Exit(BAD_INPUT) from error


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\n".join(("\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)))


def complain(error: PerceiverError) -> None:
    """Says on standard error what was wrong."""
    typer.echo(f"perceiver: {error}", err=True)


def print_json(value: Any) -> None:
    """Writes a result as JSON to standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress bars on standard error, gone when done; nothing where standard error is no terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        yield bars


@contextmanager
def fetching() -> Iterator[Callable[[float | None, str], None]]:
    """A progress bar for what says itself how far it has come, as `perceiver.load` does; it appears with the first
    word."""
    with progress() as bars:
        task = bars.add_task("", total=None, visible=False)

        def told(share: float | None, words: str) -> None:
            bars.update(
                task, description=words, total=None if share is None else 1.0, completed=share or 0.0, visible=True
            )

        yield told


def read_file(path: Path, max_bytes: int) -> bytes:
    """The bytes of an input file. Raises InputError when it cannot be read or is larger than `max_bytes`."""
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(f"{path} has {size / 2**20:,.1f} MB; at most {max_bytes / 2**20:,.0f} MB can be read")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from error


def write_file(path: Path, data: bytes) -> None:
    """Writes a result, making its folder. Raises InputError when that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {reason(error)}") from error


def reason(error: OSError) -> str:
    """Why the system refused, without its number and path."""
    return (error.strerror or type(error).__name__).lower()
