"""Running a model many times: the batch size, an evaluation that can be stopped between layers, its cost, and the
identity of the model and the input, so that a partial result is not continued with another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..attention import InputArray
from ..errors import ConfigError
from ..model import Perceiver
from ..sample import Sample

HELD = 1 << 26
"""Maximum size of a batch of input arrays in bytes."""

GRADIENT = 3
"""The cost of an evaluation with its gradient, in evaluations: the backward pass takes about as long as two."""


def together(model: Perceiver, elements: int) -> int:
    """The batch size for inputs with this number of elements: as many as fit into HELD bytes, at least one."""
    size = elements * model.config.input_channels * model.latents.element_size()
    return max(1, HELD // size)


def evaluate(
    model: Perceiver, inputs: Float[Tensor, "B M C"], report: Callable[[float], None]
) -> Float[Tensor, "B classes"]:
    """Logits of a batch of input arrays, as the model's `forward` computes them, with reports from within.

    report  called with the share of the evaluation that is done after every layer, and again in a backward pass through
            the logits; it stops the work by raising
    """
    count = model.config.layers
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


def run_identity(model: Perceiver, sample: Sample) -> str:
    """A digest of a model, as `model_identity` takes it, and an input: its contents and coordinates. The names of both
    do not matter."""
    digest = _of_model(model)
    _add(digest, sample.content)
    if sample.coordinates is not None:
        _add(digest, sample.coordinates)
    return digest.hexdigest()


def model_identity(model: Perceiver) -> str:
    """A digest of a model: its configuration, its latents and its head."""
    return _of_model(model).hexdigest()


def check_identity(given: str, expected: str, what: str) -> None:
    """Raises ConfigError where a result, such as "a sweep", is of another model or another input."""
    if given != expected:
        raise ConfigError(f"{what} can be resumed for the model and the input that it was begun with; this is another")


def _of_model(model: Perceiver) -> hashlib._Hash:
    digest = hashlib.sha256(json.dumps(model.config.to_dict(), sort_keys=True, default=str).encode())
    # Two trained models that differ at all differ in these, which are a small part of the weights.
    for tensor in (model.latents, *model.head.state_dict().values()):
        _add(digest, tensor)
    return digest


def _add(digest: hashlib._Hash, tensor: Tensor) -> None:
    values = tensor.detach().cpu().contiguous()
    digest.update(f"{values.dtype} {tuple(values.shape)};".encode())
    digest.update(values.view(torch.uint8).numpy().tobytes() if values.numel() else b"")
