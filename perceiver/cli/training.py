"""`perceiver train` and `perceiver evaluate`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.formatting import percent
from ..errors import ConfigError
from ..progress import progress_bar
from .arguments import options_for
from .console import examples, print_json, table

if TYPE_CHECKING:
    from ..model import Perceiver
    from ..training.evaluate import Evaluation
    from ..training.loop import Progress
    from ..training.recipe import Recipe

app = typer.Typer()

DataFolder = Annotated[
    Path | None, typer.Option("--data", help="Folder that `perceiver data build` filled.", show_default=False)
]


@app.command(
    epilog=examples(
        "perceiver train --list",
        "perceiver train letters-fourier",
        "perceiver train letters-fourier --seed 1 --steps 2000 -o runs/short",
        "perceiver train image-conv --data imagenet",
        "perceiver train av-fused --data kinetics",
        "accelerate launch --num_processes 2 -m perceiver train image-fourier",
    )
)
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name.", show_default=False)] = "",
    list_recipes: Annotated[
        bool, typer.Option("--list", help="Print the recipes with their data, size, time and accuracy, and stop.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the run; runs/RECIPE-seedN by default.", show_default=False),
    ] = None,
    data: DataFolder = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides the start and every batch.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps, if not the recipe's.", show_default=False)] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Batch, if not the recipe's.", show_default=False)] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew where the folder holds an unfinished run.")
    ] = False,
    also: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint of this recipe with another seed, to name on the card.", show_default=False),
    ] = None,
) -> None:
    """Train a recipe, evaluate it on held-out data and write its checkpoint folder.

    An interrupted run goes on where it was when the same command is given again. Recipes for images also take a folder
    of class folders (CLASS/*.jpg, or train/CLASS/*.jpg and val/CLASS/*.jpg, as ImageNet is laid out) as their data.
    Recipes for clips take class folders of video files, as Kinetics is laid out, or lists of segments beside the files,
    as AudioSet is.
    """
    if list_recipes:
        typer.echo(_listing())
        return
    if not recipe:
        raise typer.BadParameter("name a recipe; --list shows them", param_hint="RECIPE")
    from ..training import evaluate, finish, loop, recipes
    from ..training.photographs import ARCHIVE, answer_photographs, photograph_sentence
    from ..training.sets import TEST, open_set
    from ..training.sets.base import default_folder

    plan = recipes.get(recipe).changed(seed=seed, steps=steps, batch=batch)
    source = data or default_folder()
    held_out_data = open_set(source, TEST, plan.model)
    plan = plan.for_data(held_out_data)
    folder = out or Path("runs") / f"{recipe}-seed{seed}"
    seeds = _other_seeds(plan, also or [])
    with progress_bar() as progress:

        def report(now: Progress) -> None:
            progress(now.step / now.steps, _measured(now))
            if not sys.stderr.isatty():
                typer.echo(f"step {now.step}/{now.steps}: {_measured(now)}", err=True)

        outcome = loop.train(plan, source, folder, resume=not fresh, report=report, progress=progress)
        if not outcome.leads:
            return
        reached = evaluate.evaluate(outcome.model, source, progress=progress)
    photographs = photograph_sentence(answer_photographs(outcome.model, source / ARCHIVE))
    command = _command(recipe, {"seed": seed, "steps": steps, "batch": batch})
    card = finish.results(plan, outcome, reached, held_out_data, command=command, seeds=seeds, photographs=photographs)
    checkpoint = finish.save(folder / plan.name, outcome.model, card)
    typer.echo(f"{checkpoint}: {_summary(reached)}")


@app.command(
    name="evaluate",
    epilog=examples(
        "perceiver evaluate image-fourier",
        "perceiver evaluate runs/x --json",
        "perceiver evaluate av-fused --against av-audio",
    ),
)
def evaluate_(
    checkpoint: Annotated[
        str, typer.Argument(help="A checkpoint's name, its folder, or a hub id.", show_default=False)
    ],
    data: DataFolder = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="A checkpoint to compare with on the same examples; repeatable.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as JSON.")] = False,
) -> None:
    """Measure a checkpoint on held-out data: accuracy, and what else the data can tell.

    With --against, also the difference of its accuracy to that of another checkpoint, with an interval over the pairs.
    """
    from ..checkpoints import load, resolve
    from ..training.evaluate import compare, evaluate
    from ..training.sets.base import default_folder

    def opened(name: str) -> Perceiver:
        location = resolve(name)
        return load(location, options=options_for(location))

    model, folder = opened(checkpoint), data or default_folder()
    with progress_bar() as progress:
        reached = evaluate(model, folder, progress=progress)
        others = {name: compare(model, opened(name), folder, progress=progress) for name in against or []}
    if as_json:
        differences = {name: {"difference": d.share, "interval": list(d.interval)} for name, d in others.items()}
        print_json(_described(reached) | ({"against": differences} if against else {}))
        return
    typer.echo(f"{checkpoint}: {_summary(reached)}")
    for name, share in reached.measures.items():
        typer.echo(f"  {name}: {percent(share)}")
    for name, found in others.items():
        low, high = (100 * end for end in found.interval)
        typer.echo(
            f"  against {name}: {100 * found.share:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}, paired)"
        )


def _listing() -> str:
    """The recipes as a table; the accuracy is that of the checkpoint that comes with the project."""
    import torch

    from ..checkpoints import BundledCheckpoints
    from ..checkpoints.cards.results import read_results
    from ..model import Perceiver, count_parameters
    from ..training import recipes

    store = BundledCheckpoints()
    rows = [("recipe", "data", "elements", "parameters", "steps", "minutes", "held-out accuracy")]
    for name, recipe in recipes.RECIPES.items():
        results = read_results(store.folder(name)) if name in store.names() else None
        with torch.device("meta"):
            model = Perceiver(recipe.model)
        rows.append(
            (
                name,
                recipe.data,
                " × ".join(map(str, recipe.model.input_shape)),
                f"{count_parameters(model):,}",
                f"{recipe.steps:,}",
                "-" if results is None else f"{results.budget.seconds / 60:.0f}",
                "-" if results is None else percent(results.held_out.accuracy),
            )
        )
    return table(rows, left=3, indent="")


def _measured(now: Progress) -> str:
    left = int(now.seconds_left)
    return (
        f"loss {now.loss:.3f}, accuracy {percent(now.accuracy)}, {now.samples_per_second:,.0f} samples/s, "
        f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
    )


def _summary(reached: Evaluation) -> str:
    held_out = reached.held_out
    low, high = held_out.interval
    return (
        f"{percent(held_out.accuracy)} of {held_out.total:,} held-out examples right "
        f"(95 % interval {percent(low)} to {percent(high)}), balanced {percent(held_out.balanced_accuracy)}, "
        f"chance {percent(held_out.chance)}"
    )


def _described(reached: Evaluation) -> dict[str, Any]:
    return reached.held_out.to_dict() | {"measures": reached.measures}


def _other_seeds(plan: Recipe, folders: list[Path]) -> dict[int, float]:
    """Seed -> held-out accuracy of other runs. Raises ConfigError for a folder that is no run of this recipe."""
    from ..checkpoints.cards.results import read_results

    seeds: dict[int, float] = {}
    for folder in folders:
        results = read_results(folder)
        if results is None or results.recipe != plan.name or results.seed == plan.seed:
            raise ConfigError(f"{folder} is no checkpoint of {plan.name} with another seed than {plan.seed}")
        seeds[results.seed] = results.held_out.accuracy
    return seeds


def _command(recipe: str, chosen: dict[str, int | None]) -> str:
    options = (part for name, value in chosen.items() if value is not None for part in (f"--{name}", str(value)))
    return shlex.join(["perceiver", "train", recipe, *options])
