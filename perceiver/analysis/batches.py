"""The batch size for running a model."""

from __future__ import annotations

from ..model import Perceiver

HELD = 1 << 26
"""Maximum size of a batch of input arrays in bytes."""


def together(model: Perceiver, elements: int) -> int:
    """The batch size for inputs with this number of elements: as many as fit into HELD bytes, at least one."""
    size = elements * model.config.input_channels * model.latents.element_size()
    return max(1, HELD // size)
