"""`perceiver latents`: which latents of a block read alike, how concentrated, and how their reading moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigError
from .asked import table
from .group import examples, print_json
from .opened import Opened, Openings, choices
from .predict import AsJson, Checkpoint, Read

if TYPE_CHECKING:
    import numpy as np

    from ..analysis.latents import Alike, Concentration, Movement

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
    file: Annotated[Path, typer.Argument(help="File to read.", show_default=False)],
    checkpoint: Checkpoint = None,
    block: Annotated[
        int | None, typer.Option(min=1, help="The block, from 1; by default the last that reads.", show_default=False)
    ] = None,
    clusters: Annotated[int, typer.Option(min=1, help="How many clusters to make.")] = 4,
    head: Annotated[int | None, typer.Option(min=1, help="One head, from 1, in place of their mean.")] = None,
    read: Read = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every latent as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cluster the latents of a block by what they read."""
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    from ..analysis.latents import alike, concentration, movement
    from ..export import latents_csv, latents_json

    opened = Openings(checkpoint)(file)
    chosen, which = _checked(opened, block, clusters, head)
    sample = opened.read(file, choices(read or []))
    trace = opened.trace(sample)
    found = alike(trace, chosen, clusters, which), concentration(trace, chosen, which), movement(trace, which)
    if as_json:
        print_json({"file": str(file)} | latents_json(chosen, *found, head=which, **opened.about(sample)))
        return
    for note in sample.notes:
        typer.echo(f"{file}: {note}", err=True)
    if as_csv:
        typer.echo(latents_csv(chosen, *found), nl=False)
    else:
        typer.echo(f"{file} ({opened.name}), block {chosen + 1}\n{_listing(chosen, *found)}")


def _checked(opened: Opened, block: int | None, clusters: int, head: int | None) -> tuple[int, int | None]:
    """The block and the head, from 0. Raises ConfigError for what the checkpoint does not have."""
    config = opened.model.config
    reading = config.cross_attention_blocks
    chosen = reading[-1] if block is None else block - 1
    if chosen not in reading:
        known = ", ".join(str(one + 1) for one in reading)
        raise ConfigError(f"block {chosen + 1} of {opened.name} reads nothing; those that do are {known}")
    if head is not None and head > config.cross_heads:
        raise ConfigError(f"{opened.name} has no head {head}; they run from 1 to {config.cross_heads}")
    if clusters > config.num_latents:
        raise ConfigError(f"{opened.name} has {config.num_latents} latents, which fall into no {clusters} clusters")
    return chosen, None if head is None else head - 1


def _listing(block: int, found: Alike, narrow: Concentration, moved: Movement) -> str:
    """A line a cluster, with medians over its latents, then how much all move from block to block."""
    from ..analysis.formatting import number

    onto = [f"moved {_step(step)}" for step in moved.steps if block in step]
    held: list[np.ndarray] = [one for step, one in zip(moved.steps, moved.divergence, strict=True) if block in step]
    rows = [["cluster", "latents", "as if read alike", *onto]]
    named = [""]
    for i, size in enumerate(found.sizes):
        members = found.members(i)
        named.append(" ".join(str(n + 1) for n in members[:NAMED].tolist()) + (" …" if size > NAMED else ""))
        middle = [_median(one[members]) for one in held]
        rows.append(
            [
                str(i + 1),
                str(size),
                f"{number(_median(narrow.effective[members]))} elements",
                *(f"{number(one)} bits" for one in middle),
            ]
        )
    lines = [f"{line}  {which}".rstrip() for line, which in zip(table(rows).splitlines(), named, strict=True)]
    lines += ["  medians over the latents of a cluster; neighbours in its list read alike"]
    if moved.steps:
        steps = zip(moved.steps, moved.divergence, strict=True)
        all_ = ", ".join(f"{_step(step)}: {number(_median(one))}" for step, one in steps)
        lines.append(f"  how far all latents move, median Jensen-Shannon divergence in bits: {all_}")
    return "\n".join(lines)


def _step(step: tuple[int, int]) -> str:
    return f"{step[0] + 1} to {step[1] + 1}"


def _median(values: Any) -> float:
    import numpy as np

    return float(np.median(values))
