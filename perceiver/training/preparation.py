"""Preparation of a model for training: batch norms in its stem, and the number type of its matrix products.

The batch norms after the convolutions of a stem are folded into the convolutions before saving. bfloat16 is several
times faster on processors with bfloat16 matrix instructions, and slower than float32 on others, so both are timed.
"""

from __future__ import annotations

import time
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from ..model import Perceiver
from ..stem import ConvsStem
from .recipe import Recipe
from .sets import Examples

_TIMED = 3


def add_norms(model: Perceiver) -> None:
    """Adds a batch norm after every convolution of the stem. Models with other stems are unchanged."""
    if isinstance(model.stem, ConvsStem):
        model.stem.norms = nn.ModuleList(
            nn.BatchNorm2d(cast(nn.Conv2d, conv).out_channels) for conv in model.stem.convs
        )


@torch.no_grad()
def fold_norms(model: Perceiver) -> None:
    """Folds the batch norms of the stem into its convolutions, using their running statistics.

    The output in eval mode is unchanged.
    """
    if not isinstance(model.stem, ConvsStem):
        return
    for place, (conv, norm) in enumerate(zip(model.stem.convs, model.stem.norms, strict=True)):
        if isinstance(norm, nn.BatchNorm2d):
            conv = cast(nn.Conv2d, conv)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            assert conv.bias is not None
            scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
            conv.weight.mul_(scale[:, None, None, None])
            conv.bias.copy_((conv.bias - norm.running_mean) * scale + norm.bias)
            model.stem.norms[place] = nn.Identity()


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
