"""Options and arguments that several commands take, and what the texts given for them mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from .. import modalities
from ..analysis.methods import Fill

# The library's own list, written out so that help does not wait for torch; a test keeps them the same.
Kind = Literal["probability", "score", "value"]

CHECKPOINT_HELP = "A checkpoint's name, its folder, or a hub id."

Files = Annotated[list[Path], typer.Argument(help="Files to read.", show_default=False)]
File = Annotated[Path, typer.Argument(help="File to read.", show_default=False)]
OptionalFile = Annotated[Path | None, typer.Argument(help="File to read.", show_default=False)]
Checkpoint = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        "-c",
        help="A checkpoint's name, its folder, or a hub id (owner/name); by default the first that comes with the "
        "project for files of this sort.",
        show_default=False,
    ),
]
Checkpoints = Annotated[
    list[str],
    typer.Option(
        "--checkpoint",
        "-c",
        help="A checkpoint's name, its folder, or a hub id; once for each of those to compare.",
        show_default=False,
    ),
]
Read = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help=f"How to read the file. {modalities.options_help()}",
        show_default=False,
    ),
]
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
Head = Annotated[int | None, typer.Option(min=1, help="One head, from 1, in place of their mean.")]
Part = Annotated[
    str,
    typer.Option(
        metavar="PARTS",
        help="The scores of some parts of the input's rows alone, and the softmax of these: content, position, axis:1, "
        "x1 (a raw coordinate), b1:3 or b1:3-16 (bands of an axis), content:2, component:1-8; several with commas.",
        show_default=False,
    ),
]
HowFilled = Annotated[Fill, typer.Option(help="What takes the place of what goes.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the order of what is shuffled.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder to write files to.", show_default=False)
]
Formats = Annotated[
    str, typer.Option("--format", metavar="LIST", help="With --out: any of png, npz, json, with commas.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
HeldOut = Annotated[
    bool, typer.Option("--held-out", help="Over held-out examples of the checkpoint's data, in place of a file.")
]
Most = Annotated[int, typer.Option(min=1, help="With --held-out: at most so many examples, evenly spread.")]

FORMATS = ("png", "npz", "json")


def reading_options(pairs: Sequence[str] | None) -> dict[str, str]:
    """Options for reading a file, given as NAME=VALUE. Raises BadParameter for anything else."""
    chosen = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise typer.BadParameter(f"--read {pair!r} has to be NAME=VALUE, such as start=12.5 or up=z")
        chosen[name] = value
    return chosen


def listed(text: str, known: Sequence[str], option: str = "--format") -> list[str]:
    """The words that are listed with commas between them, in the order of `known`. Raises BadParameter for others."""
    chosen = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = [part for part in chosen if part not in known]
    if unknown or not chosen:
        raise typer.BadParameter(f"{option} {text!r} has to be one or more of {', '.join(known)}, with commas")
    return [form for form in known if form in chosen]


def from_zero(number: int | None) -> int | None:
    """A number that people count from 1 as the library counts it."""
    return None if number is None else number - 1


def element_at(text: str, shape: Sequence[int]) -> int:
    """An input element, from 0: by its number from 1, or by one number from 1 for each axis, with commas.

    Raises BadParameter for anything else.
    """
    parts = [part.strip() for part in text.split(",")]
    total = math.prod(shape)
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


def not_both(as_csv: bool, as_json: bool) -> None:
    """Raises BadParameter where two forms of one result are asked for."""
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")


def file_or_held_out(file: Path | None, checkpoint: str | None, held_out: bool) -> None:
    """Raises BadParameter unless there is a file to read, or held-out examples of a checkpoint."""
    if (file is None) != held_out:
        raise typer.BadParameter("it takes a file to read, or --held-out")
    if held_out and checkpoint is None:
        raise typer.BadParameter("--held-out needs a checkpoint: -c NAME")
