"""XYZ, TXT, CSV and PTS: points as rows of numbers, with any separator and any header."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from ....errors import InputError
from ...base import shortened
from .cloud import Cloud, check_count
from .columns import Places, cloud_from_columns, named_places
from .text import is_number, normalised_text, parse_rows, words_of

# Lines above the first row of numbers that are looked through.
_MOST_ABOVE = 20
_LONGEST_LINE = 10_000
_TRAILING = re.compile(rb"[,;][ \t]*(?=\n|\Z)")
_UNIT = re.compile(r"[\[(].*?[\])]")
_COMMENTS = ("#", "//", "%")
# Separator, and whether a comma is a decimal point; the first that makes numbers of a line is right.
_STYLES = ((None, False), (",", False), (";", False), (None, True), (";", True))


@dataclass(frozen=True)
class _Layout:
    """How a table is written, and what stands above it: a count of points, a line of words, and the names of columns if
    those words are names. Where several lines stand above, it is the last one that names x, y and z, or the last."""

    separator: str | None
    columns: int
    start: int
    promised: int | None
    above: str
    names: tuple[str, ...]


def read_table(data: bytes, name: str, most: int, places: Places | None = None) -> Cloud:
    """The points of a table of numbers, three columns or more.

    places  the columns that are x, y and z; None goes by their names, or takes the first three

    Raises InputError that names the lines at fault, and AmbiguousInputError as `cloud_from_columns` does.
    """
    text = normalised_text(data).replace(b'"', b"")
    try:
        layout = _layout(text, name)
    except InputError:
        text = _without_words(text)
        layout = _layout(text, name)
    check_count(text.count(b"\n", layout.start) + 1, most, name, "lines")
    notes = []
    if layout.separator is not None:
        text = text[: layout.start] + _TRAILING.sub(b"", text[layout.start :])
    if layout.separator != "," and b"," in text[layout.start :]:
        text = text.replace(b",", b".")
        notes.append("read its commas as decimal points")
    table = parse_rows(text, name, layout.start, columns=layout.columns, separator=layout.separator)
    if layout.promised is not None and layout.promised != len(table):
        notes.append(f"its first line promises {layout.promised:,} points; {len(table):,} follow")
    cloud = cloud_from_columns(table, name, places, layout.names)
    if layout.names and named_places(layout.names):
        notes.append(f"took {shortened(layout.above)!r} as the names of its columns")
    elif layout.above and not layout.above.startswith(_COMMENTS):
        notes.append(f"passed over {shortened(layout.above)!r} above its numbers")
    return dataclasses.replace(cloud, notes=(*notes, *cloud.notes))


def _layout(text: bytes, name: str) -> _Layout:
    promised, above, at = None, [""], 0
    for _ in range(_MOST_ABOVE):
        stop = text.find(b"\n", at)
        stop = len(text) if stop < 0 else stop
        line = words_of(text[at : min(stop, at + _LONGEST_LINE)]).strip()
        for separator, comma in _STYLES:
            words = _words(line.partition("#")[0], separator)
            if len(words) >= 3 and all(is_number(word.replace(",", ".") if comma else word) for word in words):
                named = [(line, _names(line, len(words))) for line in reversed(above)]
                header, names = next((one for one in named if named_places(one[1])), named[0])
                return _Layout(separator, len(words), at, promised, header, names)
        if line.isdecimal() and promised is None:
            promised = int(line)
        elif line:
            above.append(line)
        at = stop + 1
        if at >= len(text):
            break
    raise InputError(f"{name} has no row of at least three numbers in its first lines, so there are no points to read")


def _without_words(text: bytes) -> bytes:
    """A text with NaN in columns of words, such as dates: those that are no numbers in the first row that has three.

    Only for commas, semicolons and tabs, where columns are plain to see.
    """
    lines = text.split(b"\n")
    for first, line in enumerate(lines[:_MOST_ABOVE]):
        for separator, comma in ((b",", False), (b";", False), (b";", True), (b"\t", False), (b"\t", True)):
            words = [word.strip().decode("latin-1") for word in line[:_LONGEST_LINE].split(separator)]
            numbers = [is_number(word.replace(",", ".") if comma else word) for word in words]
            if sum(numbers) < 3:
                continue
            rows = [row.split(separator) for row in lines]
            for row in rows[first:]:
                for column, fits in enumerate(numbers):
                    if not fits and len(row) == len(words):
                        row[column] = b"nan"
            return b"\n".join(separator.join(row) for row in rows)
    return text


def _names(line: str, columns: int) -> tuple[str, ...]:
    """The names of the columns, if a line above them holds one for each."""
    bare = _UNIT.sub("", line.lstrip("#/%! ").lower())
    for by in (",", ";", None):
        words = tuple(_words(bare, by))
        if len(words) == columns:
            return words
    return ()


def _words(line: str, separator: str | None) -> list[str]:
    words = [word.strip() for word in line.split(separator)]
    return words[:-1] if words and not words[-1] else words
