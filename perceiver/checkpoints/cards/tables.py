"""Numbers and tables as markdown text, and the README's table of checkpoints."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...config import PerceiverConfig
from ...errors import CheckpointError, InputError
from .results import HeldOut, Results

BEGIN, END = "<!-- checkpoints:begin -->", "<!-- checkpoints:end -->"
_COLUMNS = (
    *("Checkpoint", "Input", "Positions", "Parameters", "Held-out accuracy (95 % interval)", "Balanced"),
    *("Chance", "Other seeds", "Training"),
)


Row = tuple[str, PerceiverConfig, Results | None]
"""A checkpoint's name, configuration and results."""


def percent(share: float) -> str:
    """A share as per cent with one decimal."""
    return f"{100 * share:.1f} %"


def with_interval(held_out: HeldOut) -> str:
    """The accuracy and its 95 % interval, in per cent."""
    low, high = held_out.interval
    return f"{percent(held_out.accuracy)} ({100 * low:.1f}–{100 * high:.1f})"


def duration(seconds: float) -> str:
    """Hours and minutes."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The lines of a table; line breaks and bars inside a cell cannot break it."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    return [line(head), line("---" for _ in head), *(line(row) for row in rows)]


def checkpoint_table(checkpoints: Iterable[Row]) -> str:
    """Checkpoints as a markdown table, sorted by modality. Raises CheckpointError when one has no results."""
    rows = sorted(checkpoints, key=lambda row: row[1].modality)
    return "\n".join(table(_COLUMNS, [_cells(*row) for row in rows]))


def update_readme(path: Path, checkpoints: Iterable[Row]) -> bool:
    """Writes the table between the two marks of a README; returns whether anything changed.

    Raises InputError when the file cannot be read or written or lacks a mark.
    """
    try:
        text = path.read_text(encoding="utf-8")
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not (begin and end):
            raise InputError(f"{path} lacks the marks {BEGIN} and {END}, between which the table is written")
        updated = f"{before}{BEGIN}\n{checkpoint_table(checkpoints)}\n{END}{after}"
        if updated != text:
            path.write_text(updated, encoding="utf-8", newline="\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read and written: {error.strerror or type(error).__name__}") from error
    return updated != text


def _cells(name: str, config: PerceiverConfig, results: Results | None) -> tuple[str, ...]:
    if results is None:
        raise CheckpointError(f"{name} has no results, so the table of checkpoints cannot be written")
    return (
        f"`{name}`",
        config.modality,
        config.positions_label,
        f"{results.parameters:,}",
        with_interval(results.held_out),
        percent(results.held_out.balanced_accuracy),
        percent(results.held_out.chance),
        ", ".join(percent(accuracy) for accuracy in results.seeds.values()) or "–",
        duration(results.budget.seconds),
    )
