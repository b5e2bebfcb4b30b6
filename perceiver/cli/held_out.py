"""`perceiver tartan --held-out`: the numbers of spectra as means over held-out examples, with their intervals."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .asked import table
from .group import progress
from .opened import Opened

if TYPE_CHECKING:
    from ..studies.base import Mean
    from ..studies.tartan import Pattern
    from ..trace import Kind

NUMBERS = ("ratio", "at_bands", "baseline", "regularity")


@dataclass(frozen=True)
class Studied:
    """The spectra of one checkpoint's maps over held-out examples.

    bands_of          the checkpoint whose bands were looked for; None for those of a Fourier code of this grid
    examples, groups  how many were looked at, and of how many independent groups
    """

    opened: Opened
    bands_of: str | None
    patterns: tuple[Pattern, ...]
    examples: int
    groups: int

    @property
    def about(self) -> dict[str, Any]:
        """Which checkpoint, and at whose bands it was measured."""
        kind = self.opened.model.config.positions.kind
        return {"model": self.opened.name, "positions": kind, "bands_of": self.bands_of}


def studied(
    opened: Sequence[Opened], folder: Path | None, most: int, kind: Kind, head: int | None
) -> tuple[Studied, ...]:
    """Measures every checkpoint on held-out examples of its own data, with a progress bar.

    Raises DataError without data, ConfigError for a checkpoint that none of the data sets is for.
    """
    from ..analysis.compare import bands_beside
    from ..studies.base import held_out
    from ..studies.tartan import tartan
    from ..training.sets.base import default_folder

    out = []
    with progress() as bars:
        for one, (lender, bands) in zip(opened, bands_beside([one.model for one in opened]), strict=True):
            examples = held_out(one.model, folder or default_folder(), most)
            task = bars.add_task(one.name, total=len(examples))
            found = tartan(
                one.model,
                examples,
                bands,
                kind=kind,
                head=head,
                report=lambda done, total, task=task: bars.update(task, completed=done, total=total),  # type: ignore[misc]
            )
            of = None if lender is None else opened[lender].name
            out.append(Studied(one, of, found, len(examples), int(examples.group.unique().numel())))
    return tuple(out)


def studied_json(studies: Sequence[Studied], *, kind: str, head: int | None) -> dict[str, Any]:
    """The numbers as plain values for JSON, each with the ends of its 95 % interval; blocks count from 0."""
    models = [
        one.opened.origin
        | one.about
        | {"examples": one.examples, "groups": one.groups}
        | {
            "blocks": [
                {"block": pattern.block}
                | {name: _json(getattr(pattern, name)) for name in NUMBERS}
                | {"matched": pattern.matched, "resolved": pattern.resolved, "bands": pattern.bands}
                for pattern in one.patterns
            ]
        }
        for one in studies
    ]
    return {"kind": kind, "head": head, "models": models}


def studied_csv(studies: Sequence[Studied]) -> str:
    """A line a checkpoint and block; blocks count from 1, every number is followed by the ends of its interval."""
    ends = [column for name in NUMBERS for column in (name, f"{name}_low", f"{name}_high")]
    out = StringIO()
    about = ["model", "positions", "bands_of", "examples", "groups", "block"]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*about, *ends, "matched", "resolved", "bands"])
    for one in studies:
        for pattern in one.patterns:
            numbers = [_json(getattr(pattern, name)) for name in NUMBERS]
            writer.writerow(
                [
                    *one.about.values(),
                    one.examples,
                    one.groups,
                    pattern.block + 1,
                    *(number[end] if number else None for number in numbers for end in ("value", "low", "high")),
                    pattern.matched,
                    pattern.resolved,
                    pattern.bands,
                ]
            )
    return out.getvalue()


def studied_table(studies: Sequence[Studied]) -> str:
    """Ratio and regularity of every block with their intervals, a column a checkpoint."""
    names = ["", *(one.opened.name for one in studies)]
    of = [f"{one.opened.name}: {one.examples} held-out examples of {one.groups} groups" for one in studies]
    parts = ["  " + ", ".join(of)]
    for what, key in (
        ("energy at the frequencies of the code, in multiples of the baseline", "ratio"),
        ("regularity: how well a map repeats itself, 0 to 1", "regularity"),
    ):
        held = [{pattern.block: getattr(pattern, key) for pattern in one.patterns} for one in studies]
        rows = [names]
        for block in sorted({block for one in held for block in one}):
            rows.append([f"block {block + 1}", *(_words(one.get(block)) for one in held)])
        parts += [f"  {what}, with its 95 % interval", table(rows)]
    return "\n".join(parts)


def _json(mean: Mean) -> dict[str, float] | None:
    """A mean with its interval; None where it is no number."""
    if mean.value != mean.value:
        return None
    return {"value": mean.value, "low": mean.low, "high": mean.high}


def _words(mean: Mean | None) -> str:
    from ..analysis.formatting import number

    if mean is None:
        return ""
    if mean.value != mean.value:
        return "none"
    return f"{number(mean.value)} ({number(mean.low)} to {number(mean.high)})"
