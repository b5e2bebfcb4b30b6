"""`--held-out` of `perceiver sweep` and `perceiver faithfulness`: means over held-out examples with their intervals."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import ConfigError
from .asked import table
from .group import print_json, progress
from .opened import Opened

if TYPE_CHECKING:
    from ..analysis.sweep import Curve
    from ..studies.base import Mean

HeldOut = Annotated[
    bool, typer.Option("--held-out", help="Over held-out examples of the checkpoint's data, in place of a file.")
]
Most = Annotated[int, typer.Option(min=1, help="With --held-out: at most so many examples, evenly spread.")]
Fill = Literal["zero", "mean", "shuffle"]
Rows = list[dict[str, Any]]

CUT_OFFS = 16
"""Cut-offs of a curve, at most."""


def one_of(file: Path | None, checkpoint: str | None, held_out: bool) -> None:
    """Raises BadParameter unless there is a file to read, or held-out examples of a checkpoint."""
    if (file is None) != held_out:
        raise typer.BadParameter("it takes a file to read, or --held-out")
    if held_out and checkpoint is None:
        raise typer.BadParameter("--held-out needs a checkpoint: -c NAME")


def curves_of(opened: Opened, fill: Fill, seed: int) -> tuple[Curve, ...]:
    """What there is to sweep of a checkpoint's position code. Raises ConfigError where it has no frequencies."""
    from ..analysis.sweep import curves

    found = curves(opened.model.encoding, fill, seed)
    if not found:
        kind = opened.model.config.positions.kind
        raise ConfigError(f"{opened.name} has {kind} positions, without frequencies that could be swept")
    return found


def frequencies(checkpoint: str, folder: Path | None, most: int, fill: Fill, seed: int) -> tuple[str, Rows]:
    """Accuracy against the cut-off, low-pass and high-pass: what it is over, and a row a cut-off.

    Raises DataError without data, ConfigError where there are no frequencies.
    """
    from ..analysis.ablation import Ablation
    from ..studies.base import held_out
    from ..studies.frequencies import frequencies as study
    from ..training.sets.base import default_folder

    opened = Opened.open(checkpoint)
    cumulative = [one for one in curves_of(opened, fill, seed) if one.axis is None]
    points: list[tuple[str, float | None, Ablation]] = [("whole code", None, Ablation())]
    for curve in cumulative:
        step = -(-len(curve.ablations) // CUT_OFFS)
        along = list(zip(curve.frequencies, curve.ablations, strict=True))
        points += [
            (curve.family, f, one) for f, one in (along[::step] if curve.family == "low_pass" else along[::-step])
        ]
    examples = held_out(opened.model, folder or default_folder(), most)
    rows: Rows = []
    with progress() as bars:
        task = bars.add_task("Sweeping", total=len(points) + 1)
        found = study(
            opened.model,
            examples,
            [one for *_, one in points],
            report=lambda done, total: bars.update(task, completed=done, total=total),
        )
        for (family, frequency, ablation), reached in zip(points, found, strict=True):
            rows.append(
                {"family": family, "cycles": frequency, "ablation": ablation.text()}
                | _spread("accuracy", reached.accuracy)
                | _spread("agrees", reached.agrees)
            )
    return _over(opened.name, len(examples), int(examples.group.unique().numel())), rows


def faithfulness(checkpoint: str, folder: Path | None, most: int, steps: int, seeds: int) -> tuple[str, Rows]:
    """How well every kind of map marks what answers rest on: what it is over, and a row a kind.

    Raises DataError without data.
    """
    from ..studies.base import held_out
    from ..studies.faithfulness import scores
    from ..training.sets.base import default_folder

    opened = Opened.open(checkpoint)
    examples = held_out(opened.model, folder or default_folder(), most)
    with progress() as bars:
        task = bars.add_task("Testing maps", total=len(examples))
        found = scores(
            opened.model,
            examples,
            steps=steps,
            seeds=seeds,
            report=lambda done, total: bars.update(task, completed=done, total=total),
        )
    names = [field.name for field in dataclasses.fields(found[0])][1:]
    rows: Rows = [
        {"method": one.method} | {k: v for name in names for k, v in _spread(name, getattr(one, name)).items()}
        for one in found
    ]
    return _over(opened.name, len(examples), int(examples.group.unique().numel())), rows


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
