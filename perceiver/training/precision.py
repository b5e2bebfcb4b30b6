"""Choice of the number type for the matrix products of training, by a short benchmark.

bfloat16 is several times faster on processors with bfloat16 matrix instructions, and slower than float32 on others.
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
    """The precision of the recipe; for "auto", the faster one of "no" (float32) and "bf16" on this machine.

    Times a few forward and backward passes over `examples` and compares the fastest of each.
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
    content, label, fastest = examples.content.to(device), examples.label.to(device), float("inf")
    for _ in range(1 + _TIMED):
        start = time.perf_counter()
        codes = examples.codes(model).to(device)  # trained ones belong to the graph of each pass
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            behind = model.stem(content)
            read = slice(None if recipe.elements is None else recipe.elements)
            logits = model(model.joined(behind[:, read], codes[:, read]))
        F.cross_entropy(logits.float(), label).backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        fastest = min(fastest, time.perf_counter() - start)
    return fastest
