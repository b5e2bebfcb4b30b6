"""The values of one PLY element, as text or in either byte order, with lists of any lengths."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Shaped

from ....errors import InputError
from .cloud import truncated
from .fields import Field
from .text import find_lines, parse_numbers, parse_rows

Group = tuple[Int64[np.ndarray, "_"], Shaped[np.ndarray, "_ _"]]
_AS_TEXT = np.dtype("f8")


@dataclass(frozen=True)
class Property:
    """A number, or a list of numbers behind its length (whose type is then `length`)."""

    name: str
    dtype: np.dtype
    length: np.dtype | None = None


@dataclass(frozen=True)
class Element:
    """One of the tables of a file: "vertex", "face"."""

    name: str
    count: int
    properties: tuple[Property, ...]

    @property
    def plain(self) -> bool:
        """Whether it has no lists, so that all rows have one size."""
        return all(prop.length is None for prop in self.properties)

    @property
    def least(self) -> int:
        """Bytes that a row takes at least."""
        return sum((prop.length or prop.dtype).itemsize for prop in self.properties)

    @property
    def things(self) -> str:
        """The name of its rows in messages."""
        return {"vertex": "points", "face": "faces"}.get(self.name, f"rows of its element {self.name!r}")


@dataclass(frozen=True)
class Values:
    """The values of an element: its numbers by column, and the rows of each list in groups of one length."""

    fields: tuple[Field, ...]
    lists: dict[str, list[Group]]


def read_text(text: bytes, start: int, element: Element, name: str) -> tuple[Values, int]:
    """The values of an element that stands on lines from `start` on, one row a line, and where the next one starts.

    Raises InputError for lines that are no such rows, and where there are too few.
    """
    if not (element.count and element.properties):
        return Values((), {}), start
    stop, found = find_lines(text, start, element.count)
    if found < element.count:
        raise truncated(name, element.count, found, element.things)
    if not element.plain:
        # Numbers of one type take one path with binary ones.
        packed = parse_numbers(text, name, start, stop).tobytes()
        as_stored = tuple(Property(prop.name, _AS_TEXT, prop.length and _AS_TEXT) for prop in element.properties)
        values, used = read_binary(packed, 0, dataclasses.replace(element, properties=as_stored), name)
        if used != len(packed):
            raise InputError(f"{name} is damaged: its {element.things} have other lengths than they say")
        declared = {prop.name: prop.dtype for prop in element.properties}
        fields = tuple(dataclasses.replace(field, declared=declared[field.name]) for field in values.fields)
        return Values(fields, values.lists), stop
    table = parse_rows(text, name, start, stop, columns=len(element.properties))
    if len(table) < element.count:
        raise truncated(name, element.count, len(table), element.things)
    return Values(_fields(element, list(table.T)), {}), stop


def read_binary(data: bytes, start: int, element: Element, name: str) -> tuple[Values, int]:
    """The values of an element whose bytes begin at `start`, and where the next one starts.

    Raises InputError where the data end before the element does.
    """
    if not (element.count and element.properties):
        return Values((), {}), start
    room = len(data) - start
    if element.count * element.least > room:
        raise truncated(name, element.count, room // element.least, element.things)
    # Most lists have one length throughout, triangles above all; then the rows are one table.
    first, _ = _walk(data, start, element, 1, name)
    alike = [int(lengths[0]) for _, lengths in first]
    kind = _row_type(element, alike)
    if element.count * kind.itemsize <= room:
        table = np.frombuffer(data, kind, element.count, start)
        if all((table[f"length{i}"] == n).all() for i, n in enumerate(alike) if element.properties[i].length):
            everything = np.arange(element.count)
            lists = {p.name: [(everything, table[f"value{i}"])] for i, p in enumerate(element.properties) if p.length}
            columns = [table[f"value{i}"] for i in range(len(element.properties))]
            return Values(_fields(element, columns), lists), start + table.nbytes
    found, stop = _walk(data, start, element, element.count, name)
    flat, lists, columns = np.frombuffer(data, np.uint8), {}, []
    for prop, (places, lengths) in zip(element.properties, found, strict=True):
        groups = []
        for length in np.unique(lengths):
            members = np.flatnonzero(lengths == length)
            taken = places[members, None] + np.arange(length * prop.dtype.itemsize)
            groups.append((members, flat[taken].view(prop.dtype)))
        columns.append(groups[0][1][:, 0] if prop.length is None else np.empty(0))
        if prop.length is not None:
            lists[prop.name] = groups
    return Values(_fields(element, columns), lists), stop


def _fields(element: Element, columns: Sequence[Shaped[np.ndarray, "..."]]) -> tuple[Field, ...]:
    pairs = zip(element.properties, columns, strict=True)
    return tuple(Field(prop.name, column, prop.dtype) for prop, column in pairs if prop.length is None)


def _row_type(element: Element, lengths: Sequence[int]) -> np.dtype:
    """The layout of a row whose lists have these lengths."""
    parts: list[tuple[str, np.dtype] | tuple[str, np.dtype, tuple[int]]] = []
    for i, (prop, length) in enumerate(zip(element.properties, lengths, strict=True)):
        if prop.length is None:
            parts.append((f"value{i}", prop.dtype))
        else:
            parts += [(f"length{i}", prop.length), (f"value{i}", prop.dtype, (length,))]
    return np.dtype(parts)


def _walk(
    data: bytes, start: int, element: Element, count: int, name: str
) -> tuple[list[tuple[Int64[np.ndarray, "_"], Int64[np.ndarray, "_"]]], int]:
    """For each property where its values begin in every row, and how many there are; and where the rows end."""
    places: list[list[int]] = [[] for _ in element.properties]
    lengths: list[list[int]] = [[] for _ in element.properties]
    at = start
    for row in range(count):
        for prop, where, many in zip(element.properties, places, lengths, strict=True):
            length = 1
            if prop.length is not None:
                head = data[at : at + prop.length.itemsize]
                length = int(np.frombuffer(head, prop.length)[0]) if len(head) == prop.length.itemsize else 0
                at += prop.length.itemsize
            where.append(at)
            many.append(max(length, 0))
            at += many[-1] * prop.dtype.itemsize
        if at > len(data):
            raise truncated(name, element.count, row, element.things)
    return [(np.array(p, np.int64), np.array(n, np.int64)) for p, n in zip(places, lengths, strict=True)], at
