"""The command line, `perceiver COMMAND`: results on standard output, progress on standard error.

What is wrong with an input is said in one sentence, with exit code 2. Whatever takes time to import is imported by the
command that needs it, so that help is quick.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Annotated

import typer

from ..installation import package_version
from .arguments import ISOLATE, add_to_commands
from .console import Commands, examples

__all__ = ["app", "main"]

FIRST = ("serve", "predict", "maps", "scan")
LAST = ("convert", "fetch", "training", "checkpoints", "data")
"""Modules whose commands the help lists before and after those of the analyses, which are in alphabetical order."""

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


def _add_commands() -> None:
    """Adds the commands of every module of this package that has an `app`."""
    modules = {module.name for module in pkgutil.iter_modules(__path__)} - {*FIRST, *LAST}
    for name in (*FIRST, *sorted(modules), *LAST):
        part = getattr(import_module(f".{name}", __name__), "app", None)
        if part is not None:
            add_to_commands(part)
            app.add_typer(part)


_add_commands()


def main() -> None:
    """The entry point `perceiver`."""
    app(prog_name="perceiver")
