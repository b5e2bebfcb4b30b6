"""What a training step of each recipe costs and where its time goes, beside the network that teaches it (or would) on
the same batches: a small convolutional network, or a PointNet for point clouds.

    python benchmarks/training.py --data FOLDER [RECIPE ...]

Columns: milliseconds per step for sampling the data, forward and backward passes (in the faster precision, as shown),
and the optimiser; samples per second of the whole step, and of the network in the same process; their ratio.
`perceiver data build` makes FOLDER. One thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from perceiver import Perceiver
from perceiver.training import recipes
from perceiver.training.loop import batch_at, drawn_inputs
from perceiver.training.optimisers import build_optimisers
from perceiver.training.preparation import add_norms, choose_precision
from perceiver.training.sets import TRAIN, open_set
from perceiver.training.teacher import Teacher, teacher_input, teacher_net

REPEATS = 5


def median_seconds(work: Callable[[], object]) -> float:
    """Median time of a few calls, after a warm-up call."""
    times = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times[1:])[REPEATS // 2]


def measure(name: str, folder: Path) -> str:
    """One line of the table."""
    recipe = recipes.get(name)
    data = open_set(folder, TRAIN, recipe.model)
    batch = batch_at(data, recipe, 0)
    bf16 = choose_precision(recipe, batch.examples) == "bf16"
    model = Perceiver(recipe.model)
    add_norms(model)
    optimisers = build_optimisers(model, recipe.optimiser, 1e-3, recipe.weight_decay)

    def passes() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(drawn_inputs(model, batch.examples, batch.content, batch.elements))
        F.cross_entropy(logits.float(), batch.examples.label).backward()

    drawing = median_seconds(lambda: batch_at(data, recipe, 1))
    computing = median_seconds(passes)
    updating = median_seconds(lambda: [optimiser.step() for optimiser in optimisers])
    ours = recipe.batch / (drawing + computing + updating)
    line = (
        f"{name:22} {1e3 * drawing:7.0f} {1e3 * computing:7.0f} {'bf16' if bf16 else 'fp32':>5} {1e3 * updating:7.0f}"
    )
    net = teacher_net(recipe.model, (recipe.teacher or Teacher()).widths)
    adamw = torch.optim.AdamW(net.parameters())

    def step_of_teacher() -> None:
        F.cross_entropy(net(teacher_input(batch.examples, batch.elements)), batch.examples.label).backward()
        adamw.step()

    theirs = recipe.batch / (drawing + median_seconds(step_of_teacher))
    return f"{line} {ours:9.0f} {theirs:9.0f} {ours / theirs:6.2f}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=list(recipes.RECIPES))
    parser.add_argument("--data", type=Path, required=True)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{'recipe':22} {'data':>7} {'passes':>7} {'in':>5} {'update':>7} {'samples/s':>9} {'teacher':>9} {'ratio':>6}"
    )
    for name in chosen.recipes:
        print(measure(name, chosen.data), flush=True)


if __name__ == "__main__":
    main()
