"""`perceiver predict`: the classes that a checkpoint finds most probable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import modalities
from .group import BAD_INPUT, examples, print_json
from .opened import Openings, choices, for_each

app = typer.Typer()

Files = Annotated[list[Path], typer.Argument(help="Files to read.", show_default=False)]
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
Read = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help=f"How to read the file. {modalities.options_help()}",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]


@app.command(
    epilog=examples("perceiver predict photo.jpg --top 3", "perceiver predict talk.mp3 -c audio-mel --read start=12.5")
)
def predict(
    files: Files,
    checkpoint: Checkpoint = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to show.")] = 5,
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Show the most probable classes of each file."""
    options = choices(read or [])
    openings = Openings(checkpoint)

    def work(path: Path) -> dict[str, Any]:
        opened = openings(path)
        sample = opened.read(path, options)
        return {"file": str(path)} | opened.predictions(opened.trace(sample), sample, top)

    results, complete = for_each(files, "Predicting", work)
    if as_json:
        print_json(results)
    else:
        typer.echo("\n\n".join(_listing(result) for result in results))
    if not complete:
        raise typer.Exit(BAD_INPUT)


def _listing(result: dict[str, Any]) -> str:
    """One file's predictions as a small table, then what was changed about it."""
    rows = result["predictions"]
    width = max(len(row["label"]) for row in rows)
    lines = [f"{result['file']} ({result['model']})"]
    lines += [f"  {row['label']:{width}}  {row['probability']:6.1%}" for row in rows]
    return "\n".join(lines + [f"  note: {note}" for note in result["notes"]])
