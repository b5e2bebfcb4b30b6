"""How many inputs go through a model at a time."""

from __future__ import annotations

from ..model import Perceiver

HELD = 1 << 26
"""Bytes of input arrays that go through a model together."""


def together(model: Perceiver, elements: int) -> int:
    """How many inputs of so many elements go through a model together: what fits into HELD bytes, at least one."""
    size = elements * model.config.input_channels * model.latents.element_size()
    return max(1, HELD // size)
