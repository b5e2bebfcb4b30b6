"""Running a model many times: the batch size, an evaluation that can be stopped between layers, and its cost."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..attention import InputArray
from ..model import Perceiver

HELD = 1 << 26
"""Maximum size of a batch of input arrays in bytes."""

GRADIENT = 3
"""The cost of an evaluation with its gradient, in evaluations: the backward pass takes about as long as two."""


def together(model: Perceiver, elements: int) -> int:
    """The batch size for inputs with this number of elements: as many as fit into HELD bytes, at least one."""
    size = elements * model.config.input_channels * model.latents.element_size()
    return max(1, HELD // size)


def layers(model: Perceiver) -> int:
    """The number of layers that one evaluation runs, shared ones counted as often as they are used."""
    return sum(
        (cross is not None) + (tower is not None) * model.config.self_attends for cross, tower in model.config.plan
    )


def evaluate(
    model: Perceiver, inputs: Float[Tensor, "B M C"], report: Callable[[float], None]
) -> Float[Tensor, "B classes"]:
    """Logits of a batch of input arrays, as the model's `forward` computes them, with reports from within.

    report  called with the share of the evaluation that is done after every layer, and again in a backward pass through
            the logits; it stops the work by raising
    """
    count = layers(model)
    latents: Tensor = model.latents
    whole = count * (GRADIENT if inputs.requires_grad and torch.is_grad_enabled() else 1)

    def report_backward(layer: int) -> Callable[[Tensor], None]:
        return lambda _: report((count + (GRADIENT - 1) * (count - layer)) / whole)

    for done, step in enumerate(model.steps(InputArray(inputs, keep=True)), start=1):
        latents = step.after
        report(done / whole)
        if latents.requires_grad:
            latents.register_hook(report_backward(done))
    found: Tensor = model.head(latents)
    return found
