"""`perceiver scan`: predictions along an input that is longer than a checkpoint reads at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..analysis.formatting import class_name, clock
from ..progress import progress_bar
from .console import examples, print_json, print_notes
from .options import AsJson, Checkpoint, File, Read, not_both, reading_options
from .session import Session

if TYPE_CHECKING:
    from ..analysis.timeline import Timeline

app = typer.Typer()


@app.command(
    epilog=examples("perceiver scan talk.mp3", "perceiver scan talk.mp3 -c audio-mel --every 0.5 --csv > talk.csv")
)
def scan(
    file: File,
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
    read: Read = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every window as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is heard where in a long file: its stretches of one answer, or every window as CSV or JSON."""
    not_both(as_csv, as_json)
    from ..export.timeline import timeline_csv, timeline_json

    options = reading_options(read)
    lens = Session(checkpoint).lens(file)
    with progress_bar() as progress:
        found = lens.scan(file, every=every, progress=progress, **options)
    if as_json:
        origin = found.origin(lens.name, file.name, lens.sha256)
        print_json({"file": str(file)} | timeline_json(found.timeline, lens.labels, origin, top=top))
        return
    print_notes(file, found.notes)
    if as_csv:
        typer.echo(timeline_csv(found.timeline, lens.labels, top=top), nl=False)
    else:
        typer.echo(f"{file} ({lens.name})\n{_listing(found.timeline, lens.labels)}")


def _listing(timeline: Timeline, labels: tuple[str, ...]) -> str:
    """The stretches of one answer, a line each, with the mean probability of the answer."""
    names = [class_name(label) for label in labels]
    width = max(len(name) for name in names)
    lines = []
    for stretch in timeline.stretches():
        where = f"{clock(stretch.start, 1):>9}  to {clock(stretch.stop, 1):>9}"
        if stretch.answer is None or stretch.probability is None:
            lines.append(f"{where}  no signal")
        else:
            lines.append(f"{where}  {names[stretch.answer]:{width}}  {stretch.probability:6.1%}")
    return "\n".join(lines)
