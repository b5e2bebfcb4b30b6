"""Accuracy on the held-out pictures, and whether attention falls on the object: every picture has its mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..errors import CheckpointError
from ..model import Perceiver
from ..weights.results import HeldOut
from .loop import normalise
from .scenes import HELD_OUT, TEST, Scenes, SceneSet

# The held-out pictures are composed once and for all from this seed: every held-out view on a held-out ground.
HELD_OUT_SEED = 20_210_304


@dataclass(frozen=True)
class Evaluation:
    """What a model reached on the held-out pictures.

    attention_share  block -> share of the mean map's mass that falls on the object
    object_share     share of the picture that the object covers: what attention without preference would give
    """

    held_out: HeldOut
    attention_share: dict[int, float]
    object_share: float


def held_out_scenes(folder: Path, size: int, split: int = TEST) -> tuple[Scenes, tuple[str, ...]]:
    """All held-out pictures, always the same, and the class names."""
    data = SceneSet(folder, split)
    generator = torch.Generator().manual_seed(HELD_OUT_SEED)
    return data.compose(torch.arange(len(data.labels)), size, HELD_OUT, generator), data.classes


@torch.no_grad()
def evaluate(
    model: Perceiver,
    folder: Path,
    *,
    split: int = TEST,
    batch: int = 64,
    mapped: int = 200,
    report: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Evaluates in float32 on all input elements; `mapped` pictures, evenly spread, are asked for their maps.

    Raises DataError without data, CheckpointError when the model's classes are not the data's.
    """
    config = model.config
    scenes, classes = held_out_scenes(folder, config.input_shape[0], split)
    if config.labels != classes:
        raise CheckpointError(
            f"the model knows the classes {', '.join(config.labels)}; the data has {', '.join(classes)}"
        )
    content = normalise(scenes.image, config.preprocess["mean"], config.preprocess["std"])
    model = model.eval()
    logits = []
    for part in content.split(batch):
        logits.append(model(model.input_array(part)))
        if report is not None:
            report(min(len(logits) * batch, len(content)), len(content))
    hit = torch.cat(logits).argmax(-1) == scenes.label
    per_class = {
        name: (int(hit[scenes.label == c].sum()), int((scenes.label == c).sum())) for c, name in enumerate(classes)
    }
    held_out = HeldOut(
        per_class=per_class,
        groups=int(scenes.object.unique().numel()),
        interval_over_groups=interval_over_objects(hit, scenes.object),
    )
    shares, covered = _attention_on_object(model, content, scenes, mapped)
    return Evaluation(held_out=held_out, attention_share=shares, object_share=covered)


def interval_over_objects(
    hit: Bool[Tensor, "n"], objects: Int[Tensor, "n"], draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the accuracy when whole objects are drawn again with replacement (percentile bootstrap)."""
    ids, place = objects.unique(return_inverse=True)
    right = torch.zeros(len(ids)).index_add_(0, place, hit.float()).numpy()
    total = torch.bincount(place).numpy()
    chosen = np.random.default_rng(seed).integers(len(ids), size=(draws, len(ids)))
    accuracy = right[chosen].sum(1) / total[chosen].sum(1)
    low, high = np.quantile(accuracy, [0.025, 0.975])
    return float(low), float(high)


def _attention_on_object(
    model: Perceiver, content: Float[Tensor, "n M content"], scenes: Scenes, mapped: int
) -> tuple[dict[int, float], float]:
    chosen = torch.linspace(0, len(content) - 1, min(mapped, len(content))).long().tolist()
    shares: dict[int, list[float]] = {}
    for index in chosen:
        trace = model.trace(model.input_array(content[index : index + 1]))
        mask = scenes.mask[index].flatten()
        for block in trace.blocks:
            shares.setdefault(block, []).append(float(trace.map(block) @ mask))
    covered = float(scenes.mask[chosen].mean())
    return {block: float(np.mean(values)) for block, values in shares.items()}, covered
