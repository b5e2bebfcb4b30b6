"""`perceiver sweep`: how much an answer needs of every frequency of the position code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .asked import ClassName, axis_names, change, class_number, table
from .group import examples, print_json, progress
from .opened import Opened, Openings, choices
from .predict import AsJson, Checkpoint, Read
from .studies import Fill, HeldOut, Most, curves_of, frequencies, one_of, show
from .training import DataFolder

if TYPE_CHECKING:
    from ..analysis import sweep as sweeps
    from ..sample import Sample

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver sweep photo.jpg",
        "perceiver sweep photo.jpg --class chair --fill mean --csv > chair.csv",
        "perceiver sweep talk.mp3 -c audio-mel --json",
        "perceiver sweep --held-out -c image-fourier --most 400",
    )
)
def sweep(
    file: Annotated[Path | None, typer.Argument(help="File to read.", show_default=False)] = None,
    checkpoint: Checkpoint = None,
    class_: ClassName = None,
    fill: Annotated[Fill, typer.Option(help="What takes the place of what goes.")] = "zero",
    seed: Annotated[int, typer.Option(min=0, help="Of the order of what is shuffled.")] = 0,
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
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    one_of(file, checkpoint, held_out)
    if file is None:
        show(*frequencies(checkpoint or "", data, most, fill, seed), as_csv=as_csv, as_json=as_json)
        return
    opened = Openings(checkpoint)(file)
    sample = opened.read(file, choices(read or []))
    swept = Swept.of(opened, sample, fill, seed, class_)
    if as_json:
        print_json({"file": str(file)} | swept.json())
        return
    for note in sample.notes:
        typer.echo(f"{file}: {note}", err=True)
    typer.echo(swept.csv() if as_csv else f"{file} ({opened.name})\n{swept.listing()}", nl=not as_csv)


@dataclass(frozen=True)
class Swept:
    """A finished sweep of one input."""

    opened: Opened
    sample: Sample
    sweep: sweeps.Sweep

    @classmethod
    def of(cls, opened: Opened, sample: Sample, fill: Fill, seed: int, class_: str | None) -> Swept:
        """Works it out, with a progress bar. Raises ConfigError where there are no frequencies, or no such class."""
        from ..analysis.sweep import steps

        found, target = curves_of(opened, fill, seed), class_number(opened, class_)
        with progress() as bars:
            task = bars.add_task("Sweeping", total=sum(len(curve.ablations) for curve in found))
            for grown in steps(opened.model, sample, found, target):
                bars.update(task, completed=grown.known)
        return cls(opened, sample, grown)

    def json(self) -> dict[str, Any]:
        """All ablations with where they come from."""
        from ..export import sweep_json

        about = self.opened.about(self.sample)
        return sweep_json(self.sweep, self.opened.labels, axes=axis_names(self.sample), **about)

    def csv(self) -> str:
        """A line an ablation."""
        from ..export import sweep_csv

        return sweep_csv(self.sweep, self.opened.labels, axes=axis_names(self.sample))

    def listing(self) -> str:
        """A table a curve, then how well estimates agree with what was worked out."""
        from ..analysis.change import softmax

        points, swept = self.json()["points"], self.sweep
        lines = [f"  following {self.opened.labels[swept.target]}, {softmax(swept.before)[swept.target]:.1%}"]
        for curve in swept.curves:
            its, points = points[: len(curve.ablations)], points[len(curve.ablations) :]
            lines += [f"  {self._heading(curve)}", _rows(its)]
        alone, together = swept.rho("single"), swept.rho("cumulative")
        lines.append(
            "  Spearman's rho of estimate and exact change of the logit: "
            f"{alone:.2f} for frequencies alone, {together:.2f} for cut-offs"
        )
        return "\n".join(lines)

    def _heading(self, curve: sweeps.Curve) -> str:
        names = axis_names(self.sample)
        if curve.axis is not None:
            return f"each frequency of {names[curve.axis]} alone"
        across = f" (of {names[0]})" if len(names) > 1 else ""
        which = "this and all higher" if curve.family == "low_pass" else "this and all lower"
        return f"{which} frequencies of every axis{across}"


def _rows(points: Sequence[dict[str, Any]]) -> str:
    from ..analysis.formatting import number

    rows = [["cycles", "answer", "estimate", "logit", "points"]]
    for point in points:
        changes = [change(point["estimate"], 3), change(point["logit"], 3), change(100 * point["probability"], 1)]
        rows.append([number(point["cycles"]), point["answer"], *changes])
    return table(rows, left=2, indent="    ")
