"""`perceiver latents`: clusters of a block's latents by their attention maps, their concentration and movement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import number
from .console import examples, print_json, print_notes, table
from .options import AsJson, Checkpoint, File, Head, Read, from_zero, not_both
from .session import Session

if TYPE_CHECKING:
    from ..analysis.latents import LatentAnalysis

NAMED = 8
"""Latents of a cluster that are listed."""

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver latents photo.jpg",
        "perceiver latents photo.jpg --block 1 --clusters 8",
        "perceiver latents talk.mp3 -c audio-mel --csv > latents.csv",
    )
)
def latents(
    file: File,
    checkpoint: Checkpoint = None,
    block: Annotated[
        int | None, typer.Option(min=1, help="The block, from 1; by default the last that reads.", show_default=False)
    ] = None,
    clusters: Annotated[int, typer.Option(min=1, help="How many clusters to make.")] = 4,
    head: Head = None,
    read: Read = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every latent as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cluster the latents of a block by what they read."""
    not_both(as_csv, as_json)
    from ..export.latents import latents_csv, latents_json

    run = Session(checkpoint, read).run(file)
    found = run.latents(from_zero(block), clusters=clusters, head=from_zero(head))
    if as_json:
        print_json({"file": str(file)} | latents_json(found, run.context.origin))
        return
    print_notes(file, run.sample.notes)
    if as_csv:
        typer.echo(latents_csv(found), nl=False)
    else:
        typer.echo(f"{file} ({run.name}), block {found.block + 1}\n{_listing(found)}")


def _listing(found: LatentAnalysis) -> str:
    """A line a cluster, with medians over its latents, then how much all move from block to block."""
    clusters, moves = found.clusters, found.steps
    rows = [["cluster", "latents", "effective number", *(f"moved {_step(step)}" for step, _ in moves)]]
    named = [""]
    for i, size in enumerate(clusters.sizes):
        members = clusters.members(i)
        named.append(" ".join(str(n + 1) for n in members[:NAMED].tolist()) + (" …" if size > NAMED else ""))
        effective = number(_median(found.concentration.effective[members]))
        moved = (f"{number(_median(one[members]))} bits" for _, one in moves)
        rows.append([str(i + 1), str(size), f"{effective} elements", *moved])
    lines = [f"{line}  {which}".rstrip() for line, which in zip(table(rows).splitlines(), named, strict=True)]
    lines += ["  medians over the latents of a cluster; neighbours in its list have similar maps"]
    movement = found.movement
    if movement.steps:
        steps = zip(movement.steps, movement.divergence, strict=True)
        all_ = ", ".join(f"{_step(step)}: {number(_median(one))}" for step, one in steps)
        lines.append(f"  how far all latents move, median Jensen-Shannon divergence in bits: {all_}")
    return "\n".join(lines)


def _step(step: tuple[int, int]) -> str:
    return f"{step[0] + 1} to {step[1] + 1}"


def _median(values: Any) -> float:
    import numpy as np

    return float(np.median(values))
