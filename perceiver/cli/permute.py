"""`perceiver permute`: what becomes of a prediction when the elements of the input change places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import class_name, number, percent
from ..analysis.methods import SHUFFLES, Shuffle
from ..progress import ProgressCallback
from .console import examples, finish, for_each, signed, table
from .options import AsJson, Checkpoint, ClassName, Files, Read
from .session import Session

if TYPE_CHECKING:
    from ..analysis.permutation import Shuffled
    from ..lens import Run
    from ..sample import Sample

BLOCKS, CELLS = 4, 2
"""Blocks along the shorter side of a grid, cells along a side of the cube, where no size is given."""

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver permute photo.jpg",
        "perceiver permute photo.jpg --shuffle blocks --size 8 --seed 3",
        "perceiver permute chair.ply -c points-fourier --json",
    )
)
def permute(
    files: Files,
    checkpoint: Checkpoint = None,
    shuffle: Annotated[
        Shuffle | None,
        typer.Option(
            help="elements: contents with their positions; contents: against their positions; blocks: contents in "
            "whole blocks. By default all three.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Elements along a side of a block; of free elements, cells along a side of the cube.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the new order.")] = 0,
    class_: ClassName = None,
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Shuffle an input and ask the model again.

    Elements that keep their positions may change nothing but the last digits; contents that lose them may change all.
    """
    session = Session(checkpoint, read)
    wanted: tuple[Shuffle, ...] = (shuffle,) if shuffle else SHUFFLES

    def work(path: Path, progress: ProgressCallback) -> tuple[dict[str, Any], str]:
        from ..export.changes import shuffles_json

        run = session.run(path)
        side = _side(run.sample) if size is None else size
        found: list[Shuffled] = []
        for one in wanted:
            progress(len(found) / len(wanted), f"Shuffling {one}")
            found.append(run.permute(one, size=side, seed=seed))
        target = run.context.class_index(class_, found[0].answer.before)
        values = shuffles_json(found, run.labels, run.context.origin, target=target)
        return {"file": str(path)} | values, f"{path} ({run.name})\n{_listing(run, found, target)}"

    results, complete = for_each(files, "Shuffling", work)
    finish(results, complete, as_json)


def _side(sample: Sample) -> int:
    """The size of blocks where none is given."""
    if sample.coordinates is not None:
        return CELLS
    return max(1, min(_grid(sample)) // BLOCKS)


def _grid(sample: Sample) -> tuple[int, ...]:
    """The grid that the elements lie on; the one with the most axes where there are several."""
    return max((part.shape for part in sample.parts), key=len, default=sample.shape)


def _listing(run: Run, found: Sequence[Shuffled], target: int) -> str:
    names = [class_name(label) for label in run.labels]
    rows = [["shuffled", "answer", names[target], "points", "largest change of a logit"]]
    for one in found:
        after = float(one.answer.probabilities_after[target])
        rows.append(
            [
                _name(one, run.sample),
                names[int(one.answer.after.argmax())],
                percent(float(after)),
                signed(100 * one.answer.probability(target), 1),
                number(one.largest),
            ]
        )
    before = float(found[0].answer.probabilities_before[target])
    first = names[int(found[0].answer.before.argmax())]
    rows.insert(1, ["nothing", first, percent(float(before)), "", ""])
    return table(rows, left=2)


def _name(one: Shuffled, sample: Sample) -> str:
    if one.shuffle == "elements":
        return "elements with their positions"
    if one.shuffle == "contents":
        lone = sample.coordinates is not None
        return "each coordinate on its own" if lone else "contents against positions"
    if sample.coordinates is not None:
        return f"cells, {one.size} along a side of the cube"
    stayed = f" ({one.kept} elements stay)" if one.kept else ""
    return f"blocks of {' × '.join([str(one.size)] * len(_grid(sample)))} elements{stayed}"
