"""`perceiver convert`: writes a checkpoint of another project in this project's format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..progress import progress_bar
from .arguments import Arguments, Revision, Set, given_options, isolating
from .console import examples, reason

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
    from ..checkpoints import HubOptions, inspect, load, resolve, save
    from ..errors import CheckpointError

    options = given_options(given, settings)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise CheckpointError(f"{folder} is not empty", "name a new folder")
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be used: {reason(error)}") from error
    with progress_bar() as progress:
        location = resolve(source, HubOptions(revision=revision), progress=progress)
        about = inspect(location, options=options, workers=isolating())
        model = load(location, options=options, workers=isolating(), progress=progress)
        commit = f", revision {about.revision}" if about.revision else ""
        origin = [
            f"Converted from {about.source}{commit} ({about.title}).",
            *filter(None, (about.credit, about.origin)),
        ]
        try:
            save(model, folder, origin=[*origin, *about.notes])
        except OSError as error:
            raise CheckpointError(f"{folder} cannot be written: {reason(error)}") from error
    typer.echo(f"{folder}: {about.parameters:,} parameters of {about.title}", err=True)
