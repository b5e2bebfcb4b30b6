"""The table of the checkpoints that come with the project, as the README shows it."""

from __future__ import annotations

from pathlib import Path

from ..errors import CheckpointError, InputError
from . import markdown
from .markdown import duration, percent, with_interval
from .store import Store

BEGIN, END = "<!-- checkpoints:begin -->", "<!-- checkpoints:end -->"
_COLUMNS = (
    *("Checkpoint", "Input", "Positions", "Parameters", "Held-out accuracy (95 % interval)", "Balanced"),
    *("Chance", "Other seeds", "Training"),
)


def table(store: Store) -> str:
    """The store as a markdown table by sort of input, every number from its cards.

    Raises CheckpointError when one has none.
    """
    names = sorted(store.names(), key=lambda name: store.config(name).modality)
    return "\n".join(markdown.table(_COLUMNS, [_row(store, name) for name in names]))


def update_readme(path: Path, store: Store) -> bool:
    """Writes the table between the two marks of a README; returns whether anything changed.

    Raises InputError when the file cannot be read or written or lacks a mark.
    """
    try:
        text = path.read_text(encoding="utf-8")
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not (begin and end):
            raise InputError(f"{path} lacks the marks {BEGIN} and {END} that the table goes between")
        updated = f"{before}{BEGIN}\n{table(store)}\n{END}{after}"
        if updated != text:
            path.write_text(updated, encoding="utf-8", newline="\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read and written: {error.strerror or type(error).__name__}") from error
    return updated != text


def _row(store: Store, name: str) -> tuple[str, ...]:
    results = store.card(name).results
    if results is None:
        raise CheckpointError(f"{name} has no results, so the table of checkpoints cannot be written")
    config = store.config(name)
    return (
        f"`{name}`",
        config.modality,
        config.positions.label,
        f"{results.parameters:,}",
        with_interval(results.held_out),
        percent(results.held_out.balanced_accuracy),
        percent(results.held_out.chance),
        ", ".join(percent(accuracy) for accuracy in results.seeds.values()) or "–",
        duration(results.budget.seconds),
    )
