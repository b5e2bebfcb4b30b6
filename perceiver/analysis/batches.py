"""How long work is cut into batches, and how its progress is told."""

from __future__ import annotations

from collections.abc import Callable

from ..model import Perceiver

HELD = 1 << 26
"""Bytes of input arrays that go through a model together."""

Report = Callable[[int, int], None]
"""Called with what is done and what there is in all; what it raises ends the work."""


def together(model: Perceiver, elements: int) -> int:
    """How many inputs of so many elements go through a model together: what fits into HELD bytes, at least one."""
    size = elements * model.config.input_channels * model.latents.element_size()
    return max(1, HELD // size)
