"""`perceiver maps`: what every cross-attention of every block read, as figures and data."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import typer

from ..errors import ConfigError
from . import asked
from .asked import json_file, places, stems
from .group import BAD_INPUT, examples, print_json, write_file
from .opened import Opened, Openings, choices, for_each
from .predict import AsJson, Checkpoint, Files, Read

if TYPE_CHECKING:
    import numpy as np

    from ..sample import Sample
    from ..trace import Trace

# The library's own lists, written out so that help does not wait for torch; a test keeps them the same.
Reduce = Literal["mean", "max", "entropy"]
Kind = Literal["probability", "score", "value"]
Mode = Literal["shared", "uniform", "per_map", "log"]
Colours = Literal["magma", "inferno", "viridis", "cividis", "greys"]
Format = Literal["png", "svg", "pdf", "npz", "json"]

app = typer.Typer()


@dataclass(frozen=True)
class Reading:
    """What is read off each block, and how it is drawn; `latent` and `head` count from 0, None is all of them."""

    reduce: Reduce
    latent: int | None
    head: int | None
    kind: Kind
    scale: Mode
    colours: Colours
    overlay: int

    def words(self, latents: int, heads: int) -> str:
        """The reading in plain text, for figures."""
        what = f"{self.reduce} over {latents} latents" if self.latent is None else f"latent {self.latent + 1}"
        if heads > 1:
            what += f", mean over {heads} heads" if self.head is None else f", head {self.head + 1}"
        return f"{what[0].upper()}{what[1:]}."


@app.command(
    epilog=examples(
        "perceiver maps photo.jpg -o maps",
        "perceiver maps photo.jpg -o maps --latent 12 --kind score --format png,npz",
        "perceiver maps *.jpg -o maps --format npz --all-latents",
    )
)
def maps(
    files: Files,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write to.", show_default=False)],
    checkpoint: Checkpoint = None,
    reduce: Annotated[Reduce, typer.Option(help="How all latents become one map.")] = "mean",
    latent: Annotated[int | None, typer.Option(min=1, help="One latent, from 1, in place of all.")] = None,
    head: Annotated[int | None, typer.Option(min=1, help="One head, from 1, in place of their mean.")] = None,
    kind: Annotated[
        Kind, typer.Option(help="Weights, scores before the softmax, or weights by value.")
    ] = "probability",
    scale: Annotated[Mode, typer.Option(help="Colour scale of the figure.")] = "shared",
    colours: Annotated[Colours, typer.Option(help="Colours of the figure.")] = "magma",
    overlay: Annotated[
        int, typer.Option(min=0, max=100, help="How far the map covers the input, in percent; 100 is the map alone.")
    ] = 80,
    formats: Annotated[
        str, typer.Option("--format", metavar="LIST", help=f"Any of {', '.join(get_args(Format))}, with commas.")
    ] = "png,npz,json",
    all_latents: Annotated[
        bool, typer.Option("--all-latents", help="Put every latent's map into the NPZ, not their reduction.")
    ] = False,
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Write the map of every block of each file.

    The figure is written as PNG, SVG or PDF, the values with their coordinates as NPZ, the predictions as JSON.
    """
    wanted = cast(list[Format], asked.formats(formats, get_args(Format)))
    if all_latents and "npz" not in wanted:
        raise typer.BadParameter("every latent's map is written as NPZ, so --format has to name npz")
    options = choices(read or [])
    openings = Openings(checkpoint)
    reading = Reading(reduce, _from_one(latent), _from_one(head), kind, scale, colours, overlay)
    if checkpoint:
        _check(reading, openings(files[0]))
    names = stems(files)

    def work(path: Path) -> dict[str, Any]:
        opened = openings(path)
        _check(reading, opened)
        sample = opened.read(path, options)
        trace = opened.trace(sample)
        written = []
        for form in wanted:
            target = out / f"{names[path]}.{opened.name.replace('/', '--')}.{form}"
            write_file(target, _contents(form, opened, trace, sample, reading, all_latents))
            written.append(str(target))
        return {"file": str(path), "written": written, "notes": list(sample.notes)}

    results, complete = for_each(files, "Reading maps", work)
    if as_json:
        print_json(results)
    else:
        for result in results:
            for note in result["notes"]:
                typer.echo(f"{result['file']}: {note}", err=True)
            typer.echo("\n".join(result["written"]))
    if not complete:
        raise typer.Exit(BAD_INPUT)


