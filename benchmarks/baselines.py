"""Small networks of other kinds on the data of the checkpoints, with the same splits and augmentation.

    python benchmarks/baselines.py --data FOLDER [--minutes 3]

A convolutional network on the log-mel spectrograms and a PointNet (shared layers per point, max pooling) on the clouds,
as a reference for the accuracy of the checkpoints. `perceiver data build` makes FOLDER.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import perceiver
from perceiver.training import recipes
from perceiver.training.evaluate import interval_over_groups
from perceiver.training.recipe import Recipe
from perceiver.training.sets import TEST, TRAIN, Examples, open_set
from perceiver.training.teacher import ConvNet, Teacher


class SpectrogramNet(ConvNet):
    """The teachers' network, on batches of examples."""

    def forward(self, examples: Examples) -> Tensor:  # type: ignore[override]
        return super().forward(examples.content)


class PointNet(nn.Module):
    """Three shared layers per point, max pooling over points, two linear layers."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        widths = (3, 64, 128, 512)
        self.points = nn.Sequential(
            *(nn.Sequential(nn.Conv1d(a, b, 1), nn.BatchNorm1d(b), nn.ReLU()) for a, b in pairwise(widths))
        )
        self.head = nn.Sequential(nn.Linear(512, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, classes))

    def forward(self, examples: Examples) -> Tensor:
        return self.head(self.points(examples.coordinates.transpose(1, 2)).amax(2))


def train(net: nn.Module, recipe: Recipe, folder: Path, minutes: float) -> tuple[float, tuple[float, float]]:
    """Trains with AdamW and a cosine schedule; returns the held-out accuracy and its interval over groups."""
    data = open_set(folder, TRAIN, recipe.model)
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    start, share = time.monotonic(), 0.0
    while share < 1:
        batch = data.batch(32, recipe.augmentation, generator)
        loss = F.cross_entropy(net(batch), batch.label, label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        share = min(1.0, (time.monotonic() - start) / (60 * minutes))
        optimiser.param_groups[0]["lr"] = 1e-3 * (1 + torch.cos(torch.tensor(share * torch.pi)).item())
        optimiser.step()
    net.eval()
    examples = open_set(folder, TEST, recipe.model).held_out()
    with torch.no_grad():
        parts = [net(examples.at(slice(i, i + 64))) for i in range(0, len(examples), 64)]
    hit = torch.cat(parts).argmax(-1) == examples.label
    return float(hit.float().mean()), interval_over_groups(hit, examples.group)


def main() -> None:
    """Trains both and prints them beside the checkpoints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    chosen = parser.parse_args()
    torch.manual_seed(0)
    for name, make in (
        ("audio-mel", lambda model: SpectrogramNet(model, Teacher().widths)),
        ("points-fourier", lambda model: PointNet(model.num_classes)),
    ):
        recipe = recipes.get(name)
        net = make(recipe.model)
        accuracy, (low, high) = train(net, recipe, chosen.data, chosen.minutes)
        count = perceiver.count_parameters(net)
        print(f"{type(net).__name__} on {name}'s data: {accuracy:.1%} ({low:.1%} to {high:.1%}), {count:,} parameters")


if __name__ == "__main__":
    main()
