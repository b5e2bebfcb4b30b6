"""`perceiver tartan`: whether maps carry the frequencies of a position encoding, and repeat themselves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import number
from ..progress import ProgressCallback
from ..validation import index_of
from .compare import block_table
from .console import BAD_INPUT, examples, for_each, print_json, print_notes
from .held_out import of_part, tartan_table
from .held_out import tartan as study
from .options import AsJson, Checkpoints, Head, Kind, Read, from_zero, not_both, reading_options
from .session import open_checkpoint
from .training import DataFolder

if TYPE_CHECKING:
    from ..analysis.spectrum import Spectrum
    from ..export.encodings import ModelSpectra
    from ..lens import Lens

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver tartan photo.jpg -c image-fourier -c image-learned",
        "perceiver tartan *.jpg -c image-fourier -c image-learned -c image-coordinates --csv > tartan.csv",
        "perceiver tartan --held-out -c image-fourier -c image-learned",
    )
)
def tartan(
    checkpoint: Checkpoints,
    files: Annotated[list[Path] | None, typer.Argument(help="Files to read.", show_default=False)] = None,
    kind: Annotated[
        Kind, typer.Option(help="Weights, scores before the softmax as in the paper's figures, or weights by value.")
    ] = "score",
    head: Head = None,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Over held-out examples of each checkpoint's data, in place of files.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, help="With --held-out: at most so many examples, evenly spread.")] = 100,
    data: DataFolder = None,
    read: Read = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write the numbers as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the spectra of every block's maps, checkpoints side by side.

    Energy at the frequencies of the position encoding is set against a matched baseline, where it has none: 1 says that
    nothing of the code is seen. Checkpoints without frequencies are measured at those of the first that has some on the
    same grid, else at those that a Fourier code of their grid would have. The sound and the frames of clips are
    measured apart, each on its own grid.
    """
    not_both(as_csv, as_json)
    if bool(files) == held_out:
        raise typer.BadParameter("it takes files to read, or --held-out")
    options, which = reading_options(read), from_zero(head)
    opened = [_with_head(open_checkpoint(source), which) for source in checkpoint]
    if held_out:
        from ..studies.tables import rows_csv, spectra_json, spectra_rows

        found = study(opened, data, most, kind, which)
        if as_json:
            print_json(spectra_json(found, [lens.sha256 for lens in opened], kind=kind, head=which))
        elif as_csv:
            typer.echo(rows_csv(spectra_rows(found)), nl=False)
        else:
            typer.echo(tartan_table(found))
        return

    def work(path: Path, progress: ProgressCallback) -> tuple[dict[str, Any], tuple[ModelSpectra, ...]]:
        from ..export.encodings import tartan_json
        from ..lens import spectra_of

        runs = [lens.run(lens.read(path, **options)) for lens in opened]
        found = spectra_of(runs, kind=kind, head=which, progress=progress)
        notes = list(found[0].origin.notes)
        return {"file": str(path), "notes": notes} | tartan_json(found, kind=kind, head=which), found

    results, complete = for_each(files or [], "Measuring spectra", work)
    if as_json:
        print_json([values for values, _ in results])
    else:
        for values, _ in results:
            print_notes(values["file"], values["notes"])
        parts = [(values["file"], found) for values, found in results]
        typer.echo(_csv(parts) if as_csv else "\n\n".join(f"{file}\n{_listing(found)}" for file, found in parts))
    if not complete:
        raise typer.Exit(BAD_INPUT)


def _with_head(lens: Lens, head: int | None) -> Lens:
    """A checkpoint that has a head. Raises ConfigError for one that does not."""
    if head is not None:
        index_of("head", head, lens.config.cross_heads, lens.name)
    return lens


def _csv(parts: Sequence[tuple[str, tuple[ModelSpectra, ...]]]) -> str:
    """A line a checkpoint and block; of several files with the file in front."""
    from ..export.encodings import tartan_csv

    if len(parts) == 1:
        return tartan_csv(parts[0][1]).removesuffix("\n")
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for i, (file, found) in enumerate(parts):
        head, *rows = csv.reader(StringIO(tartan_csv(found)))
        if i == 0:
            writer.writerow(["file", *head])
        writer.writerows([file, *row] for row in rows)
    return out.getvalue().removesuffix("\n")


def _listing(measured: Sequence[ModelSpectra]) -> str:
    """Ratio and regularity of every block, a column a checkpoint, then at whose frequencies; of clips, part by part."""

    def cell(value: float) -> str:
        return "none" if value != value else number(value)

    names, parts = [one.origin.model for one in measured], []
    for what, key in (
        ("energy at the frequencies of the code, in multiples of the baseline", "ratio"),
        ("regularity: how well a map repeats itself, 0 to 1", "regularity"),
    ):
        for part in dict.fromkeys(one.part for its in measured for one in its.spectra):
            columns: list[Any] = [
                {one.block: float(getattr(one, key)) for one in its.spectra if one.part == part} for its in measured
            ]
            parts += [f"  {what}{of_part(part)}", block_table(names, columns, cell)]
    return "\n".join([*parts, *(f"  {line}" for one in measured for line in _where(one))])


def _where(one: ModelSpectra) -> list[str]:
    """At whose frequencies a checkpoint was measured, and against what: a line for each part of the input."""
    firsts = {spectrum.part: spectrum for spectrum in reversed(one.spectra)}
    return [_told(one, firsts[part]) for part in dict.fromkeys(spectrum.part for spectrum in one.spectra)]


def _told(one: ModelSpectra, first: Spectrum) -> str:
    name = one.origin.model
    whose = "its own" if one.bands_of == name else f"those of {one.bands_of or 'a Fourier code of its grid'}"
    against = {
        "between": "against those halfway between",
        "turned": "against the same in other directions",
        "none": "without a baseline",
    }[first.matched]
    free = "; free elements, an estimate" if first.estimated else ""
    return f"{name}{of_part(first.part)}: {first.resolved} of {first.bands} frequencies, {whose}, {against}{free}"
