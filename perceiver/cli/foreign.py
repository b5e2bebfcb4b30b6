"""What commands ask about checkpoints of other projects: constructor arguments, and a revision on the hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

Revision = Annotated[
    str | None, typer.Option("--revision", help="A branch, tag or commit on the hub.", show_default=False)
]
Arguments = Annotated[
    Path | None,
    typer.Option("--arguments", help="A JSON file of what the checkpoint does not tell.", show_default=False),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="One such argument or switch as NAME=VALUE; may be repeated.", show_default=False),
]


def arguments(path: Path | None, pairs: Sequence[str] | None) -> dict[str, Any]:
    """Arguments from a JSON file, then those given one by one. Raises CheckpointError or BadParameter."""
    from ..checkpoints.files import read_json

    values = read_json(path) if path else {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not (name and equals and text):
            raise typer.BadParameter(f"--set {pair!r} has to be NAME=VALUE, such as cross_heads=1")
        values[name] = _value(text)
    return values


def _value(text: str) -> Any:
    """Numbers, true and false, and lists as JSON writes them; anything else is a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
