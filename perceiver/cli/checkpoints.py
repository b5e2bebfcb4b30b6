"""`perceiver checkpoints`: those that come with the project, their cards, and whether they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .group import examples, print_json, progress

if TYPE_CHECKING:
    from ..weights.store import Store

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver checkpoints",
        "perceiver checkpoints image-fourier",
        "perceiver checkpoints --verify",
        "perceiver checkpoints --write-readme README.md",
    )
)
def checkpoints(
    name: Annotated[str | None, typer.Argument(help="Show this checkpoint's card.", show_default=False)] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check weights against the SHA-256 in their cards.")] = False,
    write_readme: Annotated[
        Path | None,
        typer.Option(help="Write the table of checkpoints into this file, between its marks.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as JSON.")] = False,
) -> None:
    """List the checkpoints here, or show one's card."""
    from ..weights.overview import update_readme
    from ..weights.store import Store

    store = Store()
    if write_readme is not None:
        changed = update_readme(write_readme, store)
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


def _verify(store: Store, names: tuple[str, ...]) -> None:
    from ..weights.card import verify

    with progress() as bars:
        for name in bars.track(names, description="Reading weights"):
            verify(store.folder(name))


def _described(store: Store, name: str) -> dict[str, Any]:
    results = store.card(name).results
    config = store.config(name)
    return {
        "name": name,
        "path": str(store.folder(name)),
        "config": config.to_dict(),
        "results": None if results is None else results.to_dict(),
    }


def _list(store: Store, names: tuple[str, ...]) -> None:
    width = max((len(name) for name in names), default=0)
    for name in names:
        results, config = store.card(name).results, store.config(name)
        reads = f"{config.modality} {' × '.join(map(str, config.input_shape))}, {config.positions.kind} positions"
        reached = ""
        if results is not None:
            low, high = results.held_out.interval
            reached = f", {results.held_out.accuracy:.1%} held out ({low:.1%} to {high:.1%})"
        typer.echo(f"{name:{width}}  {reads}, {config.num_classes} classes{reached}")
