"""What several commands ask in the same way, and how they answer: classes, names of results, places, tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigError
from .group import BAD_INPUT, print_json, write_file
from .opened import Opened

if TYPE_CHECKING:
    import numpy as np

    from ..sample import Sample

MANY = 20
"""Classes that a message names one by one."""

ClassName = Annotated[
    str | None,
    typer.Option(
        "--class",
        metavar="CLASS",
        help="The class to follow, by its name, a word of it or its number from 1; by default the most probable one.",
        show_default=False,
    ),
]
Against = Annotated[
    str | None,
    typer.Option(metavar="CLASS", help="A class to contrast it with, by name or number.", show_default=False),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder to write files to.", show_default=False)
]


def class_number(opened: Opened, text: str | None) -> int | None:
    """A class of a checkpoint, from 0, by its name, a word that only its name has, or its number from 1.

    Raises ConfigError for one it does not have.
    """
    if text is None:
        return None
    config = opened.model.config
    labels = config.labels or ()
    names, asked = [_words(label) for label in labels], _words(text)
    if asked in names:
        return names.index(asked)
    alike = [i for i, name in enumerate(names) if len(asked) == 1 and asked[0] in name]
    if len(alike) == 1:
        return alike[0]
    if text.isdecimal() and 1 <= int(text) <= config.num_classes:
        return int(text) - 1
    if alike:
        raise ConfigError(f"{opened.name} has several classes {text!r}: {', '.join(labels[i] for i in alike)}")
    have = (
        f"it has {', '.join(labels)}" if labels and len(labels) <= MANY else f"they run from 1 to {config.num_classes}"
    )
    raise ConfigError(f"{opened.name} has no class {text!r}; {have}")


def _words(label: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", label.casefold()))


def followed(opened: Opened, text: str | None, logits: np.ndarray) -> int:
    """The class that is followed: the one that is asked for, else the most probable one."""
    number = class_number(opened, text)
    return int(logits.argmax()) if number is None else number


def formats(text: str, known: Sequence[str]) -> list[str]:
    """The formats that are listed with commas between them, in their own order. Raises BadParameter for others."""
    chosen = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = [part for part in chosen if part not in known]
    if unknown or not chosen:
        raise typer.BadParameter(f"--format {text!r} has to be one or more of {', '.join(known)}, with commas")
    return [form for form in known if form in chosen]


def stems(files: Sequence[Path]) -> dict[Path, str]:
    """Names for the results of files, without endings; files of the same name are told apart by a number."""
    names: dict[Path, str] = {}
    for path in files:
        stem, number = path.stem, 2
        while stem in names.values():
            stem, number = f"{path.stem}-{number}", number + 1
        names[path] = stem
    return names


def places(sample: Sample) -> dict[str, Any]:
    """Where the elements of a sample lie and what it is, as the functions that write NPZ ask for it."""
    from .. import modalities

    return modalities.laid(sample) | {"sample": sample.name, "notes": sample.notes}


def axis_names(sample: Sample) -> tuple[str, ...]:
    """The names of a sample's axes; of free elements x, y, z."""
    from .. import modalities

    return modalities.axes(sample)


def at_place(text: str, shape: Sequence[int]) -> int:
    """An input element, from 0: by its number from 1, or by one number from 1 for each axis, with commas.

    Raises BadParameter for anything else.
    """
    parts = [part.strip() for part in text.split(",")]
    total = 1
    for n in shape:
        total *= n
    sizes = [total] if len(parts) == 1 else list(shape)
    if len(parts) != len(sizes) or not all(
        p.isdecimal() and 1 <= int(p) <= n for p, n in zip(parts, sizes, strict=True)
    ):
        each = f", or {len(shape)} numbers with commas up to {', '.join(map(str, shape))}" if len(shape) > 1 else ""
        raise typer.BadParameter(f"--at {text!r} has to be a number from 1 to {total}{each}")
    element = 0
    for part, n in zip(parts, sizes, strict=True):
        element = element * n + int(part) - 1
    return element


def json_file(value: Any) -> bytes:
    """A result as the bytes of a JSON file."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def save(out: Path, name: str, data: bytes) -> str:
    """Writes one result into a folder; returns where. Raises InputError when that is not possible."""
    write_file(out / name, data)
    return str(out / name)


def written(out: Path, wanted: Sequence[str], files: Callable[[str], Mapping[str, bytes]]) -> list[str]:
    """Writes the files of every format that is wanted, which `files` makes by name; returns where."""
    return [save(out, name, data) for form in wanted for name, data in files(form).items()]


def file_name(name: str) -> str:
    """A checkpoint's name as part of a file's."""
    return name.replace("/", "--")


def table(rows: Sequence[Sequence[str]], left: int = 1, indent: str = "  ") -> str:
    """Rows as lines in columns: the first `left` flush left, the others flush right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [f"{cell:{'<' if i < left else '>'}{widths[i]}}" for i, cell in enumerate(row)]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def change(value: float, digits: int) -> str:
    """A change with its sign; one that rounds to nothing is 0."""
    text = f"{value:+.{digits}f}"
    return text.removeprefix("-").removeprefix("+") if float(text) == 0 else text


def end(results: Sequence[tuple[dict[str, Any], str]], complete: bool, as_json: bool) -> None:
    """Ends a command that worked through files: writes its results to standard output, as JSON or as listings, each
    with what was changed on the way in and the files that were written. Exit code 2 where some file gave no result."""
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
