"""`perceiver sweep`: how much an answer needs of every frequency of the position code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import ConfigError
from .asked import ClassName, axis_names, change, followed, table
from .group import examples, print_json, progress
from .opened import Opened, Openings, choices
from .predict import AsJson, Checkpoint, Read

if TYPE_CHECKING:
    import numpy as np

    from ..analysis.sweep import Curve
    from ..sample import Sample

Fill = Literal["zero", "mean", "shuffle"]

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver sweep photo.jpg",
        "perceiver sweep photo.jpg --class chair --fill mean --csv > chair.csv",
        "perceiver sweep talk.mp3 -c audio-mel --json",
    )
)
def sweep(
    file: Annotated[Path, typer.Argument(help="File to read.", show_default=False)],
    checkpoint: Checkpoint = None,
    class_: ClassName = None,
    fill: Annotated[Fill, typer.Option(help="What takes the place of what goes.")] = "zero",
    seed: Annotated[int, typer.Option(min=0, help="Of the order of what is shuffled.")] = 0,
    read: Read = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every ablation as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take every frequency away alone, then all above and all below each, and follow one class.

    Changes of the logit are estimated from one backward pass, then worked out; Spearman's rho says how well the two
    agree in rank.
    """
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
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
    """A sweep of one input: `estimates` and `after` in the order of the curves' ablations."""

    opened: Opened
    sample: Sample
    target: int
    curves: tuple[Curve, ...]
    before: np.ndarray
    estimates: np.ndarray
    after: list[np.ndarray]

    @classmethod
    def of(cls, opened: Opened, sample: Sample, fill: Fill, seed: int, class_: str | None) -> Swept:
        """Works it out, with a progress bar. Raises ConfigError where there are no frequencies, or no such class."""
        from ..analysis.sweep import answers, curves, estimate

        model = opened.model
        found = curves(model.encoding, fill, seed)
        if not found:
            kind = model.config.positions.kind
            raise ConfigError(f"{opened.name} has {kind} positions, without frequencies that could be swept")
        target = followed(opened, class_, opened.trace(sample).logits.numpy())
        ablations = [one for curve in found for one in curve.ablations]
        after: list[np.ndarray] = []
        with progress() as bars:
            task = bars.add_task("Sweeping", total=len(ablations))
            made = estimate(model, sample, ablations, target)
            for part in answers(model, sample, ablations):
                after.extend(part)
                bars.update(task, completed=len(after))
        return cls(opened, sample, target, found, made.logits, made.changes, after)

    def json(self) -> dict[str, Any]:
        """All ablations with where they come from."""
        from ..export import sweep_json

        about = self.opened.about(self.sample)
        return sweep_json(*self._parts(), target=self.target, axes=axis_names(self.sample), **about)

    def csv(self) -> str:
        """A line an ablation."""
        from ..export import sweep_csv

        return sweep_csv(*self._parts(), target=self.target, axes=axis_names(self.sample))

    def listing(self) -> str:
        """A table a curve, then how well estimates agree with what was worked out."""
        from ..analysis.change import softmax
        from ..export import agreement

        points = self.json()["points"]
        lines = [f"  following {self.opened.labels[self.target]}, {softmax(self.before)[self.target]:.1%}"]
        for curve in self.curves:
            its, points = points[: len(curve.ablations)], points[len(curve.ablations) :]
            lines += [f"  {self._heading(curve)}", _rows(its)]
        rho = agreement(self.before, self.estimates, self.after, self.target)
        lines.append(f"  Spearman's rho of estimate and exact change of the logit: {rho:.2f}")
        return "\n".join(lines)

    def _heading(self, curve: Curve) -> str:
        names = axis_names(self.sample)
        if curve.axis is not None:
            return f"each frequency of {names[curve.axis]} alone"
        across = f" (of {names[0]})" if len(names) > 1 else ""
        which = "this and all higher" if curve.family == "low_pass" else "this and all lower"
        return f"{which} frequencies of every axis{across}"

    def _parts(self) -> tuple[Any, ...]:
        return self.curves, self.before, self.estimates, self.after, self.opened.labels


def _rows(points: Sequence[dict[str, Any]]) -> str:
    from ..analysis.numbers import number

    rows = [["cycles", "answer", "estimate", "logit", "points"]]
    for point in points:
        changes = [change(point["estimate"], 3), change(point["logit"], 3), change(100 * point["probability"], 1)]
        rows.append([number(point["cycles"]), point["answer"], *changes])
    return table(rows, left=2, indent="    ")
