"""Where a result comes from, as every export says it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..installation import package_version

FORMAT = 1


def origin(model: str, weights_sha256: str | None, sample: str, notes: Sequence[str]) -> dict[str, Any]:
    """Where a result comes from: the library, the model, its weights and the input."""
    return {
        "format": FORMAT,
        "library": package_version(),
        "model": model,
        "weights_sha256": weights_sha256,
        "sample": sample,
        "notes": list(notes),
    }


def finite(value: float) -> float | None:
    """A number as JSON can hold it: None in place of what is not finite."""
    return float(value) if math.isfinite(value) else None
