"""From a trained model to a checkpoint folder: evaluated, described, saved."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch

from ..checkpoints import saving
from ..checkpoints.cards.results import Budget, Results
from ..model import Perceiver
from .evaluate import Evaluation
from .recipes import Recipe
from .sets import DataSet

_LIBRARIES = ("torch", "accelerate", "pytorch-optimizer", "numpy", "safetensors")


def results(
    recipe: Recipe,
    evaluation: Evaluation,
    data: DataSet,
    *,
    seconds: float,
    command: str,
    seeds: Mapping[int, float] | None = None,
) -> Results:
    """The training run as its card tells it; `seeds` holds the held-out accuracy of other seeds."""
    model = recipe.model
    notes = [
        *data.caveats,
        f"Trained on {recipe.elements:,} of {model.num_inputs:,} input elements drawn anew for each step, evaluated on "
        "all of them."
        if recipe.elements is not None and recipe.elements < model.num_inputs
        else "Trained and evaluated on all input elements.",
        f"The weights are a running average over training steps (decay {recipe.averaging}).",
        f"Augmentation: {recipe.augmentation.sentence()}.",
    ]
    return Results(
        name=recipe.name,
        recipe=recipe.name,
        command=command,
        seed=recipe.seed,
        data=data.about,
        budget=Budget(
            steps=recipe.steps, examples=recipe.steps * recipe.batch, seconds=round(seconds, 1), hardware=hardware()
        ),
        held_out=evaluation.held_out,
        seeds=dict(seeds or {}),
        measures=evaluation.measures,
        versions={name: version(name) for name in _LIBRARIES},
        notes=tuple(notes),
    )


def save(
    folder: Path,
    model: Perceiver,
    recipe: Recipe,
    evaluation: Evaluation,
    data: DataSet,
    *,
    seconds: float,
    command: str,
    seeds: Mapping[int, float] | None = None,
) -> Path:
    """Writes the checkpoint folder: weights, configuration, card and results."""
    reached = results(recipe, evaluation, data, seconds=seconds, command=command, seeds=seeds)
    return saving.save(model, folder, results=reached)


def hardware() -> str:
    """What this process computes on, in words."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' * (threads != 1)} of a {platform.machine()} CPU"
