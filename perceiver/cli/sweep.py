"""`perceiver sweep`: how much a prediction depends on every frequency of the position encoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import class_name, number, percent
from ..progress import progress_bar
from .console import examples, print_json, print_notes, signed, table
from .held_out import frequencies, show
from .options import (
    AsJson,
    Checkpoint,
    ClassName,
    HeldOut,
    HowFilled,
    Most,
    OptionalFile,
    Read,
    Seed,
    file_or_held_out,
    not_both,
)
from .session import Session
from .training import DataFolder

if TYPE_CHECKING:
    from ..analysis.sweep import Curve, Sweep
    from ..lens import Run

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver sweep photo.jpg",
        "perceiver sweep photo.jpg -c image-fourier --class chair --fill mean --csv > chair.csv",
        "perceiver sweep talk.mp3 -c audio-mel --json",
        "perceiver sweep --held-out -c image-fourier --most 400",
    )
)
def sweep(
    file: OptionalFile = None,
    checkpoint: Checkpoint = None,
    class_: ClassName = None,
    fill: HowFilled = "zero",
    seed: Seed = 0,
    held_out: HeldOut = False,
    most: Most = 200,
    data: DataFolder = None,
    read: Read = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every ablation as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take every frequency away alone, then all above and all below each, and follow one class.

    Changes of the logit are estimated, then worked out; Spearman's rho says how well the two agree in rank. With
    --held-out: the accuracy over the checkpoint's held-out data while all above or below a frequency is taken away.
    """
    not_both(as_csv, as_json)
    file_or_held_out(file, checkpoint, held_out)
    if file is None:
        show(*frequencies(checkpoint or "", data, most, fill, seed), as_csv=as_csv, as_json=as_json)
        return
    from ..export.changes import sweep_csv, sweep_json

    run = Session(checkpoint, read).run(file)
    axes = run.context.axes
    with progress_bar() as progress:
        found = run.sweep(class_, fill=fill, seed=seed, progress=progress)
    values = sweep_json(found, run.labels, run.context.origin, axes=axes)
    if as_json:
        print_json({"file": str(file)} | values)
        return
    print_notes(file, run.sample.notes)
    if as_csv:
        typer.echo(sweep_csv(found, run.labels, axes=axes), nl=False)
    else:
        typer.echo(f"{file} ({run.name})\n{_listing(run, found, values['points'])}")


def _listing(run: Run, found: Sweep, points: Sequence[dict[str, Any]]) -> str:
    """A table a curve, then how well estimates agree with exact changes."""
    from ..analysis.change import softmax

    lines = [
        f"  following {class_name(run.labels[found.target])}, {percent(float(softmax(found.before)[found.target]))}"
    ]
    for curve in found.curves:
        its, points = points[: len(curve.ablations)], points[len(curve.ablations) :]
        lines += [f"  {_heading(curve, run.context.axes)}", _rows(its)]
    alone, together = found.rho("single"), found.rho("cumulative")
    lines.append(
        "  Spearman's rho of estimate and exact change of the logit: "
        f"{alone:.2f} for frequencies alone, {together:.2f} for cut-offs"
    )
    return "\n".join(lines)


def _heading(curve: Curve, axes: Sequence[str]) -> str:
    if curve.axis is not None:
        return f"each frequency of {axes[curve.axis]} alone"
    across = f" (of {axes[0]})" if len(axes) > 1 else ""
    which = "this and all higher" if curve.family == "low_pass" else "this and all lower"
    return f"{which} frequencies of every axis{across}"


def _rows(points: Sequence[dict[str, Any]]) -> str:
    rows = [["cycles", "answer", "estimate", "logit", "points"]]
    for point in points:
        changes = [
            signed(point["estimate"], 3),
            signed(point["logit_change"], 3),
            signed(100 * point["probability_change"], 1),
        ]
        rows.append([number(point["cycles"]), point["answer"], *changes])
    return table(rows, left=2, indent="    ")
