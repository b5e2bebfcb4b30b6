"""`perceiver dataset`: a checkpoint over a whole data set, and several checkpoints side by side."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import class_name, number, percent, percent_interval
from ..errors import CheckpointError, InputError
from ..progress import progress_bar
from .arguments import ISOLATE
from .console import examples, file_part, print_json, print_notes, table
from .options import AsJson, Out
from .session import open_checkpoint
from .training import DataFolder

if TYPE_CHECKING:
    from ..dataset import Collection, DataSetAnalysis, Disagreements, Partial
    from ..lens import Lens
    from ..studies.base import Mean

app = typer.Typer()

SHOWN = 8
"""Latents and confusions in the tables."""

MOST = 400
"""Held-out examples that are analysed by default."""

KEPT = 20.0
"""Seconds between two files of an unfinished analysis."""


@app.command(
    epilog=examples(
        "perceiver dataset letters-fourier",
        "perceiver dataset letters-fourier letters-learned",
        "perceiver dataset image-fourier --files photos -o overview",
        "perceiver dataset runs/x/letters-fourier --data data --most 1000 -o overview",
        "perceiver dataset --outdated",
    )
)
def dataset(
    checkpoint: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CHECKPOINT...",
            help="Names, folders or hub ids of checkpoints, or files that this command wrote.",
            show_default=False,
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(
            "--files", help="Folder of files to read, in subfolders named like classes or not.", show_default=False
        ),
    ] = None,
    data: DataFolder = None,
    most: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"At most so many held-out examples, equally many a class; {MOST} by default.",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    outdated: Annotated[
        bool,
        typer.Option(
            "--outdated",
            help="Build what is missing or of other weights in the folders of the bundled checkpoints.",
        ),
    ] = False,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes; as many as there are cores by default.", show_default=False)
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew where --out holds an unfinished analysis.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Analyse checkpoints over a data set: confusions, mean maps, latents, parts of scores, bands, and disagreements.

    Prints the analyses that are kept beside the weights of checkpoints, or in files. With --out, --most, --data or
    --files they are computed: over held-out examples of the checkpoint's own data, or over files. An analysis that was
    interrupted goes on when the same command with --out is given again.
    """
    sources = checkpoint or []
    if files is not None and (data is not None or most is not None):
        raise typer.BadParameter("--files excludes --data and --most: all files are read")
    if outdated:
        if files is not None or out is not None:
            raise typer.BadParameter("--outdated writes the analyses of held-out examples beside the weights")
        _rebuild(sources, data, most or MOST, processes)
        return
    if not sources:
        raise typer.BadParameter("name a checkpoint, or --outdated")
    found = []
    for source in sources:
        if out is None and files is None and data is None and most is None:
            found.append(_kept(source))
            continue
        lens = open_checkpoint(source)
        path = None if out is None else out / f"{file_part(lens.name)}.npz"
        place = ["--files", str(files)] if files is not None else ["--most", str(most or MOST)]
        command = shlex.join(["perceiver", "dataset", source, *place])
        found.append(_built(lens, _collection(lens, files, data, most or MOST), command, processes, path, fresh))
    _print(found, as_json)


def _kept(source: str) -> DataSetAnalysis:
    """The analysis in a file, or beside the weights of a checkpoint. Raises CheckpointError where there is none."""
    from ..checkpoints import resolve
    from ..dataset import FILE, check, load

    if Path(source).suffix == ".npz" and Path(source).is_file():
        return load(Path(source))
    folder = resolve(source).folder
    if not check(folder):
        raise CheckpointError(f"{source} has no {FILE}", "-o DIR computes it")
    return load(folder / FILE)


def _collection(lens: Lens, files: Path | None, data: Path | None, most: int) -> Collection:
    from ..dataset import files as files_of
    from ..dataset import held_out
    from ..training.sets.base import default_folder

    if files is not None:
        return files_of(lens.config, files)
    return held_out(lens.config, data or default_folder(), most)


def _built(
    lens: Lens, collection: Collection, command: str, processes: int | None, path: Path | None, fresh: bool
) -> DataSetAnalysis:
    """Computes an analysis, and writes it where there is a path, resuming what lies there unfinished."""
    from ..dataset import default_processes, finish, save, steps

    part = None if path is None else path.with_suffix(".part.npz")
    isolate = ISOLATE.get()
    with progress_bar() as progress:
        partial = None
        resume = None if part is None or fresh else _unfinished(part)
        many = 1 if isolate else processes or default_processes(len(collection))
        began = time.monotonic()
        for partial in steps(lens.model, collection, processes=many, resume=resume, isolate=isolate, progress=progress):
            if part is not None and time.monotonic() - began > KEPT:
                partial.save(part)
                began = time.monotonic()
        assert partial is not None
        progress(None, "Placing inputs on the map")
        found = finish(lens.model, collection, partial, name=lens.name, weights_sha256=lens.sha256, command=command)
    if path is not None and part is not None:
        save(found, path)
        part.unlink(missing_ok=True)
    return found


def _unfinished(part: Path) -> Partial | None:
    from ..dataset import Partial

    return Partial.load(part) if part.is_file() else None


