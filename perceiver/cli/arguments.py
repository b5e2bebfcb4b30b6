"""Options of commands that open checkpoints of other projects: a revision, and what their files do not say."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from ..checkpoints import Location
    from ..isolation import Workers

ISOLATE: ContextVar[bool] = ContextVar("isolate", default=False)
"""Whether the command that runs decodes files in worker processes."""


def isolating() -> Workers | None:
    """The worker processes in which checkpoints are unpickled; None where the command runs without any."""
    from ..lens.isolated import workers

    return workers() if ISOLATE.get() else None


Revision = Annotated[
    str | None, typer.Option("--revision", help="A branch, tag or commit on the hub.", show_default=False)
]
Arguments = Annotated[
    Path | None,
    typer.Option(
        "--arguments",
        metavar="FILE",
        help="A JSON file of what a checkpoint of another project does not tell.",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="One such argument or switch, or weights=SET for one of several sets in its file; may be repeated. "
        "'perceiver checkpoints info' lists them.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class _Given:
    """What the running command was given for its checkpoints; `several` if it opens more than one."""

    options: dict[str, Any] = field(default_factory=dict)
    several: bool = False


_given: ContextVar[_Given] = ContextVar("given", default=_Given())  # noqa: B039 - never changed in place


def given_options(path: Path | None, pairs: Sequence[str] | None) -> dict[str, Any]:
    """Options from a JSON file, then those given one by one. Raises CheckpointError or BadParameter."""
    from ..checkpoints.folder import read_json

    values = read_json(path, advice="--arguments names a JSON file") if path else {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not (name and equals and text):
            raise typer.BadParameter(f"--set {pair!r} has to be NAME=VALUE, such as cross_heads=1")
        values[name] = _value(text)
    return values


def options_for(location: Location) -> dict[str, Any]:
    """What the running command was given for a checkpoint.

    Where a command opens several, those of this project, which take no other options, are given `weights` alone, and
    that goes to those whose files hold several sets.
    """
    from ..checkpoints import inspect
    from ..checkpoints.weights import WEIGHTS

    given = _given.get()
    if not given.several or not given.options:
        return given.options
    about = inspect(location, workers=isolating())
    takes = {option.name for option in about.options}
    return {
        name: value
        for name, value in given.options.items()
        if (name in takes if name == WEIGHTS else about.family != "own")
    }


def add_to_commands(commands: typer.Typer) -> None:
    """Adds --arguments and --set to every command that has a parameter `checkpoint`; `options_for` tells what was
    given."""
    for command in commands.registered_commands:
        if command.callback and "checkpoint" in inspect.signature(command.callback).parameters:
            command.callback = _with_options(command.callback)


def _with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    hints = get_type_hints(function, include_extras=True)

    @functools.wraps(function)
    def run(*args: Any, arguments: Path | None = None, settings: list[str] | None = None, **named: Any) -> Any:
        checkpoint = named.get("checkpoint")
        several = not isinstance(checkpoint, str | None) and len(checkpoint) > 1
        token = _given.set(_Given(given_options(arguments, settings), several))
        try:
            return function(*args, **named)
        finally:
            _given.reset(token)

    own = inspect.signature(function)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in (("arguments", Arguments), ("settings", Set))
    ]
    kept = [one.replace(annotation=hints[name]) for name, one in own.parameters.items()]
    run.__signature__ = own.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {**hints, "arguments": Arguments, "settings": Set}
    return run


def _value(text: str) -> Any:
    """Numbers, true and false, and lists as JSON writes them; anything else is a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
