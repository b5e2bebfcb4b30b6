"""Small networks of other kinds on the data of the checkpoints, with the same splits and augmentation.

    python benchmarks/baselines.py --data FOLDER [--minutes 3]

A convolutional network on the log-mel spectrograms and a PointNet (shared layers per point, max pooling) on the clouds,
as a reference for the accuracy of the checkpoints. `perceiver data build` makes FOLDER.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import perceiver
from perceiver.training import recipes
from perceiver.training.evaluate import interval_over_groups
from perceiver.training.recipe import Recipe
from perceiver.training.sets import TEST, TRAIN, open_set
from perceiver.training.sets.base import hits_of
from perceiver.training.teacher import teacher_input, teacher_net


def train(net: nn.Module, recipe: Recipe, folder: Path, minutes: float) -> tuple[float, tuple[float, float]]:
    """Trains with AdamW and a cosine schedule; returns the held-out accuracy and its interval over groups."""
    data = open_set(folder, TRAIN, recipe.model)
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    start, share = time.monotonic(), 0.0
    while share < 1:
        batch = data.batch(32, recipe.augmentation, generator)
        loss = F.cross_entropy(net(teacher_input(batch)), batch.label, label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        share = min(1.0, (time.monotonic() - start) / (60 * minutes))
        optimiser.param_groups[0]["lr"] = 1e-3 * (1 + torch.cos(torch.tensor(share * torch.pi)).item())
        optimiser.step()
    net.eval()
    examples = open_set(folder, TEST, recipe.model).held_out()
    hit = hits_of(lambda part: net(teacher_input(part)), examples)
    return float(hit.float().mean()), interval_over_groups(hit, examples.group)


def main() -> None:
    """Trains both and prints them beside the checkpoints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    chosen = parser.parse_args()
    torch.manual_seed(0)
    for name in ("audio-mel", "points-fourier"):
        recipe = recipes.get(name)
        net = teacher_net(recipe.model, recipe.teacher.widths)
        accuracy, (low, high) = train(net, recipe, chosen.data, chosen.minutes)
        count = perceiver.count_parameters(net)
        print(f"{type(net).__name__} on {name}'s data: {accuracy:.1%} ({low:.1%} to {high:.1%}), {count:,} parameters")


if __name__ == "__main__":
    main()
