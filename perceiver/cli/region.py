"""`perceiver region`: the share of each block's and latent's attention weight that falls into a part of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..analysis.formatting import count, number, percent
from .console import examples, print_json, print_notes, table
from .options import AsJson, Checkpoint, File, Head, Read, from_zero, not_both
from .session import Session

if TYPE_CHECKING:
    from ..analysis.region import RegionShares

REGION = (
    "Cells of the input's grid from 1, rows first (3-10,5-20), or intervals of its axes: time in seconds, frequency in "
    "hertz, rows and cols in pixels of the original, x, y and z of a cloud (time=0:0.15, x=-1:0.5,z=0:)."
)

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver region talk.mp3 time=0:0.15",
        "perceiver region photo.jpg 1-32,1-64 --top 20",
        "perceiver region chair.ply y=:0 --csv > region.csv",
    )
)
def region(
    file: File,
    where: Annotated[str, typer.Argument(metavar="REGION", help=REGION, show_default=False)],
    checkpoint: Checkpoint = None,
    top: Annotated[int, typer.Option(min=0, help="How many of the latents with the largest shares to list.")] = 8,
    head: Head = None,
    read: Read = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every block and latent as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the attention weight in a part of the input.

    Beside the share of each block stands the share that uniform attention would have there.
    """
    not_both(as_csv, as_json)
    from ..export.region import region_csv, region_json

    run = Session(checkpoint, read).run(file)
    found = run.region(where, head=from_zero(head))
    if as_json:
        print_json({"file": str(file)} | region_json(found, where, run.context.origin, head=from_zero(head)))
        return
    print_notes(file, run.sample.notes)
    if as_csv:
        typer.echo(region_csv(found), nl=False)
    else:
        typer.echo(f"{file} ({run.name}), region {where}\n{_listing(found, top)}")


def _listing(found: RegionShares, top: int) -> str:
    def line(name: str, share: float) -> list[str]:
        return [name, percent(share), f"{number(share / found.uniform)} ×"]

    blocks = [line(f"block {b + 1}", float(share)) for b, share in zip(found.blocks, found.shares, strict=True)]
    parts = [
        f"  {count(found.elements)} of {count(found.total)} elements; uniform attention: {percent(found.uniform)}",
        table([["", "weight inside", "of uniform"], *blocks]),
    ]
    if top:
        latents = [line(f"block {r.block + 1}, latent {r.latent + 1}", r.weight) for r in found.strongest(top)]
        parts.append(table([["latents with the most", "weight inside", "of uniform"], *latents]))
    return "\n".join(parts)
