"""Properties of position codes: similarity between positions, effective dimension, principal components.

All are computed from products of channels (P x P), never from pairs of elements (M x M).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

NOTHING = 1e-12
"""Eigenvalues below this share of the largest are rounding errors."""


@dataclass(frozen=True)
class Gram:
    """The spectrum of the Gram matrix of a position code: inner products of the codes of all pairs of elements.

    shares     its nonzero eigenvalues over their sum, largest first
    effective  exp of their entropy: the effective number of dimensions
    """

    shares: Float64[np.ndarray, "k"]
    effective: float


def similarity(codes: Float[Tensor, "M P"], element: int) -> Float32[np.ndarray, "M"]:
    """Cosine of the code of one element with the code of every element; 0 where a code is 0.

    Raises ValueError for an element that does not exist.
    """
    if not 0 <= element < len(codes):
        raise ValueError(f"there is no input element {element}; they run from 0 to {len(codes) - 1}")
    lengths = codes.norm(dim=1)
    products = codes @ codes[element] / (lengths * lengths[element]).clamp_min(torch.finfo(codes.dtype).tiny)
    return products.clamp(-1, 1).detach().numpy()


def gram(codes: Float[Tensor, "M P"]) -> Gram:
    """The Gram spectrum of a code; its eigenvalues are those of the channels' second moments. A code without channels
    has no shares and fills 0 dimensions.

    Raises ValueError where all codes are 0.
    """
    if not codes.shape[1]:
        return Gram(np.zeros(0), 0.0)
    values = torch.linalg.eigvalsh(_moments(codes)).flip(0)
    if not values[0] > 0:
        raise ValueError("a code that is 0 everywhere has no spectrum")
    values = values[values > NOTHING * values[0]]
    shares = (values / values.sum()).numpy()
    return Gram(shares, float(np.exp(-(shares * np.log(shares)).sum())))


def components(codes: Float[Tensor, "M P"], count: int) -> Float32[np.ndarray, "count M"]:
    """The leading eigenvectors of the Gram matrix over the elements, each of length 1; the sum of each is not below 0,
    and where it is 0 but for rounding, its largest value is positive. Fewer where the code has fewer dimensions."""
    if not codes.shape[1]:
        return np.zeros((0, len(codes)), dtype=np.float32)
    values, vectors = torch.linalg.eigh(_moments(codes))
    wanted = min(count, int((values > NOTHING * values[-1]).sum()))
    out = []
    for column in range(vectors.shape[1] - 1, vectors.shape[1] - 1 - wanted, -1):
        pattern = codes.detach().double() @ vectors[:, column]
        pattern = pattern / pattern.norm()
        total = float(pattern.sum())
        if abs(total) < 1e-6 * len(pattern) ** 0.5:
            total = float(pattern[pattern.abs().argmax()])
        out.append((pattern if total >= 0 else -pattern).float())
    return torch.stack(out).numpy()


def pattern(codes: Float[Tensor, "M P"], channel: int) -> Float32[np.ndarray, "M"]:
    """One channel over the elements. Raises ValueError for a channel that does not exist."""
    if not 0 <= channel < codes.shape[1]:
        raise ValueError(f"there is no channel {channel}; they run from 0 to {codes.shape[1] - 1}")
    return codes[:, channel].detach().numpy()


def _moments(codes: Float[Tensor, "M P"]) -> Float[Tensor, "P P"]:
    exact = codes.detach().double()
    return exact.T @ exact / len(codes)
