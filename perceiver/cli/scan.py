"""`perceiver scan`: what a checkpoint answers along an input that is longer than it reads at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .group import examples, print_json, progress
from .opened import Opened, Openings
from .predict import AsJson, Checkpoint

if TYPE_CHECKING:
    from ..analysis.timeline import Timeline
    from ..modalities import Windows

app = typer.Typer()


@app.command(
    epilog=examples("perceiver scan talk.mp3", "perceiver scan talk.mp3 -c audio-mel --every 0.5 --csv > talk.csv")
)
def scan(
    file: Annotated[Path, typer.Argument(help="File to read.", show_default=False)],
    checkpoint: Checkpoint = None,
    every: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Time from one window's start to the next; by default they lie end to end.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to write for each window.")] = 3,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every window as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is heard where in a long file: its stretches of one answer, or every window as CSV or JSON."""
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    from ..export import timeline_csv, timeline_json

    opened = Openings(checkpoint)(file)
    windows = opened.scan(file, every)
    timeline = _along(opened, windows)
    if as_json:
        values = timeline_json(timeline, opened.labels, sample=file.name, top=top, notes=windows.notes, **opened.origin)
        print_json({"file": str(file)} | values)
        return
    for note in windows.notes:
        typer.echo(f"{file}: {note}", err=True)
    if as_csv:
        typer.echo(timeline_csv(timeline, opened.labels, top=top), nl=False)
    else:
        typer.echo(f"{file} ({opened.name})\n{_listing(timeline, opened.labels)}")


def _along(opened: Opened, windows: Windows) -> Timeline:
    """The answers to all windows, with a progress bar."""
    from ..analysis.scan import scan

    found: Timeline | None = None
    with progress() as bars:
        task = bars.add_task("Scanning", total=len(windows))
        for part in scan(opened.model, windows, windows.seconds):
            found = part if found is None else found + part
            bars.update(task, completed=len(found))
    assert found is not None  # an input that can be read has a first window
    return found


def _listing(timeline: Timeline, labels: tuple[str, ...]) -> str:
    """The stretches of one answer, a line each, with the mean probability of the answer."""
    from ..analysis.formatting import clock

    width = max(len(label) for label in labels)
    lines = []
    for stretch in timeline.stretches():
        where = f"{clock(stretch.start, 1):>9}  to {clock(stretch.stop, 1):>9}"
        if stretch.answer is None or stretch.probability is None:
            lines.append(f"{where}  no signal")
        else:
            lines.append(f"{where}  {labels[stretch.answer]:{width}}  {stretch.probability:6.1%}")
    return "\n".join(lines)
