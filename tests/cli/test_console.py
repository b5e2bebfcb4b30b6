"""Tables, changes with their sign, and what a terminal sees beside a file."""

from __future__ import annotations

import io
import sys

import pytest

from perceiver.cli.console import signed, stems, table
from perceiver.cli.options import element_at, listed, reading_options

ROWS = [["", "bands", "[x]"], ["axis 1 × y", "12", "3,000"], ["[bold]z", "", "2"]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def by_hand(rows: list[list[str]], left: int, indent: str) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


@pytest.mark.parametrize(("left", "indent"), [(1, "  "), (2, "    ")])
def test_tables_are_plain_text_in_columns(left: int, indent: str) -> None:
    assert table(ROWS, left, indent) == by_hand(ROWS, left, indent)
    long = [["name", "n"], ["x" * 300, "1"]]
    assert table(long) == by_hand(long, 1, "  ")


def test_heads_are_bold_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal())
    first, *rest = table(ROWS).splitlines()
    assert "\x1b[1m" in first
    assert "\n".join(rest) == "\n".join(by_hand(ROWS, 1, "  ").splitlines()[1:])


def test_a_change_has_its_sign_unless_it_rounds_to_nothing() -> None:
    assert [signed(value, 1) for value in (1.25, -3.0, 0.04, -0.04)] == ["+1.2", "-3.0", "0.0", "0.0"]


def test_texts_that_mean_nothing_are_refused() -> None:
    import typer

    assert reading_options(["up=z", "start=1.5"]) == {"up": "z", "start": "1.5"}
    assert listed("json, png", ("png", "npz", "json")) == ["png", "json"]
    assert element_at("2,3", (4, 5)) == 7
    assert element_at("20", (4, 5)) == 19
    for call in (
        lambda: reading_options(["up"]),
        lambda: listed("gif", ("png",)),
        lambda: listed("", ("png",)),
        lambda: element_at("0", (4, 5)),
        lambda: element_at("5,1", (4, 5)),
        lambda: element_at("1,1,1", (4, 5)),
    ):
        with pytest.raises(typer.BadParameter):
            call()


def test_files_of_one_name_have_results_of_their_own() -> None:
    from pathlib import Path

    files = [Path("a.png"), Path("b/a.png"), Path("a.jpg"), Path("c.png")]
    assert list(stems(files).values()) == ["a", "a-2", "a-3", "c"]
