"""`perceiver faithfulness`: how probable a class stays while the elements that a map marks are taken away, or put
in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import class_name, percent
from ..analysis.methods import Removal
from ..progress import progress_bar
from .console import examples, print_json, print_notes, table
from .explain import Method, Relevance, label, methods, scores_table
from .held_out import faithfulness as study
from .held_out import show
from .options import AsJson, Checkpoint, ClassName, HeldOut, Most, OptionalFile, Read, file_or_held_out, not_both
from .session import Session
from .training import DataFolder

if TYPE_CHECKING:
    from ..analysis.faithfulness import Faithfulness, PerturbationCurve

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
    file: OptionalFile = None,
    checkpoint: Checkpoint = None,
    class_: ClassName = None,
    method: Method = None,
    way: Relevance = "gradient",
    how: Annotated[
        Removal, typer.Option(help="Take elements out of the input, or blank their content and leave their position.")
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
    not_both(as_csv, as_json)
    file_or_held_out(file, checkpoint, held_out)
    if file is None:
        show(*study(checkpoint or "", data, most, steps, seeds), as_csv=as_csv, as_json=as_json)
        return
    from ..export.explanations import faithfulness_csv, faithfulness_json

    asked = methods(method)
    run = Session(checkpoint, read).run(file)
    question = run.question(class_, relevance=way)
    with progress_bar() as progress:
        options: dict[str, Any] = {"steps": steps, "seeds": seeds, "removal": how, "progress": progress}
        *_, last = run.explain_steps(question, asked, **options)
    scores, target = last.found.scores, question.target
    if as_json:
        values = faithfulness_json(scores, run.labels, run.context.origin, target=target, how=how)
        print_json({"file": str(file)} | values)
        return
    print_notes(file, run.sample.notes)
    if as_csv:
        typer.echo(faithfulness_csv(scores), nl=False)
        return
    typer.echo(f"{file} ({run.name}), following {class_name(run.labels[target])}\n{_listing(scores)}")


def _listing(scores: Mapping[str, Faithfulness]) -> str:
    """The areas, then the curves at a few shares of the elements."""
    parts = ["  mean probability over the whole course", scores_table(scores)]
    heads = [f"{100 * share:.0f} %" for share in MARKS]
    for what, course in (
        ("taken away so far (the lower the better)", "deletion"),
        ("put in so far (the higher the better)", "insertion"),
    ):
        rows = [["", *heads]]
        for key, score in scores.items():
            rows.append([label(key), *(percent(_at(getattr(score, course), mark)) for mark in MARKS)])
        parts += [f"  probability by the share of elements {what}", table(rows)]
    return "\n".join(parts)


def _at(course: PerturbationCurve, share: float) -> float:
    """The curve at a share, straight between its points."""
    import numpy as np

    return float(np.interp(share, course.shares, course.probabilities))
