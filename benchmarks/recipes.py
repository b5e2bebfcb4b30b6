"""What each choice of a recipe is worth: the recipe with one of them changed at a time, on validation examples.

    python benchmarks/recipes.py audio-mel audio-conv --data FOLDER --out FOLDER [--steps 1500]

The first recipe is trained as it is, with another optimiser, another schedule, and without its teacher and mixup; then
the other recipes, which may differ in anything, such as the stem. All runs have the same steps, seed and data, and the
held-out examples are not touched. Columns: validation accuracy, and how far it is from that of the first line with the
95 % interval of the paired difference over groups, both in percent; minutes of training, without those of the teacher.
An interrupted run goes on where it was. `perceiver data build` makes the first FOLDER. One thread.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import torch

from perceiver.training import recipes
from perceiver.training.evaluate import compare, evaluate
from perceiver.training.loop import train
from perceiver.training.recipe import Recipe
from perceiver.training.sets import VAL

LAMB_RATE = 1e-2
"""The learning rate of LAMB in the recipe of letters that is trained with it."""


def variants(recipe: Recipe) -> Iterator[tuple[str, Recipe]]:
    """The recipe as it is, then with one choice changed at a time."""

    def changed(**values: object) -> Recipe:
        return dataclasses.replace(recipe, **values)  # type: ignore[arg-type]

    yield "as it is", recipe
    if recipe.optimiser != "lamb":
        yield "LAMB", changed(optimiser="lamb", learning_rate=LAMB_RATE)
    if recipe.optimiser != "adamw":
        yield "AdamW", changed(optimiser="adamw", learning_rate=recipe.learning_rate / 2)
    if recipe.schedule != "steps":
        yield "schedule of the paper", changed(schedule="steps")
    if recipe.teacher is not None:
        yield "without a teacher", changed(teacher=None)
    if recipe.mixup:
        yield "without mixup", changed(mixup=0.0)


def main() -> None:
    """Prints the table, a line as each run ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("others", nargs="*")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    first = recipes.get(chosen.recipe)
    runs = [(f"{first.name}, {change}", one) for change, one in variants(first)]
    runs += [(name, recipes.get(name)) for name in chosen.others]
    print(f"{'recipe':40} {'accuracy':>8} {'difference':>22} {'minutes':>8}")
    reference, first_accuracy = None, 0.0
    for name, recipe in runs:
        folder = chosen.out / f"{name.replace(', ', '-').replace(' ', '-')}-seed{chosen.seed}"
        outcome = train(recipe.changed(seed=chosen.seed, steps=chosen.steps), chosen.data, folder)
        if reference is None:
            reference, beside = outcome.model, ""
            accuracy = first_accuracy = evaluate(reference, chosen.data, split=VAL).held_out.accuracy
        else:
            found = compare(outcome.model, reference, chosen.data, split=VAL)
            accuracy = first_accuracy + found.share
            low, high = found.interval
            beside = f"{100 * found.share:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        print(f"{name:40} {100 * accuracy:8.1f} {beside:>22} {outcome.seconds / 60:8.1f}", flush=True)


if __name__ == "__main__":
    main()
