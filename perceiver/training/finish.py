"""Saving a trained model as a checkpoint folder with its results and model card."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch

from ..checkpoints import saving
from ..checkpoints.cards.results import CURVE, Budget, Results
from ..model import Perceiver
from ..plots.curve import accuracy_curve
from .evaluate import Evaluation
from .loop import Outcome
from .recipe import Recipe
from .sets import DataSet

_LIBRARIES = ("torch", "accelerate", "pytorch-optimizer", "numpy", "safetensors")


def results(
    recipe: Recipe,
    outcome: Outcome,
    evaluation: Evaluation,
    data: DataSet,
    *,
    command: str,
    seeds: Mapping[int, float] | None = None,
    photographs: str = "",
) -> Results:
    """The results of a training run, for the model card.

    seeds        held-out accuracy of runs with other seeds
    photographs  the text of `photograph_sentence`
    """
    model = recipe.model
    notes = [
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
            steps=recipe.steps,
            examples=recipe.steps * recipe.batch,
            seconds=round(outcome.seconds, 1),
            hardware=hardware(),
        ),
        held_out=evaluation.held_out,
        seeds=dict(seeds or {}),
        measures=evaluation.measures,
        versions={name: version(name) for name in _LIBRARIES},
        training=training_rows(recipe, outcome),
        curve=outcome.curve,
        caveats=(*data.caveats, *([photographs] if photographs else [])),
        notes=tuple(notes),
    )


def training_rows(recipe: Recipe, outcome: Outcome) -> dict[str, str]:
    """Descriptions of optimiser, schedule, precision and teacher of a run, for the model card."""
    name = {
        "lamb": "LAMB",
        "adamw": "AdamW",
        "muon": "Muon for weight matrices, AdamW for the rest",
    }[recipe.optimiser]
    shares = ", ".join(f"{share:.0%}" for share in recipe.decay_at)
    falls = "a cosine to zero" if recipe.schedule == "cosine" else f"a tenth after {shares} of the steps"
    rows = {
        "Optimiser": f"{name}; batches of {recipe.batch}",
        "Learning rate": f"{recipe.learning_rate:g} after {recipe.warmup_steps} steps of warm-up, then {falls}"
        if recipe.warmup_steps
        else f"{recipe.learning_rate:g}, then {falls}",
        "Precision": "float32" if outcome.precision == "no" else "bfloat16 in matrix products",
    }
    if recipe.mixup:
        rows["Mixup"] = f"on {recipe.mixup:.0%} of the batches"
    if recipe.dropout:
        words = {"video": "frames", "audio": "sound"}
        left = ", ".join(f"{words.get(name, name)} on {share:.0%} of the batches" for name, share in recipe.dropout)
        rows["Taken out of the input array"] = left
    if recipe.teacher is not None:
        rows["Teacher"] = recipe.teacher.sentence(recipe.model.modality, outcome.teacher)
    return rows


def save(folder: Path, model: Perceiver, results: Results) -> Path:
    """Writes the checkpoint folder: weights, configuration, model card with training curve, and results."""
    out = saving.save(model, folder, results=results)
    curve = folder / CURVE
    curve.unlink(missing_ok=True)
    if results.curve:
        curve.write_bytes(accuracy_curve(results.curve, results.held_out.chance))
    return out


def hardware() -> str:
    """Description of the hardware of this process."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' * (threads != 1)} of a {platform.machine()} CPU"
