"""`perceiver encoding`: what a checkpoint's position code is like."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigError
from .asked import Out, at_place, axis_names, file_name, json_file, places, save, table
from .group import examples, print_json
from .opened import Opened, choices
from .predict import AsJson, Read

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ..analysis.encodings import Gram
    from ..sample import Sample

LEADING = 16
"""Components of the code that are written."""

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
    checkpoint: Annotated[
        str, typer.Argument(help="A checkpoint's name, its folder, or a hub id.", show_default=False)
    ],
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
    """Show a position code: its frequencies, how many dimensions it fills, and how alike the codes of places are.

    With --out, codes, components and similarity are written as NPZ, the numbers as JSON.
    """
    from ..analysis.encodings import gram, similarity

    opened = Opened.open(checkpoint)
    config = opened.model.config
    if file is None and config.position_axes is not None:
        raise ConfigError(f"{opened.name} has a code for every place there is, so it takes a file to say which")
    sample = None if file is None else opened.read(file, choices(read or []))
    code = (opened.model.encoding.grid() if sample is None else opened.model.codes(sample)[0]).detach()
    element = None if at is None else at_place(at, config.input_shape)
    alike = None if element is None else similarity(code, element)
    found = gram(code)
    values = _json(opened, sample, found, element, alike)
    written = []
    if out is not None:
        stem = (
            f"{file_name(opened.name)}.encoding" if file is None else f"{file.stem}.{file_name(opened.name)}.encoding"
        )
        written.append(save(out, f"{stem}.npz", _npz(opened, sample, code, found, element, alike)))
        written.append(save(out, f"{stem}.json", json_file(values)))
    if as_json:
        print_json(values | ({"written": written} if written else {}))
        return
    for note in values["notes"]:
        typer.echo(f"{file}: {note}", err=True)
    typer.echo("\n".join([_listing(opened, values, at, alike), *written]))


def _axes(opened: Opened, sample: Sample | None) -> tuple[str, ...]:
    if sample is not None:
        return axis_names(sample)
    return tuple(f"axis {i + 1}" for i in range(opened.model.config.num_axes))


def _json(
    opened: Opened, sample: Sample | None, found: Gram, element: int | None, alike: np.ndarray | None
) -> dict[str, Any]:
    from ..export import encoding_json

    config = opened.model.config
    return encoding_json(
        config.positions.kind,
        opened.model.encoding.bands(),
        found,
        shape=config.input_shape,
        channels=config.position_channels,
        axes=_axes(opened, sample),
        element=element,
        similarity=alike,
        sample="" if sample is None else sample.name,
        notes=() if sample is None else sample.notes,
        **opened.origin,
    )


def _npz(
    opened: Opened, sample: Sample | None, code: Tensor, found: Gram, element: int | None, alike: np.ndarray | None
) -> bytes:
    import numpy as np

    from ..analysis.encodings import components
    from ..export import encoding_npz
    from ..sample import Part

    config = opened.model.config
    shape = config.input_shape
    # Without a file elements have no place on an original; they have one in [-1, 1].
    lines = {f"axis_{i + 1}": np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for i, n in enumerate(shape)}
    about = {"shape": shape, "places": lines} if sample is None else places(sample)
    if sample is None and config.segments:
        parts = [
            Part(one.name, one.shape, ((-1.0, 1.0),) * len(one.shape) if one.positions else ())
            for one in config.segments
        ]
        lines = {f"{p.name}_axis_{i + 1}": np.linspace(-1, 1, n) for p in parts if p.box for i, n in enumerate(p.shape)}
        about = {"shape": shape, "places": lines, "parts": parts}
    buffer = io.BytesIO()
    encoding_npz(
        buffer,
        code.numpy(),
        found,
        components(code, LEADING),
        opened.model.encoding.bands(),
        positions=opened.model.config.positions.kind,
        element=element,
        similarity=alike,
        **about,
        **opened.origin,
    )
    return buffer.getvalue()


def _listing(opened: Opened, values: dict[str, Any], at: str | None, alike: np.ndarray | None) -> str:
    from ..analysis.formatting import count, number, percent

    elements = " × ".join(map(count, values["shape"]))
    lines = [f"{opened.name}: {values['positions']} positions, {values['channels']} channels, {elements} elements"]
    rows = [["", "bands", "lowest", "highest", "step"]]
    for axis, along in values["cycles"].items():
        step = number(along[1] - along[0]) if len(along) > 1 else ""
        rows.append([axis, str(len(along)), number(along[0]), number(along[-1]), step])
    if len(rows) > 1:
        lines += [table(rows), "  frequencies in cycles across the axis"]
    gram = values["code"]
    leading = ", ".join(percent(share) for share in gram["shares"][:SHARES])
    lines.append(
        f"  Gram spectrum: {count(gram['dimensions'])} dimensions, as if {number(gram['effective'])} were used alike; "
        f"the first hold {leading}"
    )
    if alike is not None:
        others = alike[[i for i in range(len(alike)) if i != values["similarity"]["element"]]]
        lines.append(
            f"  similarity of element {at} to the others (cosine): {number(float(others.min()))} to "
            f"{number(float(others.max()))}, mean {number(float(others.mean()))}; "
            f"{count(int((others > 0.5).sum()))} of {count(len(others))} above 0.5"
        )
    return "\n".join(lines)
