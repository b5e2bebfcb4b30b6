"""`--held-out` of `perceiver sweep`, `faithfulness`, `split` and `tartan`: studies with progress, shown as tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..analysis.formatting import number, percent_interval
from ..analysis.methods import Fill
from ..errors import DataError
from ..progress import progress_bar
from .console import print_error, print_json, table
from .session import open_checkpoint

if TYPE_CHECKING:
    from ..lens import Lens
    from ..studies.base import Mean
    from ..studies.split import HeldOutShares
    from ..studies.tables import Rows
    from ..studies.tartan import HeldOutSpectra
    from ..trace import Kind
    from ..training.sets import Examples


def frequencies(checkpoint: str, folder: Path | None, most: int, fill: Fill, seed: int) -> tuple[str, Rows]:
    """Accuracy by cut-off, low-pass and high-pass: the examples in words, and a row per cut-off.

    Raises DataError without data, ConfigError for an encoding without frequencies.
    """
    from ..lens.ablation import sweep_curves
    from ..studies.frequencies import cut_offs
    from ..studies.frequencies import frequencies as study
    from ..studies.tables import accuracy_rows

    lens = open_checkpoint(checkpoint)
    points = cut_offs(sweep_curves(lens.model, lens.name, fill, seed))
    examples = _examples(lens, folder, most)
    with progress_bar() as progress:
        found = study(lens.model, examples, [one.ablation for one in points], progress=progress)
        return _over(lens.name, examples), accuracy_rows(zip(points, found, strict=True))


def faithfulness(checkpoint: str, folder: Path | None, most: int, steps: int, seeds: int) -> tuple[str, Rows]:
    """Deletion and insertion of every kind of map: the examples in words, and a row per kind.

    Raises DataError without data.
    """
    from ..studies.faithfulness import scores
    from ..studies.tables import score_rows

    lens = open_checkpoint(checkpoint)
    examples = _examples(lens, folder, most)
    with progress_bar() as progress:
        found = scores(lens.model, examples, steps=steps, seeds=seeds, progress=progress)
    return _over(lens.name, examples), score_rows(found)


def tartan(
    opened: Sequence[Lens], folder: Path | None, most: int, kind: Kind, head: int | None
) -> tuple[HeldOutSpectra, ...]:
    """The spectra of every checkpoint's maps on held-out examples of its own data.

    Raises DataError without data, ConfigError for a checkpoint that matches no data set.
    """
    from ..studies.tartan import tartan_of_models
    from ..training.sets.base import default_folder

    models = [(lens.name, lens.model) for lens in opened]
    with progress_bar() as progress:
        return tartan_of_models(models, folder or default_folder(), most, kind=kind, head=head, progress=progress)


def shares(checkpoints: Sequence[str], folder: Path | None, most: int, head: int | None) -> tuple[HeldOutShares, ...]:
    """The share of content and of each axis in the variance of the scores, of some checkpoints, or of all bundled ones
    that have data.

    Raises DataError where a checkpoint that is named has no data.
    """
    from ..checkpoints.bundled import BundledCheckpoints
    from ..studies.split import held_out_shares
    from ..training.sets.base import default_folder

    found = []
    for source in checkpoints or BundledCheckpoints().names():
        lens = open_checkpoint(source)
        try:
            with progress_bar() as progress:
                study = held_out_shares(
                    lens.name, lens.model, folder or default_folder(), most, head=head, progress=progress
                )
        except DataError as error:
            if checkpoints:
                raise
            print_error(error)
        else:
            found.append(study)
    return tuple(found)


def _examples(lens: Lens, folder: Path | None, most: int) -> Examples:
    from ..studies.base import held_out
    from ..training.sets.base import default_folder

    return held_out(lens.model, folder or default_folder(), most)


def show(over: str, rows: Rows, *, as_csv: bool, as_json: bool) -> None:
    """Writes a study to standard output: as a table, CSV or JSON."""
    from ..studies.tables import rows_csv

    if as_json:
        print_json({"over": over, "rows": rows})
    elif as_csv:
        typer.echo(rows_csv(rows), nl=False)
    else:
        typer.echo(f"{over}, means with 95 % intervals\n{_table(rows)}")


def _over(name: str, examples: Examples) -> str:
    return f"{name}: {len(examples):,} held-out examples of {examples.groups:,} groups"


def _table(rows: Rows) -> str:
    means = [name for name in rows[0] if f"{name}_low" in rows[0]]
    plain = [name for name in rows[0] if name not in means and not name.endswith(("_low", "_high"))]
    lines: list[Sequence[str]] = [[*plain, *means]]
    for row in rows:
        said = [_plain(row[name]) for name in plain]
        spread = [percent_interval(row[n], row[f"{n}_low"], row[f"{n}_high"]) for n in means]
        lines.append([*said, *spread])
    return table(lines)


def _plain(value: Any) -> str:
    return "" if value is None else number(value) if isinstance(value, float) else str(value)


def shares_table(study: HeldOutShares) -> str:
    """The shares of a checkpoint, a row a block."""
    rows = [["", *study.bundles]]
    for block, row in zip(study.blocks, study.shares, strict=True):
        rows.append([f"block {block + 1}", *(_interval_text(mean) for mean in row)])
    over = f"{study.examples:,} held-out examples of {study.groups:,} groups"
    return f"{study.model} ({study.positions}): {over}\n{table(rows)}"


def _interval_text(mean: Mean) -> str:
    return percent_interval(mean.value, mean.low, mean.high)


def tartan_table(studies: Sequence[HeldOutSpectra]) -> str:
    """Ratio and regularity of every block with their intervals, a column a checkpoint; of clips, part by part."""
    names = ["", *(one.model for one in studies)]
    of = [f"{one.model}: {one.examples} held-out examples of {one.groups} groups" for one in studies]
    parts = ["  " + ", ".join(of)]
    for what, key in (
        ("energy at the frequencies of the code, in multiples of the baseline", "ratio"),
        ("regularity: how well a map repeats itself, 0 to 1", "regularity"),
    ):
        for part in dict.fromkeys(spectrum.part for one in studies for spectrum in one.blocks):
            held = [
                {spectrum.block: getattr(spectrum, key) for spectrum in one.blocks if spectrum.part == part}
                for one in studies
            ]
            rows = [names]
            for block in sorted({block for one in held for block in one}):
                rows.append([f"block {block + 1}", *(_mean_text(one.get(block)) for one in held)])
            parts += [f"  {what}{of_part(part)}, with its 95 % interval", table(rows)]
    return "\n".join(parts)


def of_part(part: str | None) -> str:
    """The part of a clip behind what is told of it; nothing for other inputs."""
    return "" if part is None else f", {part}"


def _mean_text(mean: Mean | None) -> str:
    if mean is None:
        return ""
    if mean.value != mean.value:
        return "none"
    return f"{number(mean.value)} ({number(mean.low)} to {number(mean.high)})"
