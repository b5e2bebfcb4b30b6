"""Numbers and tables of results as markdown text."""

from __future__ import annotations

from collections.abc import Iterable

from .results import HeldOut


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
