"""The command line, `perceiver COMMAND`: results on standard output, progress on standard error.

What is wrong with an input is said in one sentence, with exit code 2. Whatever takes time to import is imported by the
command that needs it, so that help is quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ..installation import package_version
from . import (
    ablate,
    checkpoints,
    compare,
    convert,
    data,
    dataset,
    encoding,
    erase,
    explain,
    faithfulness,
    fetch,
    latents,
    maps,
    patching,
    permute,
    predict,
    region,
    scan,
    serve,
    split,
    sweep,
    tartan,
    training,
)
from .arguments import ISOLATE, add_to_commands
from .console import Commands, examples

__all__ = ["app", "main"]

app = typer.Typer(
    cls=Commands,
    name="perceiver",
    help="Perceiver Lens: what trained Perceivers answer, and what they read to get there.",
    epilog=examples("perceiver app", "perceiver predict photo.jpg", "perceiver maps photo.jpg -o maps"),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(package_version())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    isolate: Annotated[
        bool,
        typer.Option(
            "--isolate",
            envvar="PERCEIVER_ISOLATE",
            help="Decode files in a worker process with limits on memory and time, for files of strangers.",
        ),
    ] = False,
) -> None:
    ISOLATE.set(isolate)


for part in (
    serve,
    predict,
    maps,
    scan,
    ablate,
    erase,
    sweep,
    permute,
    compare,
    encoding,
    tartan,
    latents,
    patching,
    region,
    split,
    explain,
    faithfulness,
    dataset,
    convert,
    fetch,
    training,
):
    add_to_commands(part.app)
    app.add_typer(part.app)
app.add_typer(checkpoints.app, name="checkpoints")
app.add_typer(data.app, name="data")


def main() -> None:
    """The entry point `perceiver`."""
    app(prog_name="perceiver")
