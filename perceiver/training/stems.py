"""Batch norms behind the convolutions of a stem while it is trained; folded into them before the model is saved."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from ..model import Perceiver
from ..stem import ConvsStem


def add_norms(model: Perceiver) -> None:
    """Puts a batch norm behind every convolution of the model's stem. Models with other stems are left alone."""
    if isinstance(model.stem, ConvsStem):
        model.stem.norms = nn.ModuleList(
            nn.BatchNorm2d(cast(nn.Conv2d, conv).out_channels) for conv in model.stem.convs
        )


@torch.no_grad()
def fold_norms(model: Perceiver) -> None:
    """Folds the batch norms of the model's stem into its convolutions, with the statistics of training.

    The stem computes the same as before in eval mode.
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
