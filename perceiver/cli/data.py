"""`perceiver data`: the data sets that training needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .console import examples

app = typer.Typer(
    name="data",
    help="Make the data sets that training needs.",
    no_args_is_help=True,
    epilog=examples("perceiver data build image"),
)


@app.callback()
def data() -> None:
    """Make the data sets that training needs."""


@app.command(epilog=examples("perceiver data build image", "perceiver data build image -o /large/disk/data"))
def build(
    name: Annotated[
        Literal["audio", "clips", "digits", "image", "letters", "photographs", "points"],
        typer.Argument(help="The data set.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to build in; $PERCEIVER_DATA or data by default.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make anew what is there already.")] = False,
) -> None:
    """Build a data set from packages of free 3D models, textures, animations, sound banks, fonts and
    handwriting.

    A build that was stopped goes on where it was; one that is complete is left as it is.
    """
    from dataset_builders import DATA_SETS
    from dataset_builders import build as build_data_set

    from ..training.sets.base import default_folder

    typer.echo(build_data_set(DATA_SETS[name](), out or default_folder(), force=force))