def _from_one(number: int | None) -> int | None:
    return None if number is None else number - 1


def _check(reading: Reading, opened: Opened) -> None:
    """Raises ConfigError for a reading that this model cannot give."""
    from ..analysis.summary import quantity
    from ..plots.scale import modes

    config = opened.model.config
    for what, number, count in (
        ("latent", reading.latent, config.num_latents),
        ("head", reading.head, config.cross_heads),
    ):
        if number is not None and number >= count:
            raise ConfigError(f"{opened.name} has no {what} {number + 1}; they run from 1 to {count}")
    if reading.latent is None and reading.reduce == "entropy" and reading.kind == "score":
        raise ConfigError("scores are no shares of anything, so they have no entropy; use --kind probability or value")
    usable = modes(quantity(reading.kind, reading.reduce, reading.latent))
    if reading.scale not in usable:
        raise ConfigError(f"these maps have no scale {reading.scale}; use --scale {' or '.join(usable)}")


def _contents(form: Format, opened: Opened, trace: Trace, sample: Sample, reading: Reading, all_latents: bool) -> bytes:
    match form:
        case "json":
            return json_file(opened.predictions(trace, sample, top=None))
        case "npz":
            return _npz(opened, trace, sample, reading, all_latents)
        case _:
            return _figure(form, opened, trace, sample, reading)


def _block_maps(trace: Trace, reading: Reading) -> list[np.ndarray]:
    return [
        trace.map(block, latent=reading.latent, reduce=reading.reduce, kind=reading.kind, head=reading.head)
        .reshape(trace.shape)
        .numpy()
        for block in trace.blocks
    ]


def _npz(opened: Opened, trace: Trace, sample: Sample, reading: Reading, all_latents: bool) -> bytes:
    import numpy as np

    from ..export import maps_npz

    if all_latents:
        every = (trace.latent_maps(b, slice(None), kind=reading.kind, head=reading.head) for b in trace.blocks)
        values = np.stack([block.unflatten(1, trace.shape).numpy() for block in every])
    else:
        values = np.stack(_block_maps(trace, reading))
    buffer = io.BytesIO()
    maps_npz(
        buffer,
        values,
        blocks=trace.blocks,
        kind=reading.kind,
        reduce=None if all_latents or reading.latent is not None else reading.reduce,
        head=reading.head,
        latent=None if all_latents else reading.latent,
        **places(sample),
        **opened.origin,
    )
    return buffer.getvalue()


def _figure(
    form: Literal["png", "svg", "pdf"], opened: Opened, trace: Trace, sample: Sample, reading: Reading
) -> bytes:
    from ..analysis.summary import quantity, summarise
    from ..plots.drawing import draw
    from ..plots.figures import figure_png, figure_vector
    from ..plots.scale import ColourScale

    what = quantity(reading.kind, reading.reduce, reading.latent)
    values = _block_maps(trace, reading)
    config = opened.model.config
    ranges = ColourScale(reading.scale).limits(values, what)
    strength = None if reading.overlay == 100 else reading.overlay / 100
    drawn = draw(sample, values, ranges, colours=reading.colours, strength=strength)
    figure = figure_png if form == "png" else partial(figure_vector, form=form)
    return figure(
        drawn,
        ranges,
        [f"Block {block + 1}" for block in trace.blocks],
        [summarise(one, what) for one in values],
        title=f"What each block of {opened.name} read in {sample.name}",
        footer=" ".join([reading.words(config.num_latents, config.cross_heads), *_shares(trace, sample, reading)]),
    )


def _shares(trace: Trace, sample: Sample, reading: Reading) -> Iterator[str]:
    """How the weight of each block is divided among the parts of the input, in plain text."""
    from ..analysis.formatting import percent

    if not sample.parts or reading.kind != "probability" or (reading.latent is None and reading.reduce != "mean"):
        return
    for block, values in zip(trace.blocks, _block_maps(trace, reading), strict=True):
        shares = ", ".join(f"{name} {percent(float(part.sum()))}" for name, part in sample.split(values).items())
        yield f"Block {block + 1} gives {shares} of its weight."
    total = sum(part.count for part in sample.parts)
    alike = ", ".join(f"{part.name} {percent(part.count / total)}" for part in sample.parts)
    yield f"Read alike, they would get {alike}."
