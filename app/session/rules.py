"""What a model and an input allow: the rules of the fields of views.

A rule is called with a field's value, the values of all fields of the view, and the limits. It returns the value that
is possible and a note for the visitor where it had to change, else "".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perceiver.analysis import erasure
from perceiver.analysis.region import CellBox
from perceiver.analysis.region import parse as parse_region
from perceiver.errors import InputError

from .fields import Rule

if TYPE_CHECKING:
    from perceiver.modalities import Option

UPLOADED = "sha256-"
"""What the names of uploads begin with; the digest follows."""


@dataclass(frozen=True)
class Limits:
    """What the chosen model and sample allow, as far as it is known yet.

    blocks   those that have a map
    plan     how many there are in all
    shape    the grid of input elements
    options  the reading options of the modality
    classes  how many the model tells apart
    others   checkpoints that can be compared with the model
    """

    models: Collection[str]
    samples: Sequence[str] | None = None
    blocks: Sequence[int] = ()
    plan: int = 0
    latents: int = 0
    heads: int = 0
    shape: tuple[int, ...] = ()
    options: Sequence[Option] | None = None
    classes: int = 0
    others: Collection[str] | None = None


def model(value: str, _: Mapping[str, Any], limits: Limits) -> tuple[str, str]:
    if value in limits.models:
        return value, ""
    return next(iter(limits.models)), "The link names a model that is not here; showing another." if value else ""


def sample(value: str, _: Mapping[str, Any], limits: Limits) -> tuple[str, str]:
    if limits.samples is None or value in limits.samples or value.startswith(UPLOADED):
        return value, ""
    first = limits.samples[0] if limits.samples else ""
    return first, "The link names a sample that is not here; showing another." if value else ""


def donor(value: str | None, values: Mapping[str, Any], limits: Limits) -> tuple[str | None, str]:
    if value is None or limits.samples is None or (value in limits.samples and value != values["sample"]):
        return value, ""
    return None, "" if value == values["sample"] else "The link names a sample to take states from that is not here."


def options(value: tuple[tuple[str, str], ...], _: Mapping[str, Any], limits: Limits) -> tuple[Any, str]:
    """Keeps what the modality knows and what is not the default anyway."""
    if limits.options is None:
        return value, ""
    known = {option.name: option for option in limits.options}
    kept, note = {}, ""
    for name, chosen in value:
        try:
            if name not in known:
                raise InputError(name)
            known[name].parse(chosen)
        except InputError:
            note = "The link chooses a way of reading that is not possible here; it is left at its default."
        else:
            if chosen != str(known[name].default):
                kept[name] = chosen
    return tuple(sorted(kept.items())), note


def block(value: int, _: Mapping[str, Any], limits: Limits) -> tuple[int, str]:
    if not limits.blocks or value in limits.blocks:
        return value, ""
    first = limits.blocks[0]
    # Nobody asked for the default, so nobody needs to be told where it has no map.
    return first, f"There is no map of block {value + 1} here; showing block {first + 1}." if value else ""


def part(value: int | None, _: Mapping[str, Any], limits: Limits) -> tuple[int | None, str]:
    if not limits.blocks or value is None or value in limits.blocks:
        return value, ""
    return None, f"There is no map of block {value + 1} here; showing all blocks together."


def below(what: str, instead: str, count: Callable[[Mapping[str, Any], Limits], int]) -> Rule:
    """The rule of a number below a count; 0 where the count is not known yet."""

    def rule(value: int | None, values: Mapping[str, Any], limits: Limits) -> tuple[int | None, str]:
        most = count(values, limits)
        if value is None or not most or value < most:
            return value, ""
        return None, f"There is no {what} {value + 1} here, they run to {most:,}; showing {instead}."

    return rule


def reduce(value: str, values: Mapping[str, Any], _: Limits) -> tuple[str, str]:
    if value != "entropy" or values["kind"] != "score":
        return value, ""
    return "mean", "Scores are no shares of anything, so they have no entropy; showing their mean."


def show(value: str, _: Mapping[str, Any], limits: Limits) -> tuple[str, str]:
    if len(limits.blocks) != 1 or value == "blocks":
        return value, ""
    return "blocks", "There is one map here, so there are no differences between maps."


def region(value: str, _: Mapping[str, Any], limits: Limits) -> tuple[str, str]:
    """Drops a region of cells that the grid does not have; other regions depend on the input."""
    found = parse_region(value) if value and limits.shape else None
    if not isinstance(found, CellBox):
        return value, ""
    fits = len(found.cells) == len(limits.shape) and all(
        stop <= size for (_, stop), size in zip(found.cells, limits.shape, strict=True)
    )
    return (value, "") if fits else ("", "The link selects a region that this input does not have; showing none.")


def erase(value: str, _: Mapping[str, Any], limits: Limits) -> tuple[str, str]:
    """Drops erased regions of cells that the grid does not have; those of other regions depend on the input."""
    if not value or not limits.shape:
        return value, ""
    for one in erasure.parse(value).regions:
        dropped = isinstance(one, CellBox) and region(one.text(), {}, limits)[1]
        if dropped or (isinstance(one, erasure.ElementMask) and one.total != math.prod(limits.shape)):
            return "", "The link erases elements that this input does not have; erasing none."
    return value, ""


def others(value: tuple[str, ...], values: Mapping[str, Any], limits: Limits) -> tuple[tuple[str, ...], str]:
    if limits.others is None:
        return value, ""
    wanted = [name for name in value if name != values["model"]]
    kept = tuple(name for name in wanted if name in limits.others)
    missing = len(kept) < len(set(wanted))
    return kept, "The link names a model to compare with that is not here or cannot read this input." if missing else ""


def rival(value: str | None, values: Mapping[str, Any], limits: Limits) -> tuple[str | None, str]:
    if value is None or limits.others is None or (value in limits.others and value != values["model"]):
        return value, ""
    return None, "The link names a model to compare with that is not here or reads other inputs."


class_or_all = below("class", "all classes", lambda _, limits: limits.classes)
