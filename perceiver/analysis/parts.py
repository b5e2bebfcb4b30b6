"""Parts of the rows of an input array: content channels, raw coordinates, bands, components and modality embeddings.

Every channel of a row belongs to one part, so that a linear function of a row is the sum of its parts. A learned
encoding has no channels that mean anything on their own: its table is turned to its principal components first (the
eigenvectors of its channels' second moments, as in `analysis.encodings.components`), and each of them is a part. Rows
of different segments have different channels, and so different parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from ..errors import ConfigError
from ..model import Perceiver
from ..positions import Positions
from .encodings import directions

PartKind = Literal["content", "coordinate", "band", "component", "embedding"]
Group = Literal["content", "position", "embedding"]

GROUPS: tuple[Group, ...] = ("content", "position", "embedding")
"""What parts are added up to. The embedding of a modality is the same in all rows of a segment."""

LONGEST = 200
"""Maximum length of a choice of parts as text."""

_GROUP_OF: dict[PartKind, Group] = {
    "content": "content",
    "coordinate": "position",
    "band": "position",
    "component": "position",
    "embedding": "embedding",
}


@dataclass(frozen=True)
class RowPart:
    """One part of the rows.

    index      the content channel, band, component or embedding, from 0; content channels and embeddings are counted
               through all segments
    axis       of a coordinate or a band; else None
    frequency  of a band in cycles across the axis; else 0
    segment    the segment it belongs to; "" where rows have no segments
    """

    kind: PartKind
    index: int
    axis: int | None = None
    frequency: float = 0.0
    segment: str = ""

    @property
    def group(self) -> Group:
        """What it is added up to."""
        return _GROUP_OF[self.kind]

    @property
    def bundle(self) -> str:
        """The choice of parts that it is summed up in, as text: its axis if it has one, else its group."""
        return self.group if self.axis is None else f"axis:{self.axis + 1}"

    def text(self) -> str:
        """The part as short text, counted from 1: "content:2", "x1", "b1:3", "component:4", "embedding:1"."""
        if self.axis is None:
            return f"{self.kind}:{self.index + 1}"
        return f"x{self.axis + 1}" if self.kind == "coordinate" else f"b{self.axis + 1}:{self.index + 1}"

    def name(self, axes: Sequence[str] = ()) -> str:
        """The part in words: "height band 3"; `axes` are the names of the axes."""
        if self.kind == "embedding":
            return f"{self.segment} embedding"
        if self.axis is None:
            return f"{self.kind}{' channel' * (self.kind == 'content')} {self.index + 1}"
        axis = axes[self.axis] if self.axis < len(axes) else f"axis {self.axis + 1}"
        return f"{axis} coordinate" if self.kind == "coordinate" else f"{axis} band {self.index + 1}"


@dataclass(frozen=True)
class PartChoice:
    """Some of the parts, as `parse` makes it of text.

    terms  the word of each (a group, a kind, "axis", "x" or "b"), its axis from 0 where it has one, and the first and
           the last index where it has some
    """

    terms: tuple[tuple[str, int | None, tuple[int, int] | None], ...]

    def text(self) -> str:
        """The choice as text: "content", "axis:1", "b1:3-16,x2"."""
        return ",".join(_term_text(*term) for term in self.terms)

    def of(self, parts: Sequence[RowPart]) -> Bool[np.ndarray, "parts"]:
        """Which of some parts are chosen. Raises ConfigError for a term that none of them fits."""
        chosen = np.zeros(len(parts), dtype=bool)
        for term in self.terms:
            fits = np.array([_fits(part, *term) for part in parts], dtype=bool)
            if not fits.any():
                raise ConfigError(f"the rows of this model have no part {_term_text(*term)}; they have {_there(parts)}")
            chosen |= fits
        return chosen

    def name(self, parts: Sequence[RowPart], axes: Sequence[str] = ()) -> str:
        """The choice in words: "content", "height", "height band 3"."""
        names = []
        for word, axis, indices in self.terms:
            if word == "axis" and axis is not None:
                names.append(axes[axis] if axis < len(axes) else f"axis {axis + 1}")
            elif word in GROUPS and indices is None:
                names.append(word)
            else:
                fits = [part for part in parts if _fits(part, word, axis, indices)]
                first = fits[0].name(axes) if fits else _term_text(word, axis, indices)
                names.append(f"{first} to {fits[-1].index + 1}" if len(fits) > 1 else first)
        return ", ".join(names)


def parse(text: str) -> PartChoice:
    """A choice of parts from text, terms with commas between, everything counted from 1: the groups `content`,
    `position` and `embedding`; `axis:1` the coordinate and all bands of axis 1; `x2` the raw coordinate of axis 2;
    `b1:3` or `b1:3-16` bands of axis 1; `content:2`, `component:1-8` and `embedding:1` some of a kind.

    Raises ConfigError for anything else.
    """
    terms: list[tuple[str, int | None, tuple[int, int] | None]] = []
    for term in text.split(",") if len(text) <= LONGEST else ():
        term = term.strip()
        if term in GROUPS:
            terms.append((term, None, None))
        elif found := re.fullmatch(r"(axis:|x)([1-9]\d?)", term, re.ASCII):
            terms.append((found[1].rstrip(":"), int(found[2]) - 1, None))
        elif found := re.fullmatch(
            r"(?:b([1-9]\d?)|(content|component|embedding)):([1-9]\d{0,3})(?:-(\d{1,4}))?", term
        ):
            first, last = int(found[3]), int(found[4] or found[3])
            if last < first:
                raise ConfigError(f"the parts {term!r} end before they begin")
            axis = int(found[1]) - 1 if found[1] else None
            terms.append((found[2] or "b", axis, (first - 1, last - 1)))
        else:
            break
    if not terms or len(terms) != text.count(",") + 1:
        raise ConfigError(
            f"{text[:LONGEST]!r} names no parts; they are content, position, axis:1, x1, b1:3-16, content:2 or "
            "component:1-8"
        )
    return PartChoice(tuple(dict.fromkeys(terms)))


@dataclass(frozen=True)
class RowGroup:
    """Rows that have the same channels: all of them, or those of one segment.

    start, stop  the rows; `stop` is None where they are all rows of any number
    part_of      the part of each channel
    positions    the channels that depend on the position
    """

    start: int
    stop: int | None
    part_of: Int64[np.ndarray, "C"] = field(repr=False)
    positions: Int64[np.ndarray, "P"] = field(repr=False)

    @property
    def rows(self) -> slice:
        """The rows."""
        return slice(self.start, self.stop)


@dataclass(frozen=True, eq=False)
class RowParts:
    """The parts of the rows of a model's input arrays, which add up to the rows.

    parts     content, then positions axis by axis, then components and embeddings
    groups    which channel of which rows belongs to which part
    rotation  an orthogonal matrix that turns the last channels of a row to principal components; None for none
    """

    parts: tuple[RowPart, ...]
    groups: tuple[RowGroup, ...]
    rotation: Float64[Tensor, "P P"] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, model: Perceiver) -> RowParts:
        """The parts of a model's rows."""
        return _of_segments(model) if model.config.segments else _of_one_grid(model)

    def __repr__(self) -> str:
        return f"RowParts({_there(self.parts)})"

    def turned(self, rows: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch C"]:
        """Rows, or vectors that are multiplied with rows, in which every channel belongs to one part."""
        if self.rotation is None:
            return rows
        rest = rows.shape[-1] - len(self.rotation)
        return torch.cat([rows[..., :rest], rows[..., rest:] @ self.rotation.to(rows)], dim=-1)

    def of_group(self, group: Group) -> Bool[np.ndarray, "parts"]:
        """The parts that are added up to a group."""
        return np.array([part.group == group for part in self.parts], dtype=bool)

    @property
    def present(self) -> tuple[Group, ...]:
        """The groups that some part belongs to."""
        return tuple(group for group in GROUPS if self.of_group(group).any())

    @property
    def bundles(self) -> tuple[str, ...]:
        """Choices of parts that add up to all of them, as text: content, each axis or all positions, embeddings."""
        return tuple(dict.fromkeys(part.bundle for part in self.parts))

    def choose(self, text: str) -> Bool[np.ndarray, "parts"]:
        """The parts that text names (`parse`). Raises ConfigError where there are none."""
        return parse(text).of(self.parts)

    def name(self, text: str, axes: Sequence[str] = ()) -> str:
        """A choice of parts in words."""
        return parse(text).name(self.parts, axes)

    def sums(self, group: RowGroup, values: Float64[np.ndarray, "*batch C"]) -> Float64[np.ndarray, "*batch parts"]:
        """Values by channel of some rows, added up by part."""
        out = np.zeros((len(self.parts), *values.shape[:-1]))
        np.add.at(out, group.part_of, np.moveaxis(values, -1, 0))
        return np.moveaxis(out, 0, -1)


def _of_one_grid(model: Perceiver) -> RowParts:
    config, encoding = model.config, model.encoding
    content, width = config.content_channels, config.position_channels
    parts = [RowPart("content", channel) for channel in range(content)]
    part_of = np.full(content + width, -1)
    part_of[:content] = range(content)
    for part, channels in _positions(encoding):
        part_of[[content + channel for channel in channels]] = len(parts)
        parts.append(part)
    rest, rotation = np.flatnonzero(part_of < 0), None
    part_of[rest] = len(parts) + np.arange(len(rest))
    parts += [RowPart("component", index) for index in range(len(rest))]
    if len(rest):
        at = torch.from_numpy(rest - content)
        rotation = torch.eye(width, dtype=torch.float64)
        rotation[at[:, None], at] = directions(encoding.grid()[:, at])[1]
    return RowParts(tuple(parts), (RowGroup(0, None, part_of, np.arange(content, content + width)),), rotation)


def _of_segments(model: Perceiver) -> RowParts:
    config, encoding = model.config, model.encoding
    positions = list(_positions(encoding))
    parts: list[RowPart] = []
    groups, begin, contents = [], 0, 0
    for number, segment in enumerate(config.segments):
        rows = (begin, begin + segment.count)
        own: list[tuple[RowPart, tuple[int, ...]]] = [
            (RowPart("content", contents + channel, segment=segment.name), (channel,))
            for channel in range(segment.content_channels)
        ]
        own += [(replace(p, segment=segment.name), c) for p, c in positions if encoding.rows(p.axis or 0) == rows]
        part_of = np.full(config.input_channels, len(parts) + len(own))  # the embedding, unless they are others'
        for i, (_, channels) in enumerate(own, start=len(parts)):
            part_of[list(channels)] = i
        parts += [*(part for part, _ in own), RowPart("embedding", number, segment=segment.name)]
        placed = [channel for at, channel in encoding.columns(config.input_channels) if at == rows]
        groups.append(RowGroup(*rows, part_of, np.array(placed, dtype=np.int64)))
        begin, contents = rows[1], contents + segment.content_channels
    order = sorted(range(len(parts)), key=lambda i: GROUPS.index(parts[i].group))
    place = np.argsort(order)
    moved = (replace(one, part_of=place[one.part_of]) for one in groups)
    return RowParts(tuple(parts[i] for i in order), tuple(moved))


def _positions(encoding: Positions) -> Iterator[tuple[RowPart, tuple[int, ...]]]:
    """The parts of a position encoding that have an axis, axis by axis, and their channels."""
    raw, bands = encoding.coordinate_channels(), encoding.bands()
    for axis in range(max([len(raw), *(band.axis + 1 for band in bands)])):
        if axis < len(raw):
            yield RowPart("coordinate", axis, axis), (raw[axis],)
        for band in sorted((band for band in bands if band.axis == axis), key=lambda band: band.index):
            yield RowPart("band", band.index, axis, band.frequency), (band.sine, band.cosine)


def _fits(part: RowPart, word: str, axis: int | None, indices: tuple[int, int] | None) -> bool:
    """Whether a term of a choice names a part."""
    if indices is not None and not indices[0] <= part.index <= indices[1]:
        return False
    if word in ("axis", "x", "b"):
        kinds = {"axis": ("coordinate", "band"), "x": ("coordinate",), "b": ("band",)}[word]
        return part.kind in kinds and part.axis == axis
    return part.kind == word or (indices is None and part.group == word)


def _term_text(word: str, axis: int | None, indices: tuple[int, int] | None) -> str:
    where = "" if axis is None else f"{':' * (word == 'axis')}{axis + 1}"
    if indices is None:
        return word + where
    first, last = indices
    return f"{word}{where}:{first + 1}" + (f"-{last + 1}" if last > first else "")


def _there(parts: Sequence[RowPart]) -> str:
    """The parts as ranges of text: "content:1-3, x1, x2, b1:1-16, b2:1-16"."""
    runs: list[list[RowPart]] = []
    for part in parts:
        if runs and part.kind != "coordinate" and (runs[-1][-1].kind, runs[-1][-1].axis) == (part.kind, part.axis):
            runs[-1].append(part)
        else:
            runs.append([part])
    return ", ".join(run[0].text() + (f"-{run[-1].index + 1}" if len(run) > 1 else "") for run in runs)
