"""`--held-out` of `perceiver sweep`, `faithfulness` and `tartan`: means over held-out examples with their intervals."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..analysis.methods import Fill
from ..progress import portion
from .console import print_json, progress_bar, table
from .session import open_checkpoint

if TYPE_CHECKING:
    from ..lens import Lens
    from ..studies.base import Mean
    from ..studies.tartan import MeanSpectrum
    from ..trace import Kind
    from ..training.sets import Examples

Rows = list[dict[str, Any]]

CUT_OFFS = 16
"""Cut-offs of a curve, at most."""

NUMBERS = ("ratio", "at_bands", "baseline", "regularity")
"""The numbers of spectra."""


def frequencies(checkpoint: str, folder: Path | None, most: int, fill: Fill, seed: int) -> tuple[str, Rows]:
    """Accuracy against the cut-off, low-pass and high-pass: what it is over, and a row a cut-off.

    Raises DataError without data, ConfigError where there are no frequencies.
    """
    from ..analysis.ablation import Ablation
    from ..lens.run import curves_of
    from ..studies.frequencies import frequencies as study

    lens = open_checkpoint(checkpoint)
    cumulative = [one for one in curves_of(lens.model, lens.name, fill, seed) if one.axis is None]
    points: list[tuple[str, float | None, Ablation]] = [("whole code", None, Ablation())]
    for curve in cumulative:
        step = -(-len(curve.ablations) // CUT_OFFS)
        along = list(zip(curve.frequencies, curve.ablations, strict=True))
        points += [
            (curve.family, f, one) for f, one in (along[::step] if curve.family == "low_pass" else along[::-step])
        ]
    examples = _examples(lens, folder, most)
    rows: Rows = []
    with progress_bar() as progress:
        found = study(lens.model, examples, [one for *_, one in points], progress=progress)
        for (family, frequency, ablation), reached in zip(points, found, strict=True):
            rows.append(
                {"family": family, "cycles": frequency, "ablation": ablation.text()}
                | _spread("accuracy", reached.accuracy)
                | _spread("agrees", reached.agrees)
            )
    return _over(lens.name, len(examples), int(examples.group.unique().numel())), rows


def faithfulness(checkpoint: str, folder: Path | None, most: int, steps: int, seeds: int) -> tuple[str, Rows]:
    """How well every kind of map marks what answers depend on: what it is over, and a row a kind.

    Raises DataError without data.
    """
    from ..studies.faithfulness import scores

    lens = open_checkpoint(checkpoint)
    examples = _examples(lens, folder, most)
    with progress_bar() as progress:
        found = scores(lens.model, examples, steps=steps, seeds=seeds, progress=progress)
    names = [field.name for field in dataclasses.fields(found[0])][1:]
    rows: Rows = [
        {"method": one.method} | {k: v for name in names for k, v in _spread(name, getattr(one, name)).items()}
        for one in found
    ]
    return _over(lens.name, len(examples), int(examples.group.unique().numel())), rows


def _examples(lens: Lens, folder: Path | None, most: int) -> Examples:
    from ..studies.base import held_out
    from ..training.sets.base import default_folder

    return held_out(lens.model, folder or default_folder(), most)


def show(over: str, rows: Rows, *, as_csv: bool, as_json: bool) -> None:
    """Writes a study to standard output: as a table, CSV or JSON."""
    if as_json:
        print_json({"over": over, "rows": rows})
    elif as_csv:
        out = StringIO()
        writer = csv.DictWriter(out, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        typer.echo(out.getvalue(), nl=False)
    else:
        typer.echo(f"{over}, means with 95 % intervals\n{_table(rows)}")


def _spread(name: str, mean: Mean) -> dict[str, float]:
    return {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}


def _over(name: str, count: int, groups: int) -> str:
    return f"{name}: {count:,} held-out examples of {groups:,} groups"


def _table(rows: Rows) -> str:
    means = [name for name in rows[0] if f"{name}_low" in rows[0]]
    plain = [name for name in rows[0] if name not in means and not name.endswith(("_low", "_high"))]
    lines: list[Sequence[str]] = [[*plain, *means]]
    for row in rows:
        said = [_plain(row[name]) for name in plain]
        spread = [f"{row[n]:.1%} ({row[f'{n}_low']:.1%} to {row[f'{n}_high']:.1%})" for n in means]
        lines.append([*said, *spread])
    return table(lines)


def _plain(value: Any) -> str:
    from ..analysis.formatting import number

    return "" if value is None else number(value) if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class TartanStudy:
    """The spectra of one checkpoint's maps over held-out examples.

    bands_of          the checkpoint whose bands were looked for; None for those of a Fourier code of this grid
    examples, groups  how many were looked at, and of how many independent groups
    """

    lens: Lens
    bands_of: str | None
    patterns: tuple[MeanSpectrum, ...]
    examples: int
    groups: int

    @property
    def about(self) -> dict[str, Any]:
        """Which checkpoint, and at whose bands it was measured."""
        kind = self.lens.config.positions.kind
        return {"model": self.lens.name, "positions": kind, "bands_of": self.bands_of}


def tartan_study(
    opened: Sequence[Lens], folder: Path | None, most: int, kind: Kind, head: int | None
) -> tuple[TartanStudy, ...]:
    """Measures every checkpoint on held-out examples of its own data, with a progress bar.

    Raises DataError without data, ConfigError for a checkpoint that none of the data sets is for.
    """
    from ..analysis.compare import bands_of_models
    from ..studies.tartan import tartan

    out = []
    with progress_bar() as progress:
        for i, (lens, (lender, bands)) in enumerate(
            zip(opened, bands_of_models([one.model for one in opened]), strict=True)
        ):
            examples = _examples(lens, folder, most)
            part = portion(progress, i / len(opened), (i + 1) / len(opened), lens.name)
            found = tartan(lens.model, examples, bands, kind=kind, head=head, progress=part)
            of = None if lender is None else opened[lender].name
            out.append(TartanStudy(lens, of, found, len(examples), int(examples.group.unique().numel())))
    return tuple(out)


def tartan_json(studies: Sequence[TartanStudy], *, kind: str, head: int | None) -> dict[str, Any]:
    """The numbers as plain values for JSON, each with the ends of its 95 % interval; blocks count from 0."""
    models = [
        {"model": one.lens.name, "weights_sha256": one.lens.sha256}
        | one.about
        | {"examples": one.examples, "groups": one.groups}
        | {
            "blocks": [
                {"block": pattern.block}
                | {name: _mean_json(getattr(pattern, name)) for name in NUMBERS}
                | {"matched": pattern.matched, "resolved": pattern.resolved, "bands": pattern.bands}
                for pattern in one.patterns
            ]
        }
        for one in studies
    ]
    return {"kind": kind, "head": head, "models": models}


def tartan_csv(studies: Sequence[TartanStudy]) -> str:
    """A line a checkpoint and block; blocks count from 1, every number is followed by the ends of its interval."""
    ends = [column for name in NUMBERS for column in (name, f"{name}_low", f"{name}_high")]
    out = StringIO()
    about = ["model", "positions", "bands_of", "examples", "groups", "block"]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*about, *ends, "matched", "resolved", "bands"])
    for one in studies:
        for pattern in one.patterns:
            numbers = [_mean_json(getattr(pattern, name)) for name in NUMBERS]
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


def tartan_table(studies: Sequence[TartanStudy]) -> str:
    """Ratio and regularity of every block with their intervals, a column a checkpoint."""
    names = ["", *(one.lens.name for one in studies)]
    of = [f"{one.lens.name}: {one.examples} held-out examples of {one.groups} groups" for one in studies]
    parts = ["  " + ", ".join(of)]
    for what, key in (
        ("energy at the frequencies of the code, in multiples of the baseline", "ratio"),
        ("regularity: how well a map repeats itself, 0 to 1", "regularity"),
    ):
        held = [{pattern.block: getattr(pattern, key) for pattern in one.patterns} for one in studies]
        rows = [names]
        for block in sorted({block for one in held for block in one}):
            rows.append([f"block {block + 1}", *(_mean_text(one.get(block)) for one in held)])
        parts += [f"  {what}, with its 95 % interval", table(rows)]
    return "\n".join(parts)


def _mean_json(mean: Mean) -> dict[str, float] | None:
    """A mean with its interval; None where it is no number."""
    if mean.value != mean.value:
        return None
    return {"value": mean.value, "low": mean.low, "high": mean.high}


def _mean_text(mean: Mean | None) -> str:
    from ..analysis.formatting import number

    if mean is None:
        return ""
    if mean.value != mean.value:
        return "none"
    return f"{number(mean.value)} ({number(mean.low)} to {number(mean.high)})"
