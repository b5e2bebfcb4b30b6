"""Batch norms after the convolutions of a stem during training, folded into the convolutions before saving."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from ..model import Perceiver
from ..stem import ConvsStem


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
