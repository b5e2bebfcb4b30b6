"""Weights that are told by their names: both sides of a comparison make the same ones, so that no file must hold them.

NumPy alone, because the other side runs where nothing of this project is installed.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import numpy.typing as npt

# Queries and keys a little above unit variance: attention that prefers some elements and is not all on one.
_GAIN = 1.25


def fill(name: str, shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.float32]:
    """Numbers for a parameter with this name and shape, the same on every machine.

    A vector called "...weight" or "...gamma" is that of a norm, near 1; other vectors are biases, near 0; a matrix or
    kernel called "...weight" has fan-in scale, its inputs being all axes but the first; all else (latents, queries,
    tables) is of order 1. Where weights are tied, fill them once, under the first of their names.
    """
    last = name.rpartition(".")[2]
    scaled = last in ("weight", "gamma", "w")
    if len(shape) <= 1:
        return (1 + 0.25 * even(name, shape, seed) if scaled else 0.1 * even(name, shape, seed)).astype(np.float32)
    scale = _GAIN / math.sqrt(math.prod(shape[1:])) if scaled else 1.0
    numbers = even(name, shape, seed)
    numbers *= np.float32(scale)
    return numbers


def even(name: str, shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.float32]:
    """Evenly distributed numbers of mean 0 and variance 1, for inputs.

    They are made of the generator's raw bits, which NumPy promises not to change; its normal numbers it may.
    """
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    bits = np.random.PCG64(int.from_bytes(digest, "little")).random_raw(math.prod(shape))
    numbers = (np.asarray(bits, dtype=np.uint64) >> np.uint64(40)).astype(np.float32)  # 24 bits: exact in float32
    numbers -= np.float32(2**23 - 0.5)
    numbers *= np.float32(math.sqrt(12) / 2**24)
    return numbers.reshape(shape)
