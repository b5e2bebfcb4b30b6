"""`perceiver split`: how much content and position make of the scores of every block, and why a latent reads a spot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import number, percent, signed
from .console import examples, print_json, print_notes, save, table
from .held_out import shares as study
from .held_out import shares_table
from .options import AsJson, Head, Most, OptionalFile, Read, element_at, from_zero, not_both
from .session import Session
from .training import DataFolder

if TYPE_CHECKING:
    from ..analysis.reading import Reading
    from ..analysis.split import ScoreSplit
    from ..analysis.split_shares import ScoreShares
    from ..lens import Run

LISTED = 8
"""Parts that are listed."""

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver split photo.jpg",
        "perceiver split photo.jpg --at 12,30 --block 1 --latent 5",
        "perceiver split talk.mp3 --csv > shares.csv",
        "perceiver split --held-out -c image-fourier -c image-learned",
    )
)
def split(
    file: OptionalFile = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            "--checkpoint",
            "-c",
            help="A checkpoint's name, its folder, or a hub id; with --held-out once for each, by default all bundled "
            "ones.",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="ELEMENT",
            help="Split the score of one input element: its number from 1, or one for each axis (12,30).",
            show_default=False,
        ),
    ] = None,
    block: Annotated[
        int | None, typer.Option(min=1, help="With --at: the block, from 1; by default that of the latent.")
    ] = None,
    latent: Annotated[
        int | None,
        typer.Option(min=1, help="With --at: the latent, from 1; by default the one with the most weight there."),
    ] = None,
    head: Head = None,
    top: Annotated[int, typer.Option(min=1, help="How many parts to list.")] = LISTED,
    npz: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the scores of content and of each axis as NPZ.", show_default=False),
    ] = None,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Over held-out examples of the checkpoints' data, in place of a file.")
    ] = False,
    most: Most = 100,
    data: DataFolder = None,
    read: Read = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every part, or every block and latent, as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Split the scores of every cross-attention into content and position.

    A score is an exact sum over the parts of an input row. Listed is the share of each in the variance of the scores
    over the elements; with --at why one latent reads one element, each part less its mean over all elements.
    """
    not_both(as_csv, as_json)
    if (file is None) != held_out:
        raise typer.BadParameter("it takes a file to read, or --held-out")
    if at is None and (block is not None or latent is not None):
        raise typer.BadParameter("--block and --latent belong to --at")
    if file is None:
        if at is not None or npz is not None:
            raise typer.BadParameter("--at and --npz need a file to read")
        _held_out(checkpoint or [], data, most, from_zero(head), as_csv=as_csv, as_json=as_json)
        return
    if checkpoint and len(checkpoint) > 1:
        raise typer.BadParameter("a file is read by one checkpoint; -c is given more than once")
    run = Session(checkpoint[0] if checkpoint else None, read).run(file)
    if npz is not None:
        save(npz.parent, npz.name, run.split.npz(head=from_zero(head)))
    if not as_json:
        print_notes(file, run.sample.notes)
    if at is not None:
        element = element_at(at, run.sample.shape)
        _element(file, run, element, from_zero(block), from_zero(latent), from_zero(head), top, as_csv, as_json)
        return
    from ..export.split import split_csv, split_json

    found = run.split.shares(head=from_zero(head))
    if as_json:
        print_json({"file": str(file)} | split_json(found, run.context.origin, run.split.bundles))
    elif as_csv:
        typer.echo(split_csv(found, run.split.bundles), nl=False)
    else:
        typer.echo(f"{file} ({run.name})\n{_shares_listing(run, found, top)}")


def _held_out(
    checkpoints: list[str], data: Path | None, most: int, head: int | None, *, as_csv: bool, as_json: bool
) -> None:
    from ..studies.tables import rows_csv, share_rows

    found = study(checkpoints, data, most, head)
    if as_json:
        print_json({"head": head, "rows": share_rows(found)})
    elif as_csv:
        typer.echo(rows_csv(share_rows(found)), nl=False)
    else:
        what = "shares of the variance of the scores, means with 95 % intervals"
        typer.echo("\n\n".join([what, *(shares_table(one) for one in found)]))


def _element(
    file: Path,
    run: Run,
    element: int,
    block: int | None,
    latent: int | None,
    head: int | None,
    top: int,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Writes the split of one score."""
    from ..export.split import score_split_csv, score_split_json

    found = run.split.score(element, block=block, latent=latent, head=head)
    axes = run.context.axis_names
    if as_csv:
        typer.echo(score_split_csv(found, axes), nl=False)
        return
    taken = run.split.reading(found.block, found.latent, head=head)
    if as_json:
        print_json({"file": str(file)} | score_split_json(found, run.context.origin, axes, taken))
        return
    typer.echo(f"{file} ({run.name}), element {element + 1}\n{_element_listing(run, found, taken, top)}")


def _shares_listing(run: Run, found: ScoreShares, top: int) -> str:
    """The share of every bundle by block, a sentence, and the parts with the largest shares of each block."""
    from ..analysis.split_shares import shares_sentence

    def share(value: Any) -> str:
        return percent(float(value)) if value == value else "none"

    bundles = run.split.bundles
    rows = [["share of the variance", *(name for _, name in bundles)]]
    by_bundle = [found.of(text) for text, _ in bundles]
    rows += [[f"block {b + 1}", *(share(its[i]) for its in by_bundle)] for i, b in enumerate(found.blocks)]
    axes = run.context.axis_names
    lines = [f"  {shares_sentence(found)}", table(rows), "  largest parts"]
    for block in found.blocks:
        largest = found.largest(block, top)
        told = ", ".join(f"{part.name(axes)} {share(value)}" for part, value in largest if value == value)
        lines.append(f"  block {block + 1}: {told or 'scores are constant'}")
    return "\n".join(lines)


def _element_listing(run: Run, found: ScoreSplit, taken: Reading, top: int) -> str:
    """The largest terms of a score, and what the latent reads."""
    size, axes = run.trace.inputs.shape[1], run.context.axis_names
    rows = [["part", "difference", "here", "mean over elements"]]
    rows += [[one.name, signed(one.excess), number(one.value), number(one.mean)] for one in found.terms(top, axes)]
    rows += [["constant", "0", number(found.constant), number(found.constant)]]
    rows += [["score", signed(found.excess), number(found.score), number(found.mean_score)]]
    weight = f"{percent(found.weight)} of its weight, {number(found.weight * size)} × uniform attention"
    read = [f"{name} {percent(taken.of(text))}" for text, name in run.split.bundles]
    lines = [
        f"  latent {found.latent + 1} of block {found.block + 1} gives it {weight}",
        table(rows),
        f"  share in what the latent reads: {', '.join([*read, f'constant {percent(taken.constant)}'])}",
    ]
    return "\n".join(lines)
