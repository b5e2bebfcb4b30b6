"""`perceiver encoding`: what a checkpoint's position encoding is like."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import count, number, percent
from .console import examples, file_part, json_bytes, print_json, print_notes, save, settings_part, table
from .options import CHECKPOINT_HELP, AsJson, Out, Read, element_at, reading_options
from .session import open_checkpoint

if TYPE_CHECKING:
    import numpy as np

SHARES = 5
"""Shares of the Gram spectrum that are listed."""

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver encoding image-fourier",
        "perceiver encoding image-learned --at 20,32 -o codes",
        "perceiver encoding points-fourier chair.ply --at 7 --json",
    )
)
def encoding(
    checkpoint: Annotated[str, typer.Argument(help=CHECKPOINT_HELP, show_default=False)],
    file: Annotated[
        Path | None,
        typer.Argument(help="File to read, where elements are where the input is, as points are.", show_default=False),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="ELEMENT",
            help="Compare the code of this element with all others: its number, or ROW,COLUMN, from 1.",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Show a position encoding: its frequencies, how many dimensions it fills, and how alike the codes of places are.

    With --out, codes, components and similarity are written as NPZ, the numbers as JSON.
    """
    from ..export.encodings import encoding_json, encoding_npz
    from ..lens.encoding import encoding_layout

    lens = open_checkpoint(checkpoint)
    sample = None if file is None else lens.read(file, **reading_options(read))
    element = None if at is None else element_at(at, lens.config.input_shape)
    found = lens.encoding(sample, element=element)
    layout = encoding_layout(lens.config, sample)
    origin = lens.origin if sample is None else lens.origin_of(sample)
    axes = layout.axes if sample is not None else tuple(f"axis {i + 1}" for i in range(lens.config.num_axes))
    values = encoding_json(found, origin, axes=axes)
    written = []
    if out is not None:
        stem = "" if file is None else f"{file.stem}."
        stem += f"{file_part(lens.name)}.encoding{settings_part(*(read or ()), at=at)}"
        buffer = BytesIO()
        encoding_npz(buffer, found, origin, layout)
        written = [save(out, f"{stem}.npz", buffer.getvalue()), save(out, f"{stem}.json", json_bytes(values))]
    if as_json:
        print_json(values | ({"written": written} if written else {}))
        return
    print_notes(file, values["notes"])
    typer.echo(
        "\n".join([_listing(f"{lens.name}: {lens.config.positions_phrase}", values, at, found.similarity), *written])
    )


def _listing(title: str, values: dict[str, Any], at: str | None, cosines: np.ndarray | None) -> str:
    elements = " × ".join(map(count, values["shape"]))
    lines = [f"{title}, {values['channels']} channels, {elements} elements"]
    rows = [["", "bands", "lowest", "highest", "step"]]
    for axis, along in values["cycles"].items():
        step = number(along[1] - along[0]) if len(along) > 1 else ""
        rows.append([axis, str(len(along)), number(along[0]), number(along[-1]), step])
    if len(rows) > 1:
        lines += [table(rows), "  frequencies in cycles across the axis"]
    if not values["channels"]:
        return "\n".join([*lines, "  no position channels: nothing in the input array says where an element lies"])
    gram = values["code"]
    leading = ", ".join(percent(share) for share in gram["shares"][:SHARES])
    lines.append(
        f"  Gram spectrum: {count(gram['dimensions'])} dimensions, as if {number(gram['effective'])} were used alike; "
        f"the first hold {leading}"
    )
    if cosines is not None:
        others = cosines[[i for i in range(len(cosines)) if i != values["similarity"]["element"]]]
        lines.append(
            f"  similarity of element {at} to the others (cosine): {number(float(others.min()))} to "
            f"{number(float(others.max()))}, mean {number(float(others.mean()))}; "
            f"{count(int((others > 0.5).sum()))} of {count(len(others))} above 0.5"
        )
    return "\n".join(lines)
