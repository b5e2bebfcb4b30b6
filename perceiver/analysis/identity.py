"""The identity of the model and the input that a partial result was computed from, so that it is not continued with
another."""

from __future__ import annotations

import hashlib
import json

import torch
from torch import Tensor

from ..errors import ConfigError
from ..model import Perceiver
from ..sample import Sample


def run_identity(model: Perceiver, sample: Sample) -> str:
    """A digest of a model and an input: the configuration, the latents and the head of the one, the contents and the
    coordinates of the other. The names of both do not matter."""
    digest = hashlib.sha256(json.dumps(model.config.to_dict(), sort_keys=True, default=str).encode())
    # Two trained models that differ at all differ in these, which are a small part of the weights.
    for tensor in (model.latents, *model.head.state_dict().values()):
        _add(digest, tensor)
    _add(digest, sample.content)
    if sample.coordinates is not None:
        _add(digest, sample.coordinates)
    return digest.hexdigest()


def check_identity(given: str, expected: str, what: str) -> None:
    """Raises ConfigError where a result, such as "a sweep", is of another model or another input."""
    if given != expected:
        raise ConfigError(f"{what} can be resumed for the model and the input that it was begun with; this is another")


def _add(digest: hashlib._Hash, tensor: Tensor) -> None:
    values = tensor.detach().cpu().contiguous()
    digest.update(f"{values.dtype} {tuple(values.shape)};".encode())
    digest.update(values.view(torch.uint8).numpy().tobytes() if values.numel() else b"")
