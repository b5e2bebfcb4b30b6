"""Fields of a view, each declared once: its default, how an address writes it, and what a model and an input allow.

A view is a frozen dataclass whose fields are made by `declared`. `parse`, `unparse` and `fit` follow from the
declarations alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from perceiver.analysis import ablation, erasure, parts, region
from perceiver.errors import ConfigError

LONGEST = 100
"""The longest text of a value that is parsed, in characters, unless the codec allows more."""

_DECLARATION = "declaration"

V = TypeVar("V")
Rule = Callable[[Any, Mapping[str, Any], Any], tuple[Any, str]]
"""Called with a field's value, the values of all fields of the view, and the limits. Returns the value that is possible
and a note for the visitor where it had to change, else ""."""


@dataclass(frozen=True)
class Codec:
    """How an address writes a value.

    parse    the value of a text that is not empty; raises ValueError when there is none
    write    the text of a value that is not None
    longest  the longest text that is parsed, in characters
    """

    parse: Callable[[str], Any]
    write: Callable[[Any], str] = str
    longest: int = LONGEST


@dataclass(frozen=True)
class Declaration:
    """What is known of a field beside its type.

    codec  how an address writes it
    rule   what a model and an input allow; None where every value is possible
    of     what the value belongs to: it is set back to its default when another model, or another sample, is chosen
    """

    codec: Codec
    rule: Rule | None = None
    of: Literal["", "model", "sample"] = ""


def declared(default: Any, codec: Codec, *, rule: Rule | None = None, of: Literal["", "model", "sample"] = "") -> Any:
    """A field of a view."""
    return dataclasses.field(default=default, metadata={_DECLARATION: Declaration(codec, rule, of)})


def declarations(*views: type[Any]) -> dict[str, Declaration]:
    """The declarations of all fields of some views by name, in the order of the views."""
    return {f.name: f.metadata[_DECLARATION] for view in views for f in dataclasses.fields(view)}


def defaults(*views: type[Any]) -> dict[str, Any]:
    """The defaults of all fields of some views by name."""
    return {f.name: f.default for view in views for f in dataclasses.fields(view)}


def parse(params: Mapping[str, Sequence[str]], fields: Mapping[str, Declaration]) -> tuple[dict[str, Any], list[str]]:
    """The values that an address gives, and a note on every one that is dropped.

    Other parameters of the address are ignored. Notes never repeat text of the address.
    """
    values: dict[str, Any] = {}
    notes = []
    for name, given in params.items():
        if name not in fields or not given:
            continue
        if len(given) > 1:
            notes.append(f"The link gives “{name}” more than once; the last one counts.")
        codec, text = fields[name].codec, given[-1].strip()
        try:
            if not text or len(text) > codec.longest:
                raise ValueError(name)
            values[name] = codec.parse(text)
        except ValueError:
            notes.append(f"The link gives no valid value for “{name}”, so it is left at its default.")
    return values, notes


def unparse(values: Mapping[str, Any], fields: Mapping[str, Declaration]) -> dict[str, str]:
    """The address of some values; None and empty ones are left out."""
    texts = {name: fields[name].codec.write(value) for name, value in values.items() if value is not None}
    return {name: text for name, text in texts.items() if text}


def fit(view: V, limits: Any) -> tuple[V, list[str]]:
    """The view as far as the limits allow it, and a note on everything that had to change."""
    values: dict[str, Any] = {name: getattr(view, name) for name in defaults(type(view))}
    changes, notes = {}, []
    for name, field in declarations(type(view)).items():
        if field.rule is not None:
            changes[name], note = field.rule(values[name], values, limits)
            notes += [note] if note else []
    return dataclasses.replace(view, **changes), notes  # type: ignore[type-var]


def text(longest: int = LONGEST) -> Codec:
    """Any text."""
    return Codec(str, longest=longest)


def choice(options: Sequence[str]) -> Codec:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in options:
            raise ValueError(text)
        return text

    return Codec(parse)


def one_of_each(*groups: Sequence[str]) -> Codec:
    """Some words with commas between them, of each group one at most. No word is in two groups."""

    def parse(text: str) -> str:
        found = text.split(",")
        if any(one not in {word for group in groups for word in group} for one in found):
            raise ValueError(text)
        if any(len([one for one in found if one in group]) > 1 for group in groups):
            raise ValueError(text)
        return text

    return Codec(parse)


def whole(low: int, high: int) -> Codec:
    """A whole number, written as it is."""
    return Codec(lambda text: _whole(text, low, high))


def names(most: int, longest: int) -> Codec:
    """A list of at most so many different names."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
        if not all(found) or len(found) > most:
            raise ValueError(text)
        return found

    return Codec(parse, ",".join, longest)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition(":") for part in text.split(",")]
    if not all(key and value for key, _, value in pairs):
        raise ValueError(text)
    return tuple(sorted({key: value for key, _, value in pairs}.items()))


def _whole(text: str, low: int, high: float) -> int:
    number = int(text) if text.isascii() and text.isdecimal() else low - 1
    if not low <= number <= high:
        raise ValueError(text)
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(text)
    return seconds


def _ablation(text: str) -> str:
    try:
        return ablation_text(ablation.parse(text))
    except ConfigError as error:
        raise ValueError(text) from error


def _region(text: str) -> str:
    try:
        return region.parse(text).text()
    except ConfigError as error:
        raise ValueError(text) from error


def _parts(text: str) -> str:
    try:
        return parts.parse(text).text()
    except ConfigError as error:
        raise ValueError(text) from error


def _regions(text: str) -> str:
    try:
        found = erasure.parse(text)
    except ConfigError as error:
        raise ValueError(text) from error
    if found.keep or found.by != "remove":  # other fields say so
        raise ValueError(text)
    return found.text()


def ablation_text(removed: ablation.Ablation) -> str:
    """An ablation as a view holds it: its fill is kept even while nothing is removed."""
    fill = f"shuffle:{removed.seed}" if removed.fill == "shuffle" else removed.fill.replace("zero", "")
    return removed.text() or fill


NUMBER = Codec(lambda text: _whole(text, 1, math.inf) - 1, lambda value: str(value + 1))
"""The number of a thing: counted from 1 in an address, as everywhere on the page, and from 0 in a view."""

SECONDS = Codec(_seconds, lambda value: f"{value:.3f}")
"""A time in seconds from 0, written to the millisecond."""

PAIRS = Codec(_pairs, lambda pairs: ",".join(f"{name}:{value}" for name, value in pairs))
"""Named choices: "start:2.25,up:z"."""

ABLATION = Codec(_ablation, longest=ablation.LONGEST)
"""What is removed from a position encoding: "b1:3-16,x2,mean"."""

REGION = Codec(_region, longest=region.LONGEST)
"""A part of the input: "3-10,5-20"."""

PARTS = Codec(_parts, longest=parts.LONGEST)
"""Some parts of the input's rows: "content", "b1:3"."""

REGIONS = Codec(_regions, longest=erasure.LONGEST)
"""Several parts of the input: "3-10,5-20;1-4,1-4", "mask:rAIFtwU"."""
