"""What commands write: tables and JSON on standard output, progress and errors on standard error, files in folders."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import typer
from typer.core import TyperGroup

from ..errors import ConfigError, IndexRangeError, InputError, PerceiverError, UnknownClassError
from ..progress import ProgressCallback, portion, progress_bar

BAD_INPUT = 2

LONGEST_PART = 100
"""Characters of the settings in a file's name; names have at most 255."""

Result = TypeVar("Result")


class Commands(TyperGroup):
    """A group of commands that ends with one sentence and exit code 2 when the input is at fault."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PerceiverError as error:
            print_error(error)
            raise typer.Exit(BAD_INPUT) from error


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\n".join(("\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)))


def print_error(error: PerceiverError, file: Path | None = None) -> None:
    """Writes an error to standard error, with indices from 1, as they are typed.

    file  that was worked on, for errors that do not name it
    """
    text = error.counted_from(1) if isinstance(error, IndexRangeError) else str(error)
    if isinstance(error, UnknownClassError):
        text += "; -c chooses another checkpoint, and 'perceiver checkpoints' lists them"
    where = f"{file}: " if file is not None and isinstance(error, ConfigError) else ""
    typer.echo(f"perceiver: {where}{text}", err=True)


def print_json(value: Any) -> None:
    """Writes a result as JSON to standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_notes(file: Path | str | None, notes: Iterable[str]) -> None:
    """Writes what was changed when a file was read to standard error, beside results that are made for programs."""
    for note in notes:
        typer.echo(f"{file}: {note}", err=True)


def for_each(
    files: Sequence[Path], what: str, work: Callable[[Path, ProgressCallback], Result]
) -> tuple[list[Result], bool]:
    """Works through files with a progress bar. The error of a file at fault is printed, and the file left out.

    Returns the results, and whether all files gave one.
    """
    results = []
    with progress_bar() as progress:
        for number, path in enumerate(files):
            progress(number / len(files), what)
            try:
                results.append(work(path, portion(progress, number / len(files), (number + 1) / len(files))))
            except PerceiverError as error:
                print_error(error, path)
    return results, len(results) == len(files)


def finish(results: Sequence[tuple[dict[str, Any], str]], complete: bool, as_json: bool) -> None:
    """Ends a command that worked through files: writes its results to standard output, as JSON or as listings, each
    with what was changed when the file was read and the files that were written. Exit code 2 where some file gave no
    result."""
    if as_json:
        print_json([result for result, _ in results])
    elif results:
        listings = (
            [listing, *(f"  note: {note}" for note in result["notes"]), *result.get("written", ())]
            for result, listing in results
        )
        typer.echo("\n\n".join("\n".join(lines) for lines in listings))
    if not complete:
        raise typer.Exit(BAD_INPUT)


def table(rows: Sequence[Sequence[str]], left: int = 1, indent: str = "  ") -> str:
    """Rows in columns, the first row their heads: the first `left` columns flush left, the others flush right.

    On a terminal the heads are bold; elsewhere the table is plain text.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", highlight=False)
    for i, head in enumerate(rows[0]):
        grid.add_column(Text(head), justify="left" if i < left else "right", no_wrap=True)
    for row in rows[1:]:
        grid.add_row(*(Text(cell) for cell in row))
    width = sum(max(cell_len(cell) for cell in column) + 2 for column in zip(*rows, strict=True))
    console = Console(width=width, force_terminal=sys.stdout.isatty())
    with console.capture() as capture:
        console.print(grid)
    return "\n".join((indent + line).rstrip() for line in capture.get().splitlines())


def signed(value: float, digits: int) -> str:
    """A change with its sign; one that rounds to nothing is 0."""
    text = f"{value:+.{digits}f}"
    return text.removeprefix("-").removeprefix("+") if float(text) == 0 else text


def reason(error: OSError) -> str:
    """Why the system refused, without its number and path."""
    return (error.strerror or type(error).__name__).lower()


def json_bytes(value: Any) -> bytes:
    """A result as the bytes of a JSON file."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def save(folder: Path, name: str, data: bytes) -> str:
    """Writes one result into a folder, which is made; returns where. Raises InputError when that is not possible."""
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {reason(error)}") from error
    return str(path)


def save_all(folder: Path, forms: Sequence[str], files: Callable[[str], Mapping[str, bytes]]) -> list[str]:
    """Writes the files of every format that is asked for, which `files` makes by name; returns where."""
    return [save(folder, name, data) for form in forms for name, data in files(form).items() if data]


def stems(files: Sequence[Path]) -> dict[Path, str]:
    """Names for the results of files, without endings; files of the same name are told apart by a number."""
    names: dict[Path, str] = {}
    for path in files:
        stem, number = path.stem, 2
        while stem in names.values():
            stem, number = f"{path.stem}-{number}", number + 1
        names[path] = stem
    return names


def file_part(name: str) -> str:
    """A checkpoint's name as part of a file's."""
    return name.replace("/", "--")


def settings_part(*read: str, **settings: Any) -> str:
    """The settings of a command that are not at their defaults as part of a file's name: ".latent-12.kind-score", so
    that two commands with other settings do not write the same files; "" where there are none.

    read      how files are read, as --read gives it
    settings  by the names of their options; None and False are defaults, and tuples are joined by hyphens
    """
    words = [re.sub(r"[^\w.+-]+", "-", pair) for pair in read]
    for name, value in settings.items():
        if value is None or value is False:
            continue
        parts = [] if value is True else [str(one) for one in (value if isinstance(value, tuple | list) else (value,))]
        words.append("-".join(re.sub(r"[^\w.+-]+", "-", part) for part in (name.strip("_").replace("_", "-"), *parts)))
    text = "".join(f".{word}" for word in words)
    if len(text) > LONGEST_PART:
        text = f"{text[: LONGEST_PART - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return text
