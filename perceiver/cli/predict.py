"""`perceiver predict`: the classes that a checkpoint finds most probable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..analysis.formatting import class_name
from ..progress import ProgressCallback
from .console import BAD_INPUT, examples, for_each, print_json
from .options import AsJson, Checkpoint, Files, Read
from .session import Session

app = typer.Typer()


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
    session = Session(checkpoint, read)

    def work(path: Path, progress: ProgressCallback) -> dict[str, Any]:
        return {"file": str(path)} | session.run(path).json(top=top)

    results, complete = for_each(files, "Predicting", work)
    if as_json:
        print_json(results)
    else:
        typer.echo("\n\n".join(_listing(result) for result in results))
    if not complete:
        raise typer.Exit(BAD_INPUT)


def _listing(result: dict[str, Any]) -> str:
    """One file's predictions as a small table, then what was changed when it was read."""
    rows = [(class_name(row["label"]), row["probability"]) for row in result["predictions"]]
    width = max(len(name) for name, _ in rows)
    lines = [f"{result['file']} ({result['model']})"]
    lines += [f"  {name:{width}}  {probability:6.1%}" for name, probability in rows]
    return "\n".join(lines + [f"  note: {note}" for note in result["notes"]])
