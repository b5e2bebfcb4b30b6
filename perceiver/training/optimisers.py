"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

import math
from typing import Any, Literal, assert_never

import torch
from torch import nn

from ..positions import Positions

OptimiserName = Literal["lamb", "adamw", "muon"]
Schedule = Literal["steps", "cosine"]

# Two-dimensional parameters that Muon does not apply to: embedding tables, learned queries, and the classifier.
_NOT_MATRICES = ("latents", "positions.", "head.linear.", "head.query")


def build_optimisers(
    model: nn.Module, name: OptimiserName, rate: float, weight_decay: float
) -> tuple[torch.optim.Optimizer, ...]:
    """The optimisers of a training run. The loop sets the learning rate of all of them before each step.

    "muon" updates the weight matrices of linear layers with Muon (Jordan et al. 2024), scaled to the update size of
    AdamW (Liu et al. 2025), and all other parameters with AdamW. AdamW applies weight decay to matrices only, LAMB to
    all parameters except those that a position encoding excludes.
    """
    match name:
        case "lamb":
            from pytorch_optimizer import Lamb  # takes a second or two

            return (Lamb(_lamb_groups(model), lr=rate, weight_decay=weight_decay),)
        case "adamw":
            return (_adamw(list(model.named_parameters()), rate, weight_decay),)
        case "muon":
            matrices = [(n, p) for n, p in model.named_parameters() if p.ndim == 2 and not n.startswith(_NOT_MATRICES)]
            chosen = {n for n, _ in matrices}
            rest = [(n, p) for n, p in model.named_parameters() if n not in chosen]
            muon = torch.optim.Muon(
                [p for _, p in matrices], lr=rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
            )
            return muon, _adamw(rest, rate, weight_decay)
    assert_never(name)


def _lamb_groups(model: nn.Module) -> list[dict[str, Any]]:
    encodings = [module for module in model.modules() if isinstance(module, Positions)]
    undecayed = [encoding.get_parameter(name) for encoding in encodings for name in encoding.undecayed]
    excluded = set(map(id, undecayed))
    groups: list[dict[str, Any]] = [{"params": [p for p in model.parameters() if id(p) not in excluded]}]
    return [*groups, {"params": undecayed, "weight_decay": 0.0}] if undecayed else groups


def _adamw(parameters: list[tuple[str, nn.Parameter]], rate: float, weight_decay: float) -> torch.optim.Optimizer:
    decayed = [p for n, p in parameters if p.ndim > 1 and not n.startswith(_NOT_MATRICES)]
    plain = [p for n, p in parameters if not (p.ndim > 1 and not n.startswith(_NOT_MATRICES))]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=rate, betas=(0.9, 0.98))


def learning_rate(
    step: int, steps: int, rate: float, schedule: Schedule, warmup: int, decay_at: tuple[float, ...]
) -> float:
    """The learning rate at a step, counted from 0. It depends on the step only, so there is no state to save.

    Linear warm-up over `warmup` steps; then "steps" divides the rate by ten at each fraction `decay_at` of all steps
    (paper, section 4.1), and "cosine" decays it to zero along half a cosine.
    """
    if step < warmup:
        return rate * (step + 1) / warmup
    match schedule:
        case "steps":
            return float(rate * 0.1 ** sum(step >= mark * steps for mark in decay_at))
        case "cosine":
            share = (step - warmup) / max(1, steps - warmup)
            return rate * 0.5 * (1 + math.cos(math.pi * share))
    assert_never(schedule)
