"""`perceiver faithfulness`: how probable a class stays while what a map marks is taken away, or put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .asked import ClassName, table
from .explain import METHODS, RANDOM, Method, Question, Way, explanations, methods, scores_table
from .group import examples, print_json, progress
from .opened import Opened, Openings, choices
from .predict import AsJson, Checkpoint, Read
from .studies import HeldOut, Most, one_of, show
from .studies import faithfulness as study
from .training import DataFolder

if TYPE_CHECKING:
    from ..analysis.faithfulness import Course, Faithfulness
    from ..sample import Sample

# The library's own list, written out so that help does not wait for torch; a test keeps them the same.
How = Literal["remove", "blank"]
MARKS = (0.01, 0.05, 0.1, 0.25, 0.5)
"""Shares of the elements at which the curves are listed."""

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver faithfulness photo.jpg",
        "perceiver faithfulness photo.jpg --method relevance,saliency --steps 50 --csv > curves.csv",
        "perceiver faithfulness photo.jpg --how blank --json",
        "perceiver faithfulness --held-out -c audio-mel --most 100",
    )
)
def faithfulness(
    file: Annotated[Path | None, typer.Argument(help="File to read.", show_default=False)] = None,
    checkpoint: Checkpoint = None,
    class_: ClassName = None,
    method: Method = None,
    way: Way = "gradient",
    how: Annotated[
        How, typer.Option(help="Take elements out of the input, or blank their content and leave their position.")
    ] = "remove",
    steps: Annotated[int, typer.Option(min=1, help="Points of the curves besides the beginning.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, help="Random orders to set beside the maps.")] = 8,
    held_out: HeldOut = False,
    most: Most = 60,
    data: DataFolder = None,
    read: Read = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write the curves as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take elements away, and put them in, in the order of each map, and follow the class.

    The lower the curve of deletion and the higher that of insertion, the better a map marks what the answer rests on.
    With --held-out: every kind of map over the checkpoint's held-out data, for the answer it gives.
    """
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    one_of(file, checkpoint, held_out)
    if file is None:
        show(*study(checkpoint or "", data, most, steps, seeds), as_csv=as_csv, as_json=as_json)
        return
    from ..export import faithfulness_csv, faithfulness_json

    question = Question(class_, None, methods(method), way, points=32)
    opened = Openings(checkpoint)(file)
    sample = opened.read(file, choices(read or []))
    target, scores = _scores(opened, sample, question, how, steps, seeds)
    if as_json:
        values = faithfulness_json(scores, opened.labels, target=target, how=how, **opened.about(sample))
        print_json({"file": str(file)} | values)
        return
    for note in sample.notes:
        typer.echo(f"{file}: {note}", err=True)
    if as_csv:
        typer.echo(faithfulness_csv(scores), nl=False)
        return
    typer.echo(f"{file} ({opened.name}), following {opened.labels[target]}\n{_listing(scores)}")


def _scores(
    opened: Opened, sample: Sample, question: Question, how: How, steps: int, seeds: int
) -> tuple[int, dict[str, Faithfulness]]:
    """The class, and the curves of every map and of random orders, by method, with a progress bar."""
    from ..analysis.faithfulness import faithfulness_of_all, random_faithfulness

    trace = opened.trace(sample)
    target, _ = question.classes(opened, trace.logits.numpy())
    with progress() as bars:
        task = bars.add_task("Explaining", total=len(question.methods) + 2)

        def done(number: int, words: str) -> Callable[[int, int], None]:
            return lambda part, whole: bars.update(task, completed=number + part / whole, description=words)

        maps, _ = explanations(opened.model, sample, trace, question, target, None, done)
        bars.update(task, completed=len(maps), description="Testing the maps")
        values = {one.method: one.values for one in maps}
        scores = faithfulness_of_all(opened.model, sample, values, target, steps=steps, how=how)
        bars.update(task, completed=len(maps) + 1, description="Testing random orders")
        random = random_faithfulness(opened.model, sample, target, seeds=seeds, steps=steps, how=how)
    return target, scores | {"random": random}


def _listing(scores: Mapping[str, Faithfulness]) -> str:
    """The areas, then the curves at a few shares of the elements."""
    named = {METHODS.get(method, RANDOM): score for method, score in scores.items()}
    parts = ["  mean probability over the whole course", scores_table(named)]
    heads = [f"{share:.0%}" for share in MARKS]
    for what, course in (
        ("taken away so far (the lower the better)", "deletion"),
        ("put in so far (the higher the better)", "insertion"),
    ):
        rows = [["", *heads]]
        rows += [[name, *(f"{_at(getattr(score, course), m):.1%}" for m in MARKS)] for name, score in named.items()]
        parts += [f"  probability by the share of elements {what}", table(rows)]
    return "\n".join(parts)


def _at(course: Course, share: float) -> float:
    """The curve at a share, straight between its points."""
    import numpy as np

    return float(np.interp(share, course.shares, course.probabilities))
