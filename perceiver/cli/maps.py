"""`perceiver maps`: the attention maps of every block, as figures and data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import typer

from ..errors import ConfigError
from ..progress import ProgressCallback
from .console import (
    BAD_INPUT,
    examples,
    file_part,
    for_each,
    json_bytes,
    print_json,
    print_notes,
    save,
    settings_part,
    stems,
    table,
)
from .options import AsJson, Checkpoint, Files, Head, Kind, Part, Read, from_zero, listed
from .session import Session

if TYPE_CHECKING:
    from ..analysis.map_checks import MapChecks
    from ..analysis.maps import MapSelection
    from ..lens import Lens, Maps, Run

# The library's own lists, written out so that help does not wait for torch; a test keeps them the same.
Reduce = Literal["mean", "max", "entropy"]
Mode = Literal["shared", "uniform", "per_map", "log"]
Colours = Literal["magma", "inferno", "viridis", "cividis", "greys"]
Format = Literal["png", "svg", "pdf", "gif", "mp4", "npz", "csv", "profiles", "json"]
ENDINGS: Mapping[Format, str] = {"profiles": "csv"}
"""Endings of the files of formats that are not named by it."""

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver maps photo.jpg -o maps",
        "perceiver maps photo.jpg -o maps --latent 12 --kind score --format png,npz",
        "perceiver maps *.jpg -o maps --format npz --all-latents",
        "perceiver maps talk.mp3 -o maps --format profiles",
        "perceiver maps clip.mp4 -o maps --format mp4,gif",
        "perceiver maps *.jpg -o maps --check",
    )
)
def maps(
    files: Files,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write to.", show_default=False)],
    checkpoint: Checkpoint = None,
    reduce: Annotated[Reduce, typer.Option(help="How all latents become one map.")] = "mean",
    latent: Annotated[int | None, typer.Option(min=1, help="One latent, from 1, in place of all.")] = None,
    head: Head = None,
    kind: Annotated[
        Kind, typer.Option(help="Weights, scores before the softmax, or weights by value.")
    ] = "probability",
    part: Part = "",
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
    check: Annotated[
        bool,
        typer.Option("--check", help="Check each map against random order, random weights and other seeds."),
    ] = False,
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Write the map of every block of each file.

    The figure is written as PNG, SVG or PDF, that of a clip also as it plays, as GIF or MP4; the values with their
    locations as NPZ or CSV, the predictions as JSON. The format profiles writes each map's weight along the axes of its
    grid as CSV: over time and frequency for a sound.

    A check says whether a map is stable, weak, or no better than random on this input, and is written as JSON.
    """
    wanted = cast(list[Format], listed(formats, get_args(Format)))
    if all_latents and "npz" not in wanted:
        raise typer.BadParameter("every latent's map is written as NPZ, so --format has to name npz")
    from ..analysis.map_checks import why_unchecked
    from ..analysis.maps import MapSelection
    from ..export.checks import checks_json

    selection = MapSelection(reduce, from_zero(latent), from_zero(head), kind, part)
    if check and (reason := why_unchecked(selection)):
        raise typer.BadParameter(f"--check cannot check these maps: {reason}")
    other = {"head": head, "kind": None if kind == "probability" else kind, "part": part or None}
    chosen = settings_part(latent=latent, reduce=None if reduce == "mean" or latent else reduce, **other)
    all_settings = settings_part(all_latents=True, **other)
    drawn = settings_part(
        scale=None if scale == "shared" else scale,
        colours=None if colours == "magma" else colours,
        overlay=None if overlay == 80 else overlay,
    )
    session, names = Session(checkpoint, read), stems(files)
    if checkpoint is not None:
        _check(selection, scale, session.lens(files[0]))

    def work(path: Path, progress: ProgressCallback) -> tuple[dict[str, Any], str]:
        _check(selection, scale, session.lens(path))
        run = session.run(path)
        found = run.select(selection)
        written = []
        for form in wanted:
            # The predictions do not depend on which maps are drawn, nor the values on how they are.
            parts = settings_part(*(read or ()))
            if form == "json":
                data = json_bytes(run.json())
            elif form == "csv":
                data = found.csv().encode()
                parts += chosen
            elif form == "profiles":
                data = _profiles(found, run)
                parts += chosen + settings_part(profiles=True)
            elif form == "npz":
                data = _every_latent(run, found) if all_latents else found.npz()
                parts += all_settings if all_latents else chosen
            elif form == "gif" or form == "mp4":
                data = found.animation(form, scale=scale, colours=colours, overlay=overlay / 100)
                parts += chosen + drawn
            else:
                data = found.figure(form, scale=scale, colours=colours, overlay=overlay / 100)
                parts += chosen + drawn
            written.append(save(out, f"{names[path]}.{file_part(run.name)}{parts}.{ENDINGS.get(form, form)}", data))
        result = {"file": str(path), "written": written, "notes": list(run.sample.notes)}
        if not check:
            return result, ""
        checks = run.checks(selection, progress=progress)
        values = checks_json(checks, run.labels, run.context.origin)
        parts = settings_part(*(read or ())) + chosen
        written.append(save(out, f"{names[path]}.{file_part(run.name)}.checks{parts}.json", json_bytes(values)))
        return result | {"checks": values["checks"]}, _listing(checks)

    results, complete = for_each(files, "Computing maps", work)
    if as_json:
        print_json([result for result, _ in results])
    else:
        for result, listing in results:
            print_notes(result["file"], result["notes"])
            typer.echo("\n".join([*result["written"], *([listing] if listing else [])]))
    if not complete:
        raise typer.Exit(BAD_INPUT)


def _check(selection: MapSelection, scale: Mode, lens: Lens) -> None:
    """Raises ConfigError for maps or a scale that this model does not have."""
    from ..plots.scale import modes

    selection.check(lens.config, lens.name)
    usable = modes(selection.quantity)
    if scale not in usable:
        raise ConfigError(f"these maps have no scale {scale}; use --scale {' or '.join(usable)}")


def _listing(checks: MapChecks) -> str:
    """The verdict and the figures of every block as a table, and what the columns are."""
    from ..analysis.map_checks import ALIKE, HEADS, figures

    rows = [["block", "map", *HEADS]]
    rows += [[str(one.block + 1), one.verdict, *figures(one)] for one in checks.checks]
    return "\n".join(
        [
            table(rows, left=2),
            "  deletion and random order: mean probability as the most marked elements, or random ones, go first",
            f"  untrained models and other seeds: rank correlation with their maps; from {ALIKE} on they are alike",
        ]
    )


def _profiles(found: Maps, run: Run) -> bytes:
    """The profiles as CSV. Raises ConfigError for free elements, which have none."""
    if not found.profiles():
        raise ConfigError(f"the elements of {run.sample.name} lie on no grid, so its maps have no profiles along axes")
    return found.profiles_csv().encode()


def _every_latent(run: Run, found: Maps) -> bytes:
    from io import BytesIO

    import numpy as np

    from ..export.predictions import maps_npz

    selection = found.selection
    trace = run.split.trace_of(selection.part)
    values = np.stack([selection.latent_maps(trace, block) for block in run.blocks])
    buffer = BytesIO()
    maps_npz(buffer, values, run.blocks, run.context.origin, run.context.layout, selection)
    return buffer.getvalue()
