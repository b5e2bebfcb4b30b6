"""`perceiver effects` and `perceiver patch`: what single latents do for a class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..analysis.formatting import class_name, number, percent
from ..progress import progress_bar
from .console import examples, print_json, print_notes, signed, table
from .options import Against, AsJson, Checkpoint, ClassName, File, Read, from_zero, not_both
from .session import Session

if TYPE_CHECKING:
    from ..analysis.patching import LatentEffects, Patching
    from ..lens import Run

After = Annotated[
    int | None,
    typer.Option(min=1, help="The block after which latents are removed, from 1; by default they are never there."),
]
Top = Annotated[int, typer.Option(min=1, help="How many latents to list.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Write all as CSV.")]

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver effects photo.jpg",
        "perceiver effects photo.jpg -c image-fourier --after 4 --class car --top 20",
        "perceiver effects photo.jpg --without 3,5,7 --without 12",
    )
)
def effects(
    file: File,
    checkpoint: Checkpoint = None,
    after: After = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            help="Latents to remove together, from 1 with commas, once for each group; by default each alone.",
            show_default=False,
        ),
    ] = None,
    class_: ClassName = None,
    top: Top = 10,
    read: Read = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Remove latents and measure what the logit of a class loses."""
    not_both(as_csv, as_json)
    from ..export.latents import effects_csv, effects_json

    groups = [_numbers(text) for text in without] if without else None
    run = Session(checkpoint, read).run(file)
    with progress_bar() as progress:
        found = run.latent_effects(class_, after=from_zero(after), groups=groups, progress=progress)
    if as_json:
        print_json({"file": str(file)} | effects_json(found, run.labels, run.context.origin))
        return
    print_notes(file, run.sample.notes)
    if as_csv:
        typer.echo(effects_csv(found, run.labels), nl=False)
    else:
        typer.echo(f"{file} ({run.name})\n{_effects(found, run, top)}")


@app.command(
    epilog=examples(
        "perceiver patch photo.jpg other.jpg",
        "perceiver patch photo.jpg other.jpg -c image-fourier --class car --against boat",
    )
)
def patch(
    file: File,
    source: Annotated[Path, typer.Argument(help="The input whose states are taken.", show_default=False)],
    checkpoint: Checkpoint = None,
    class_: ClassName = None,
    against: Against = None,
    top: Top = 3,
    read: Read = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Give single latents the state that they have for another input (activation patching).

    The value that is followed is the logit of the source's prediction minus that of the file's own; the share says how
    far the exchange moves it from the file's value to the source's.
    """
    not_both(as_csv, as_json)
    from ..export.latents import patching_csv, patching_json

    session = Session(checkpoint, read)
    run, other = session.run(file), session.run(source)
    with progress_bar() as progress:
        found = run.patch(other, class_, against, progress=progress)
    if as_json:
        print_json({"file": str(file)} | patching_json(found, run.labels, other.sample.name, run.context.origin))
        return
    print_notes(file, run.sample.notes)
    print_notes(source, other.sample.notes)
    if as_csv:
        typer.echo(patching_csv(found, run.labels), nl=False)
    else:
        typer.echo(f"{file}, patched with {source} ({run.name})\n{_patching(found, run, top)}")


def _effects(found: LatentEffects, run: Run, top: int) -> str:
    when = "from the start" if found.after is None else f"after block {found.after + 1}"
    rows = [["without latent", "logit changes by", "prediction"]]
    for i in found.order[:top].tolist():
        names = ", ".join(str(n + 1) for n in found.groups[i])
        rows.append([names, signed(-float(found.effects[i]), 3), class_name(run.labels[int(found.answers[i])])])
    return f"  logit of {class_name(run.labels[found.target])}: {number(found.logit)}; removed {when}\n{table(rows)}"


def _patching(found: Patching, run: Run, top: int) -> str:
    value = f"logit of {class_name(run.labels[found.target])}"
    if found.against is not None:
        value += f" minus that of {class_name(run.labels[found.against])}"
    top = min(top, found.patched.shape[1])
    rows = [["after block", "all latents", *(f"strongest {i + 1}" for i in range(top))]]
    for block, whole, shares in zip(found.states, found.whole, found.recovered, strict=True):
        best = sorted(range(len(shares)), key=lambda n: -shares[n])[:top]
        together = (float(whole) - found.original) / (found.source - found.original)
        rows.append(
            [str(block + 1), percent(together), *(f"latent {n + 1}: {percent(float(shares[n]))}" for n in best)]
        )
    head = f"  {value}: {number(found.original)} for the file, {number(found.source)} for the source"
    return f"{head}\n{table(rows)}"


def _numbers(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"--without {text!r} has to be numbers of latents from 1, with commas")
    return [int(part) - 1 for part in parts]
