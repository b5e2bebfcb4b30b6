"""`perceiver compare`: what several checkpoints predict for one input, and what each read in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import class_name, number, percent
from ..progress import ProgressCallback
from .console import examples, file_part, finish, for_each, json_bytes, save_all, settings_part, stems, table
from .options import FORMATS, AsJson, Checkpoints, Files, Formats, Kind, Out, Read, listed, reading_options
from .session import open_checkpoint

if TYPE_CHECKING:
    from ..lens import Comparison, Run

SHOWN = 5
"""Classes of each checkpoint that are listed."""

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver compare photo.jpg -c image-fourier -c image-learned",
        "perceiver compare *.jpg -c image-fourier -c image-learned -c image-coordinates -o compared",
    )
)
def compare(
    files: Files,
    checkpoint: Checkpoints,
    kind: Annotated[
        Kind, typer.Option(help="Weights, scores before the softmax, or weights by value.")
    ] = "probability",
    out: Out = None,
    formats: Formats = "png,npz,json",
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Set two to four checkpoints side by side on the same input: predictions, and the map of every block.

    Differences are to the first, where both read the same input elements. Maps are means over latents.
    """
    if not 2 <= len(set(checkpoint)) <= 4 or len(set(checkpoint)) < len(checkpoint):
        raise typer.BadParameter("two to four different checkpoints can be compared, each named with -c")
    wanted, options, names = listed(formats, FORMATS), reading_options(read), stems(files)
    opened = [open_checkpoint(source) for source in checkpoint]

    def work(path: Path, progress: ProgressCallback) -> tuple[dict[str, Any], str]:
        from ..analysis.maps import MapSelection
        from ..lens import compare

        runs: list[Run] = []
        for lens in opened:
            progress(len(runs) / len(opened), f"Running {lens.name}")
            runs.append(lens.run(lens.read(path, **options)))
        found = compare(*runs, selection=MapSelection(kind=kind))
        result = {"file": str(path)} | found.json()
        if out is not None:
            models = "+".join(file_part(lens.name) for lens in opened)
            parts = settings_part(*(read or ()), kind=None if kind == "probability" else kind)
            stem, ending = names[path], f"compared{parts}"
            result["written"] = save_all(out, wanted, lambda form: _files(found, form, stem, models, ending))
        return result, f"{path}\n{_listing(found, result['models'])}"

    results, complete = for_each(files, "Comparing", work)
    finish(results, complete, as_json)


def _files(found: Comparison, form: str, stem: str, models: str, ending: str) -> dict[str, bytes]:
    """The files of one format, by name: of all models, or of each of them."""
    match form:
        case "json":
            return {f"{stem}.{models}.{ending}.json": json_bytes(found.json())}
        case "npz":
            kind = found.selection.kind
            return {f"{stem}.{file_part(run.name)}.{ending}.npz": run.maps(kind=kind).npz() for run in found.runs}
        case _:
            return {
                f"{stem}.{models}.{ending}.png": found.figure(),
                f"{stem}.{models}.{ending}-difference.png": found.difference_figure(),
            }


def _listing(found: Comparison, models: list[dict[str, Any]]) -> str:
    """Predictions and blocks as tables, a column a checkpoint."""
    names = [run.name for run in found.runs]
    shown = [{row["label"]: row["probability"] for row in model["predictions"]} for model in models]
    classes = dict.fromkeys(row["label"] for model in models for row in model["predictions"][:SHOWN])
    rows = [["", *names]]
    rows += [
        [class_name(label), *(percent(model[label]) if label in model else "" for model in shown)] for label in classes
    ]
    parts = [table(rows)]
    for what, key, form in (
        ("the top 1 % of the elements hold", "top_mass", percent),
        (f"Jensen-Shannon divergence from {names[0]}, in bits", "divergence", number),
    ):
        by_block = [{row["block"]: row[key] for row in model["blocks"]} for model in models]
        if any(value is not None for model in by_block for value in model.values()):
            parts += [f"  {what}", block_table(names, by_block, form)]
    parts += [f"  {apart}" for apart in found.apart if apart]
    return "\n".join(parts)


def block_table(names: Sequence[str], columns: Sequence[Mapping[int, Any]], form: Callable[[Any], str]) -> str:
    """A table with a row a block and a column a checkpoint; empty where there is no value."""
    rows = [["", *names]]
    for block in sorted({block for column in columns for block in column}):
        cells = ["" if column.get(block) is None else form(column[block]) for column in columns]
        rows.append([f"block {block + 1}", *cells])
    return table(rows)
