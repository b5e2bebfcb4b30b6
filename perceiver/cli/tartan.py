"""`perceiver tartan`: whether maps carry the frequencies of a position code, and repeat themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import ConfigError
from .asked import table
from .compare import Checkpoints
from .group import BAD_INPUT, examples, print_json
from .held_out import studied, studied_csv, studied_json, studied_table
from .opened import Opened, Told, choices, for_each_in_steps
from .predict import AsJson, Read
from .training import DataFolder

if TYPE_CHECKING:
    from ..export import Measured

Kind = Literal["probability", "score", "value"]

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
    head: Annotated[int | None, typer.Option(min=1, help="One head, from 1, in place of their mean.")] = None,
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

    Energy at the frequencies of the position code is set against a matched baseline, where it has none: 1 says that
    nothing of the code is seen. Checkpoints without frequencies are measured at those of the first that has some on the
    same grid, else at those that a Fourier code of their grid would have.
    """
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    if bool(files) == held_out:
        raise typer.BadParameter("it takes files to read, or --held-out")
    options, which = choices(read or []), None if head is None else head - 1
    opened = [_with_head(Opened.open(source), which) for source in checkpoint]
    if held_out:
        studies = studied(opened, data, most, kind, which)
        if as_json:
            print_json(studied_json(studies, kind=kind, head=which))
        else:
            typer.echo(studied_csv(studies).removesuffix("\n") if as_csv else studied_table(studies))
        return
    from ..export import tartan_json

    def work(path: Path, told: Told) -> tuple[dict[str, Any], tuple[Measured, ...]]:
        found, notes = _measured(path, opened, kind, which, options, told)
        values = tartan_json(found, sample=path.name, kind=kind, head=which, notes=notes)
        return {"file": str(path), "notes": notes} | values, found

    results, complete = for_each_in_steps(files or [], "Measuring spectra", work)
    if as_json:
        print_json([values for values, _ in results])
    else:
        for values, _ in results:
            for note in values["notes"]:
                typer.echo(f"{values['file']}: {note}", err=True)
        parts = [(values["file"], found) for values, found in results]
        typer.echo(_csv(parts) if as_csv else "\n\n".join(f"{file}\n{_listing(found)}" for file, found in parts))
    if not complete:
        raise typer.Exit(BAD_INPUT)


def _with_head(opened: Opened, head: int | None) -> Opened:
    """A checkpoint that has a head. Raises ConfigError for one that does not."""
    heads = opened.model.config.cross_heads
    if head is not None and head >= heads:
        raise ConfigError(f"{opened.name} has no head {head + 1}; they run from 1 to {heads}")
    return opened


def _measured(
    path: Path, opened: Sequence[Opened], kind: Kind, head: int | None, options: dict[str, str], told: Told
) -> tuple[tuple[Measured, ...], list[str]]:
    """The spectra of every checkpoint's maps of a file, and what was changed on its way in."""
    from ..analysis.compare import bands_beside
    from ..analysis.encodings import gram
    from ..analysis.spectrum import spectra
    from ..export import Measured

    measured: list[Measured] = []
    notes: dict[str, None] = {}
    for one, (lender, bands) in zip(opened, bands_beside([one.model for one in opened]), strict=True):
        sample = one.read(path, options)
        notes |= dict.fromkeys(sample.notes)
        trace = one.trace(sample)
        found = []
        for spectrum in spectra(trace, bands, sample.coordinates, kind=kind, head=head):
            found.append(spectrum)
            told((len(measured) + len(found) / len(trace.blocks)) / len(opened))
        code = gram(one.model.codes(sample)[0])
        of = None if lender is None else opened[lender].name
        measured.append(Measured(one.name, one.sha256, one.model.config.positions.kind, of, tuple(found), code))
    return tuple(measured), list(notes)


def _csv(parts: Sequence[tuple[str, tuple[Measured, ...]]]) -> str:
    """A line a checkpoint and block; of several files with the file in front."""
    from ..export import tartan_csv

    if len(parts) == 1:
        return tartan_csv(parts[0][1]).removesuffix("\n")
    import csv
    from io import StringIO

    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for number, (file, found) in enumerate(parts):
        head, *rows = csv.reader(StringIO(tartan_csv(found)))
        if number == 0:
            writer.writerow(["file", *head])
        writer.writerows([file, *row] for row in rows)
    return out.getvalue().removesuffix("\n")


def _listing(measured: Sequence[Measured]) -> str:
    """Ratio and regularity of every block, a column a checkpoint, then at whose frequencies."""
    from ..analysis.formatting import number

    names = ["", *(one.model for one in measured)]
    parts = []
    for what, key in (
        ("energy at the frequencies of the code, in multiples of the baseline", "ratio"),
        ("regularity: how well a map repeats itself, 0 to 1", "regularity"),
    ):
        held = [{s.block: float(getattr(s, key)) for s in one.spectra} for one in measured]
        rows = [names]
        for block in sorted({block for one in held for block in one}):
            cells = ["" if block not in one else _cell(one[block], number) for one in held]
            rows.append([f"block {block + 1}", *cells])
        parts += [f"  {what}", table(rows)]
    return "\n".join([*parts, *(f"  {_where(one)}" for one in measured if one.spectra)])


def _cell(value: float, form: Any) -> str:
    return "none" if value != value else str(form(value))


def _where(one: Measured) -> str:
    """At whose frequencies a checkpoint was measured, and against what."""
    first = one.spectra[0]
    whose = "its own" if one.bands_of == one.model else f"those of {one.bands_of or 'a Fourier code of its grid'}"
    against = {
        "between": "against those halfway between",
        "turned": "against the same in other directions",
        "none": "without a baseline",
    }[first.matched]
    free = "; free elements, an estimate" if first.estimated else ""
    return f"{one.model}: {first.resolved} of {first.bands} frequencies, {whose}, {against}{free}"
