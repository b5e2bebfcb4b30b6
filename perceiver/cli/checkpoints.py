"""`perceiver checkpoints`: lists the bundled checkpoints, shows and verifies their cards, and says what any one is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from .arguments import Arguments, Revision, Set, given_options, isolating
from .console import examples, print_json, progress_bar, progress_bars

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
    name: Annotated[str | None, typer.Argument(help="Show this checkpoint's card.", show_default=False)] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check weights against the SHA-256 in their cards.")] = False,
    write_readme: Annotated[
        Path | None,
        typer.Option(help="Write the table of checkpoints into this file, between its marks.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as JSON.")] = False,
) -> None:
    """List the checkpoints here, or show one's card."""
    from ..checkpoints import BundledCheckpoints
    from ..checkpoints.cards.tables import update_readme

    store = BundledCheckpoints()
    if write_readme is not None:
        rows = [(one, store.config(one), store.card(one).results) for one in store.names()]
        changed = update_readme(write_readme, rows)
        typer.echo(f"{write_readme}: {'table written' if changed else 'up to date'}", err=True)
        return
    chosen = store.names() if name is None else (name,)
    if verify:
        _verify(store, chosen)
    if as_json:
        described = [_described(store, one) for one in chosen]
        print_json(described if name is None else described[0])
    elif name is not None and not verify:
        typer.echo(store.card(name).markdown, nl=False)
    else:
        _list(store, chosen)


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


def _verify(store: BundledCheckpoints, names: tuple[str, ...]) -> None:
    from ..checkpoints.cards.card import verify

    with progress_bars() as bars:
        for name in bars.track(names, description="Reading weights"):
            verify(store.folder(name))


def _described(store: BundledCheckpoints, name: str) -> dict[str, Any]:
    results = store.card(name).results
    config = store.config(name)
    return {
        "name": name,
        "path": str(store.folder(name)),
        "config": config.to_dict(),
        "results": None if results is None else results.to_dict(),
    }


def _list(store: BundledCheckpoints, names: tuple[str, ...]) -> None:
    width = max((len(name) for name in names), default=0)
    for name in names:
        results, config = store.card(name).results, store.config(name)
        reads = f"{config.modality} {' × '.join(map(str, config.input_shape))}, {config.positions.phrase}"
        reached = ""
        if results is not None:
            low, high = results.held_out.interval
            reached = f", {results.held_out.accuracy:.1%} held out ({low:.1%} to {high:.1%})"
        typer.echo(f"{name:{width}}  {reads}, {config.num_classes} classes{reached}")
