"""Summary statistics of a map, for captions, alternative texts and tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from jaxtyping import Float

from .formatting import count, number, percent

Quantity = Literal["probability", "score", "value", "entropy"]

WEIGHTS: tuple[Quantity, ...] = ("probability", "value")
"""The quantities that can be summed over elements."""

ROUNDING = 1e-5
"""Relative range below which a map counts as constant: a softmax in single precision leaves about 1e-6."""

SMALLEST = 1e-300
"""Absolute range below which a map counts as constant, near the smallest double-precision number."""


def quantity(kind: str, reduce: str = "mean", latent: int | None = None) -> Quantity:
    """The quantity of the values of `Trace.map(block, kind=..., reduce=..., latent=...)`.

    Only a reduction over latents can be an entropy; one latent's map keeps its kind. Raises ValueError for an unknown
    kind.
    """
    if kind not in ("probability", "score", "value"):
        raise ValueError(f"no map is of kind {kind!r}; there are probability, score and value")
    return "entropy" if reduce == "entropy" and latent is None else cast(Quantity, kind)


@dataclass(frozen=True)
class MapSummary:
    """Statistics of one map. Elements that are not finite are counted and otherwise ignored.

    size       M, the number of elements
    finite     the number of finite elements
    minimum    and maximum, mean: in the map's own unit; NaN if no element is finite
    entropy    in nats, of the map divided by its sum: 0 for a single nonzero element, ln M for a uniform map
    effective  exp(entropy), the effective number of elements
    top_mass   share of the sum in the top 1 % of the elements (rounded down, at least one element)
    constant   whether all finite elements are equal up to rounding

    entropy, effective and top_mass are None if values cannot be summed (scores, entropies, differences) or their sum is
    0.
    """

    size: int
    finite: int
    minimum: float
    maximum: float
    mean: float
    entropy: float | None
    effective: float | None
    top_mass: float | None
    constant: bool

    def sentence(self) -> str:
        """The summary as one line of plain text."""
        if self.finite == 0:
            return f"None of the {count(self.size)} elements has a finite value."
        if self.constant:
            text = f"Constant: every element has the value {number(self.mean)}"
        else:
            text = f"From {number(self.minimum)} to {number(self.maximum)}, mean {number(self.mean)}"
            if self.entropy is not None and self.effective is not None and self.top_mass is not None:
                text += (
                    f"; entropy {self.entropy:.2f} nats, as if {count(round(self.effective))} of {count(self.finite)} "
                    f"elements were read alike; the top 1 % hold {percent(self.top_mass)}"
                )
        if self.finite < self.size:
            text += f"; {count(self.size - self.finite)} of {count(self.size)} elements are not finite"
        return f"{text}."


def summarise(
    values: Float[np.ndarray, "*shape"], what: Quantity = "probability", *, signed: bool = False
) -> MapSummary:
    """The summary of one map of any shape; `signed` marks a difference of two maps.

    Raises ValueError for an empty map.
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    if flat.size == 0:
        raise ValueError("an empty map has no summary")
    finite = flat[np.isfinite(flat)]
    if finite.size == 0:
        return MapSummary(flat.size, 0, math.nan, math.nan, math.nan, None, None, None, constant=False)
    low, high, total = float(finite.min()), float(finite.max()), float(finite.sum())
    entropy = top_mass = None
    if what in WEIGHTS and not signed and low >= 0 and total > 0:
        entropy, top_mass = _entropy(finite / total), _top_mass(finite / total)
    return MapSummary(
        size=flat.size,
        finite=finite.size,
        minimum=low,
        maximum=high,
        mean=float(finite.mean()),
        entropy=entropy,
        effective=None if entropy is None else math.exp(entropy),
        top_mass=top_mass,
        constant=is_constant(low, high),
    )


def is_constant(low: float, high: float) -> bool:
    """Whether values between `low` and `high` differ by no more than rounding."""
    return high - low <= max(ROUNDING * max(abs(low), abs(high)), SMALLEST)


def _entropy(share: Float[np.ndarray, "finite"]) -> float:
    held = share[share > 0]
    return max(0.0, -float((held * np.log(held)).sum()))


def _top_mass(share: Float[np.ndarray, "finite"]) -> float:
    top = max(1, share.size // 100)
    return min(1.0, float(np.partition(share, share.size - top)[-top:].sum()))
