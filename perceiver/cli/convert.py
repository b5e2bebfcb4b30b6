"""`perceiver convert`: a checkpoint of another project, written in this one's format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import examples, progress_bar, reason
from .foreign import Arguments, Revision, Set, arguments

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver convert deepmind/vision-perceiver-fourier my/perceiver-fourier",
        "perceiver convert model.ckpt my/mnist --set num_self_attention_heads=8",
        "perceiver convert perceiver.pt my/model --arguments constructor.json",
    )
)
def convert(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A folder, a weights file, or a hub id owner/name.")],
    folder: Annotated[Path, typer.Argument(metavar="DST", help="The folder to write; it must be new or empty.")],
    revision: Revision = None,
    given: Arguments = None,
    settings: Set = None,
) -> None:
    """Write a checkpoint of another project as model.safetensors and config.json of this one."""
    from ..errors import CheckpointError
    from ..loading import inspect, load

    chosen = arguments(given, settings)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise CheckpointError(f"{folder} is not empty; name a new folder")
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be used: {reason(error)}") from error
    with progress_bar() as told:
        found = inspect(source, revision=revision, arguments=chosen, told=told)
        model = load(source, revision=revision, arguments=chosen, told=told)
        commit = f", revision {found.revision}" if found.revision else ""
        origin = [f"Converted from {found.source}{commit} ({found.title}).", *([found.credit] if found.credit else [])]
        try:
            model.save_pretrained(folder, origin=[*origin, *found.notes])
        except OSError as error:
            raise CheckpointError(f"{folder} cannot be written: {reason(error)}") from error
    typer.echo(f"{folder}: {found.parameters:,} parameters of {found.title}", err=True)