def _rebuild(names: list[str], data: Path | None, most: int, processes: int | None) -> None:
    """Builds the analyses of bundled checkpoints that are outdated; of some where they are named."""
    from ..checkpoints import BundledCheckpoints
    from ..dataset import FILE, outdated

    store = BundledCheckpoints()
    wanted = [name for name in outdated(store) if not names or name in names]
    for name in names:
        store.folder(name)
    for name in wanted:
        lens = open_checkpoint(name)
        command = shlex.join(["perceiver", "dataset", name, "--outdated", "--most", str(most)])
        path = store.folder(name) / FILE
        try:
            found = _built(lens, _collection(lens, None, data, most), command, processes, path, fresh=False)
        except InputError as error:
            raise CheckpointError(f"{name}: {error}") from error
        typer.echo(f"{path}: {found.summary}")
    if not wanted:
        typer.echo("Every checkpoint has an analysis of its weights.")


def _print(found: list[DataSetAnalysis], as_json: bool) -> None:
    from ..dataset import disagreements

    pairs = [(found[0], other, disagreements(found[0], other)) for other in found[1:]]
    for one in found:
        print_notes(one.about.model, [*one.about.notes, *(f"{name}: {reason}" for name, reason in one.about.errors)])
    if as_json:
        values = [one.to_dict() for one in found]
        print_json(
            values[0] if len(values) == 1 else {"analyses": values, "pairs": [one.to_dict() for *_, one in pairs]}
        )
        return
    typer.echo("\n\n".join([*map(_listing, found), *(_pair(*one) for one in pairs)]))


def _listing(one: DataSetAnalysis) -> str:
    parts = [f"{one.about.model}: {one.summary}"]
    for title, rows in (
        ("after each block", _blocks(one)),
        ("low-pass cut-offs of the bands", _bands(one)),
        ("most frequent confusions", _confusions(one)),
        ("latents that matter most: the logit of the prediction falls by", _latents(one)),
    ):
        if len(rows) > 1:
            parts += [f"  {title}", table(rows)]
    return "\n".join(parts)


def _blocks(one: DataSetAnalysis) -> list[list[str]]:
    groups = list(dict.fromkeys(share.group for share in one.shares))
    held = {(share.block, share.group): share.share for share in one.shares}
    count = one.examples.answers.shape[1]
    rows = [["", *(["accuracy"] if one.accuracy else []), *(f"{group} in the scores" for group in groups)]]
    for block in range(count):
        accuracy = [_percent(one.accuracy[block])] if one.accuracy else []
        shares = [_percent(held[block, group]) if (block, group) in held else "" for group in groups]
        rows.append([f"block {block + 1}", *accuracy, *shares])
    return rows


def _bands(one: DataSetAnalysis) -> list[list[str]]:
    rows = [["removed from", "accuracy", "same prediction"]]
    for cut in one.bands:
        name = "nothing" if cut.cycles is None else f"{number(cut.cycles)} cycles"
        rows.append([name, "" if cut.accuracy is None else _percent(cut.accuracy), _percent(cut.agrees)])
    return rows


def _confusions(one: DataSetAnalysis) -> list[list[str]]:
    counts, names = one.confusion, [class_name(label) for label in one.about.classes]
    rows = [["true", "predicted", "inputs"]]
    wrong = [(counts[i, j], i, j) for i in range(len(names)) for j in range(len(names)) if i != j and counts[i, j]]
    for count, i, j in sorted(wrong, key=lambda cell: (-cell[0], cell[1:]))[:SHOWN]:
        rows.append([names[i], names[j], str(count)])
    return rows


def _latents(one: DataSetAnalysis) -> list[list[str]]:
    rows = [["", "logit", "95 % interval", "entropy", "strongest input"]]
    for latent in one.latents.order[:SHOWN].tolist():
        mean, first = one.latents.removed[latent], int(one.latents.strongest[latent][0])
        rows.append(
            [
                f"latent {latent + 1}",
                number(mean.value),
                f"{number(mean.low)} to {number(mean.high)}",
                percent(float(one.latents.entropy[latent])),
                one.examples.keys[first],
            ]
        )
    return rows


def _pair(first: DataSetAnalysis, second: DataSetAnalysis, found: Disagreements) -> str:
    a, b = found.names
    parts = [f"{a} and {b}: {len(found.differ):,} of {found.inputs:,} predictions differ"]
    if found.difference is not None:
        mean = found.difference
        counts = [["both", f"{a} only", f"{b} only", "neither"]]
        counts.append([str(one) for one in (found.both, found.first, found.second, found.neither)])
        parts += ["  right", table(counts, left=0)]
        parts.append(
            f"  accuracy {mean.value:+.1%} (95 % interval {mean.low:+.1%} to {mean.high:+.1%}), "
            f"McNemar's exact test p = {number(found.p_value or 0.0)}"
        )
    rows = [["input", "true", a, b]]
    for row, other in zip(found.differ[: 2 * SHOWN].tolist(), found.matched.tolist(), strict=False):
        label = int(first.examples.labels[row])
        rows.append(
            [
                first.examples.keys[row],
                class_name(first.about.classes[label]) if label >= 0 else "",
                class_name(first.about.classes[first.predicted[row]]),
                class_name(second.about.classes[second.predicted[other]]),
            ]
        )
    return "\n".join([*parts, *([table(rows, left=4)] if len(rows) > 1 else [])])


def _percent(mean: Mean | Any) -> str:
    return percent_interval(mean.value, mean.low, mean.high)
