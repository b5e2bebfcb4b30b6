"""`perceiver explain`: what a class depends on, by several methods, and how faithful the map of each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import number, percent
from ..analysis.methods import METHODS, RelevanceMethod, method_label
from ..progress import ProgressCallback
from .console import examples, file_part, finish, for_each, json_bytes, save_all, settings_part, stems, table
from .options import FORMATS, Against, AsJson, Checkpoint, ClassName, Files, Formats, Out, Read, listed
from .session import Session

if TYPE_CHECKING:
    from ..analysis.faithfulness import Faithfulness
    from ..lens import Explained

Method = Annotated[
    str | None,
    typer.Option(metavar="LIST", help=f"Any of {', '.join(METHODS)}, with commas; by default all.", show_default=False),
]
Relevance = Annotated[
    RelevanceMethod,
    typer.Option("--relevance", help="How relevance goes back: attention times its gradient, or attention alone."),
]

app = typer.Typer()


@app.command(
    epilog=examples(
        "perceiver explain photo.jpg",
        "perceiver explain photo.jpg -c image-fourier --class chair --against sofa -o explained",
        "perceiver explain *.jpg --method attention,relevance --json",
    )
)
def explain(
    files: Files,
    checkpoint: Checkpoint = None,
    class_: ClassName = None,
    against: Against = None,
    method: Method = None,
    way: Relevance = "gradient",
    points: Annotated[
        int, typer.Option("--steps", min=2, help="Steps of integrated gradients from the baseline to the input.")
    ] = 32,
    out: Out = None,
    formats: Formats = "png,npz,json",
    read: Read = None,
    as_json: AsJson = False,
) -> None:
    """Show what a class depends on: attention, class relevance and gradients, each with its score.

    Deletion removes the elements with the highest values first, insertion adds them first: a lower and a higher mean
    probability of the class are better. Random orders are the reference for a map without information.
    """
    asked, wanted, names = methods(method), listed(formats, FORMATS), stems(files)
    relevance = None if way == "gradient" else way
    steps = None if points == 32 else points
    settings = {"class": class_, "against": against, "method": method, "relevance": relevance, "steps": steps}
    parts = settings_part(*(read or ()), **settings)
    session = Session(checkpoint, read)

    def work(path: Path, progress: ProgressCallback) -> tuple[dict[str, Any], str]:
        run = session.run(path)
        found = run.explain(class_, against, methods=asked, relevance=way, steps=points, progress=progress)
        result = {"file": str(path)} | found.json()
        if out is not None:
            stem = f"{names[path]}.{file_part(run.name)}.explained{parts}"
            result["written"] = save_all(out, wanted, lambda form: _files(found, form, stem))
        return result, f"{path} ({run.name})\n{_listing(found)}"

    results, complete = for_each(files, "Explaining", work)
    finish(results, complete, as_json)


def methods(text: str | None) -> tuple[str, ...]:
    """The methods that are listed with commas, in their own order; None is all. Raises BadParameter for others."""
    return tuple(METHODS) if text is None else tuple(listed(text, tuple(METHODS), "--method"))


def _files(found: Explained, form: str, stem: str) -> dict[str, bytes]:
    """The files of one format, by name."""
    match form:
        case "json":
            return {f"{stem}.json": json_bytes(found.json())}
        case "npz":
            return {f"{stem}.npz": found.npz()}
        case _:
            return {f"{stem}.png": found.figure(), f"{stem}-signed.png": found.figure(signed=True)}


def _listing(found: Explained) -> str:
    """The scores as a table, then what there is to say about some of the methods."""
    from ..analysis.change import softmax

    explanations = found.found
    chance = percent(float(softmax(found.logits)[explanations.question.target]))
    lines = [f"  {found.title}, {chance}", scores_table(explanations.scores)]
    lines.append("  mean probability as the most marked go first (low is good), or come first (high is good)")
    if (relevance := explanations.relevance) is not None:
        shares = zip(relevance.blocks, relevance.shares.tolist(), strict=True)
        lines.append(f"  relevance: {', '.join(f'block {b + 1} {percent(share)}' for b, share in shares)}")
    for one in explanations.maps:
        if one.completeness is not None and one.change is not None:
            lines.append(
                f"  {METHODS[one.method].lower_label}: they add up to a change of the logit by {number(one.change)}, "
                f"but for {number(one.completeness)}"
            )
    return "\n".join(lines)


def scores_table(scores: Mapping[str, Faithfulness]) -> str:
    """Areas of deletion and insertion by method."""
    rows: list[Sequence[str]] = [["", "deletion", "insertion"]]
    rows += [[label(key), percent(one.deletion.area), percent(one.insertion.area)] for key, one in scores.items()]
    return table(rows)


def label(key: str) -> str:
    """A method as tables name it."""
    text = method_label(key)
    return text[0].lower() + text[1:]
