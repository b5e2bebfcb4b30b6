"""`perceiver checkpoints`: lists the bundled checkpoints, shows and verifies their cards, and says what any one is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ..analysis.formatting import percent
from ..progress import progress_bar
from .arguments import Arguments, Revision, Set, given_options, isolating
from .console import examples, print_json

if TYPE_CHECKING:
    from ..checkpoints import BundledCheckpoints
    from ..checkpoints.formats import Option


class WithDefault(TyperGroup):
    """A group whose default command is `show`: `checkpoints image-fourier` shows its card."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="checkpoints",
    cls=WithDefault,
    help="List the checkpoints here, show one's card, or say what any checkpoint is.",
    epilog=examples("perceiver checkpoints", "perceiver checkpoints info deepmind/vision-perceiver-fourier"),
)


@app.command(
    "show",
    epilog=examples(
        "perceiver checkpoints",
        "perceiver checkpoints image-fourier",
        "perceiver checkpoints --verify",
        "perceiver checkpoints --write-readme README.md",
    ),
)
def show(
    name: Annotated[
        str | None, typer.Argument(help="Show the card of this checkpoint: its name or its folder.", show_default=False)
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Check weights against the SHA-256 in their cards and in analyses of data sets."),
    ] = False,
    write_readme: Annotated[
        Path | None,
        typer.Option(help="Write the table of checkpoints into this file, between its marks.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as JSON.")] = False,
) -> None:
    """List the checkpoints here, or show one's card."""
    from ..checkpoints import BundledCheckpoints
    from ..checkpoints.cards.card import read as read_card
    from ..checkpoints.cards.tables import update_readme

    store = BundledCheckpoints()
    if write_readme is not None:
        rows = [(one, store.config(one), store.card(one).results) for one in store.names()]
        changed = update_readme(write_readme, rows)
        typer.echo(f"{write_readme}: {'table written' if changed else 'up to date'}", err=True)
        return
    chosen = {one: _folder(store, one) for one in (store.names() if name is None else (name,))}
    if verify:
        _verify(chosen)
    if as_json:
        described = [_described(*one) | ({"verified": True} if verify else {}) for one in chosen.items()]
        print_json(described if name is None else described[0])
    elif verify:
        width = max((len(one) for one in chosen), default=0)
        for one in chosen:
            typer.echo(f"{one:{width}}  the weights have the SHA-256 that the card names")
    elif name is not None:
        typer.echo(read_card(chosen[name]).markdown, nl=False)
    else:
        _list(chosen)


@app.command(
    epilog=examples(
        "perceiver checkpoints info deepmind/vision-perceiver-fourier",
        "perceiver checkpoints info perceiver.pt --arguments constructor.json",
    )
)
def info(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="A name, a folder, a weights file, or a hub id owner/name.")
    ],
    revision: Revision = None,
    given: Arguments = None,
    settings: Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as JSON.")] = False,
) -> None:
    """Say what a checkpoint is, without reading its weights: format, shape, parameters, plan, encoding, licence."""
    from ..checkpoints import inspect

    with progress_bar() as progress:
        about = inspect(
            source,
            revision=revision,
            options=given_options(given, settings),
            workers=isolating(),
            progress=progress,
        )
    if as_json:
        print_json(about.to_dict())
        return
    rows = about.rows()
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        typer.echo(f"{name:{width}}  {value}")
    for note in about.notes:
        typer.echo(f"{'Note':{width}}  {note}")
    for option in about.options:
        chosen = about.values[option.name]
        typer.echo(f"{'Asks' if chosen is None else 'Takes':{width}}  {_as_set(option, chosen)}")


def _as_set(option: Option, value: object) -> str:
    """An option as it is given with --set."""
    choices = f" ({', '.join(map(str, option.choices))})" if option.choices else ""
    return f"--set {option.name}={'...' if value is None else json.dumps(value)}  {option.label}{choices}"


def _folder(store: BundledCheckpoints, name: str) -> Path:
    """The folder of a bundled checkpoint, or the one at this path. Raises CheckpointError where there is neither."""
    path = Path(name)
    return path if name not in store.names() and path.is_dir() else store.folder(name)


def _verify(folders: Mapping[str, Path]) -> None:
    from ..checkpoints.cards.card import verify
    from ..dataset import check

    with progress_bar() as progress:
        for i, folder in enumerate(folders.values()):
            progress(i / len(folders), "Reading weights")
            verify(folder)
            check(folder)


def _described(name: str, folder: Path) -> dict[str, Any]:
    from ..checkpoints.cards.results import read_results
    from ..checkpoints.folder import read_config

    results, config = read_results(folder), read_config(folder)
    return {
        "name": name,
        "path": str(folder),
        "config": config.to_dict(),
        "results": None if results is None else results.to_dict(),
    }


def _list(folders: Mapping[str, Path]) -> None:
    from ..checkpoints.cards.results import read_results
    from ..checkpoints.folder import read_config

    width = max((len(name) for name in folders), default=0)
    for name, folder in folders.items():
        results, config = read_results(folder), read_config(folder)
        reads = f"{config.modality} {' × '.join(map(str, config.input_shape))}, {config.positions_phrase}"
        reached = ""
        if results is not None:
            low, high = results.held_out.interval
            reached = f", {percent(results.held_out.accuracy)} held out ({percent(low)} to {percent(high)})"
        typer.echo(f"{name:{width}}  {reads}, {config.num_classes} classes{reached}")
