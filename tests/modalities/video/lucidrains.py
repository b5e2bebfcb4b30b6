"""Tiny checkpoints of perceiver-pytorch with three axes, as that library's own class writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

ARGUMENTS: dict[str, Any] = {
    "num_freq_bands": 3,
    "depth": 2,
    "max_freq": 6.0,
    "input_channels": 3,
    "input_axis": 3,
    "num_latents": 4,
    "latent_dim": 8,
    "cross_heads": 1,
    "latent_heads": 2,
    "cross_dim_head": 8,
    "latent_dim_head": 4,
    "num_classes": 3,
    "weight_tie_layers": False,
    "self_per_cross_attn": 1,
}
SHAPE = (4, 6, 8)
LABELS = ["clapping", "juggling", "whistling"]


def write(
    folder: Path, shape: tuple[int, int, int] = SHAPE, *, seed: int = 0, channels: int = 3, **preprocess: object
) -> Path:
    """Writes `model.pt` with its constructor's arguments beside it; returns the file."""
    from perceiver_pytorch import Perceiver

    torch.manual_seed(seed)
    made = ARGUMENTS | {"input_channels": channels}
    model = Perceiver(**made)
    with torch.no_grad():
        model.latents.normal_()  # beginning near zero, all latents would attend alike
    folder.mkdir(parents=True)
    torch.save(model.state_dict(), folder / "model.pt")
    arguments = made | {"input_shape": list(shape), "labels": LABELS, "preprocess": preprocess}
    (folder / "config.json").write_text(json.dumps(arguments))
    return folder / "model.pt"


def answer(file: Path, content: torch.Tensor, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """The logits of the library's own model."""
    from perceiver_pytorch import Perceiver

    model = Perceiver(**ARGUMENTS).eval()
    model.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        return model(content.reshape(1, *shape, -1))[0].numpy()
