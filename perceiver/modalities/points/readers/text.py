"""Parsing numbers in text: fast where all lines are valid, naming the lines at fault where some are not.

Text is kept as bytes with \\n at the ends of lines; a place in it is an offset.
"""

from __future__ import annotations

import io
import re

import numpy as np
from jaxtyping import Float64, Int64

from ....errors import InputError
from ...base import shortened

_LONGEST_LINE = 10_000
_MOST_NAMED = 3
_SPELLED = {",": " separated by commas", ";": " separated by semicolons"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)(\(\w*\))?", re.IGNORECASE)


def normalised_text(data: bytes) -> bytes:
    """A text file with \\n at the ends of its lines, in an encoding that keeps ASCII, without a byte order mark."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", "replace").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def words_of(line: bytes) -> str:
    """A line of text in UTF-8, or else in the encoding that any bytes are."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def is_number(token: str) -> bool:
    """Whether a word is one number with a decimal point."""
    return _NUMBER.fullmatch(token) is not None


def find_lines(text: bytes, start: int, count: int) -> tuple[int, int]:
    """Where `count` lines end that begin at `start`, blank ones not counted, and how many of them there are."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8, offset=start) == ord("\n"))
    filled = ends[np.diff(ends, prepend=-1) > 1]
    if count <= len(filled):
        return (start + int(filled[count - 1]) + 1 if count else start), count
    behind = text[start + int(ends[-1]) + 1 if len(ends) else start :]
    return len(text), len(filled) + bool(behind.strip())


def parse_rows(
    text: bytes, name: str, start: int = 0, stop: int | None = None, *, columns: int, separator: str | None = None
) -> Float64[np.ndarray, "rows columns"]:
    """The numbers of a part of a text, one row a line; blank lines and what follows a # are passed over.

    Raises InputError that names the lines that hold anything but `columns` numbers.
    """
    stop = len(text) if stop is None else stop
    block = text[start:stop]
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
    longest = int(np.diff(ends, prepend=-1, append=len(block)).max()) - 1
    if longest > _LONGEST_LINE:
        raise InputError(f"{name} has a line of {longest:,} characters, which is no row of numbers")
    if not block.strip():
        return np.empty((0, columns))
    try:
        stream = io.TextIOWrapper(io.BytesIO(block), "latin-1")
        values = np.loadtxt(stream, ndmin=2, delimiter=separator, comments="#")
    except ValueError:
        values = np.empty((0, 0))
    if values.shape[1] != columns:
        raise _bad_lines(text, name, start, stop, columns, separator)
    return values


def count_words(text: bytes, start: int, stop: int) -> Int64[np.ndarray, "lines"]:
    """The number of words on each line of a part of a text, without blank lines."""
    blank = np.frombuffer(text[start:stop] + b"\n", np.uint8) <= ord(" ")
    begins = ~blank
    begins[1:] &= blank[:-1]
    ends = np.flatnonzero(np.frombuffer(text[start:stop] + b"\n", np.uint8) == ord("\n"))
    counts = np.diff(np.cumsum(begins)[ends], prepend=0)
    return counts[counts > 0]


def parse_numbers(text: bytes, name: str, start: int, stop: int) -> Float64[np.ndarray, "tokens"]:
    """All numbers of a part of a text, regardless of lines. Raises InputError for words."""
    block = text[start:stop].strip()
    try:
        return np.fromstring(block, dtype=np.float64, sep=" ") if block else np.empty(0)
    except ValueError as error:
        raise InputError(f"{name} has something other than numbers among its numbers") from error


def _bad_lines(text: bytes, name: str, start: int, stop: int, columns: int, separator: str | None) -> InputError:
    first = text.count(b"\n", 0, start) + 1
    bad = []
    for number, line in enumerate(io.BytesIO(text[start:stop]), first):
        words = words_of(line).partition("#")[0].strip()
        found = [word.strip() for word in words.split(separator)] if words else []
        if found and not (len(found) == columns and all(map(is_number, found))):
            bad.append((number, shortened(words)))
    if not bad:
        return InputError(f"{name} has lines that are no rows of {columns} numbers")
    wanted = f"{columns} numbers{_SPELLED.get(separator or '', '')}"
    others = [f"{number:,}" for number, _ in bad[1:_MOST_NAMED]]
    if len(bad) > _MOST_NAMED:
        others.append(f"{len(bad) - _MOST_NAMED:,} more")
    also = f"; so is line {others[0]}" if others else ""
    if len(others) > 1:
        also = f"; so are lines {', '.join(others[:-1])} and {others[-1]}"
    return InputError(f"{name} cannot be read: line {bad[0][0]:,} is {bad[0][1]!r}, not {wanted}{also}")
