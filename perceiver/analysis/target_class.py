"""The class that an analysis follows."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from ..errors import ConfigError


def followed(logits: Float[Tensor, "classes"], target: int | None, against: int | None = None) -> int:
    """`target`, or the most probable class. Raises ConfigError where it, or `against`, does not exist."""
    chosen = int(logits.argmax()) if target is None else target
    for one in (chosen, against):
        if one is not None and not 0 <= one < len(logits):
            raise ConfigError(f"there is no class {one + 1}; they run from 1 to {len(logits)}")
    return chosen
