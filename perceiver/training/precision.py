"""Which number type the matrix products of training run in: measured, because it depends on the processor.

bfloat16 is several times as fast where the processor multiplies matrices of it, and slower than float32 elsewhere.
"""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F

from ..model import Perceiver
from .recipes import Recipe
from .sets import Examples
from .stems import add_norms

_TIMED = 3


def choose_precision(recipe: Recipe, examples: Examples) -> str:
    """The recipe's own precision, or, where that is "auto", whichever of "no" (float32) and "bf16" is faster here.

    A few forward and backward passes over `examples` are timed, the fastest of each counts.
    """
    if recipe.precision != "auto":
        return recipe.precision
    seconds = {name: _seconds(recipe, examples, name) for name in ("no", "bf16")}
    return min(seconds, key=lambda name: seconds[name])


def _seconds(recipe: Recipe, examples: Examples, precision: str) -> float:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Perceiver(recipe.model)
    add_norms(model)
    model.to(device)
    content, codes = examples.content.to(device), examples.codes(model).to(device)
    label, fastest = examples.label.to(device), float("inf")
    for _ in range(1 + _TIMED):
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            behind = model.stem(content)
            read = slice(None if recipe.elements is None else recipe.elements)
            logits = model(model.joined(behind[:, read], codes[:, read]))
        F.cross_entropy(logits.float(), label).backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        fastest = min(fastest, time.perf_counter() - start)
    return fastest
