"""Frozen models and made-up inputs for the tests of analyses."""

from __future__ import annotations

import numpy as np
import torch

from perceiver import Perceiver
from perceiver.positions import FourierConfig
from perceiver.sample import Sample
from tests.models import tiny

NOTHING = np.zeros(0, dtype=np.float32)


def frozen(seed: int = 0, **changes: object) -> Perceiver:
    """A tiny model as `load` opens them. Its logits are far enough apart to change with what it reads."""
    torch.manual_seed(seed)
    model = Perceiver(tiny(**changes))
    with torch.no_grad():
        model.head.linear.weight.mul_(10)
    return model.eval().requires_grad_(False)


def of_clouds(seed: int = 0, **changes: object) -> Perceiver:
    """The same for free elements without content: 12 points, 3 axes with 3 bands."""
    positions = FourierConfig(num_bands=3, max_resolution=(6.0, 6.0, 6.0))
    values = {"input_shape": (12,), "content_channels": 0, "position_axes": 3, "positions": positions}
    return frozen(seed, **(values | changes))


def sample(model: Perceiver, seed: int = 1) -> Sample:
    """An input that fits a model."""
    generator, config = torch.Generator().manual_seed(seed), model.config
    axes = config.position_axes
    return Sample(
        name="made up",
        modality="image" if axes is None else "points",
        content=2 * torch.randn(config.num_inputs, config.content_channels, generator=generator),
        shape=config.input_shape,
        seen=NOTHING,
        original=NOTHING,
        box=(),
        coordinates=None if axes is None else torch.rand(config.num_inputs, axes, generator=generator) * 2 - 1,
    )
