"""Stems: layers applied to the content before the position encoding is concatenated.

The paper has none. Two ImageNet models of Perceiver IO have a linear layer or a convolution. Models trained here have
patches or a few small convolutions, which reduce the number of input elements.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .config import CONV as _CONV
from .config import POOL as _POOL
from .config import STRIDE as _STRIDE
from .config import PerceiverConfig, StemConfig, StemKind, same_padding


class LinearStem(nn.Module):
    """A linear layer shared by all input elements (a 1 x 1 convolution)."""

    def __init__(self, config: StemConfig, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(config.in_channels, channels)

    def forward(self, content: Float[Tensor, "B M read"]) -> Float[Tensor, "B M content"]:
        return self.linear(content)


class ConvStem(nn.Module):
    """7 x 7 convolution with stride 2, ReLU and 3 x 3 max pooling with stride 2: one element per 4 x 4 pixels.

    Converters fold a batch norm after the convolution into its weights.
    """

    def __init__(self, config: StemConfig, channels: int) -> None:
        super().__init__()
        assert config.pixels is not None
        self.pixels, self.padding = config.pixels, config.padding
        self.conv = nn.Conv2d(config.in_channels, channels, _CONV, stride=_STRIDE)

    def forward(self, content: Float[Tensor, "B pixels read"]) -> Float[Tensor, "B M content"]:
        _check_pixels(content, self.pixels)
        x = content.transpose(1, 2).unflatten(2, self.pixels)
        same = self.padding == "same"
        x = F.pad(x, _same(self.pixels, _CONV) if same else (_CONV // 2,) * 4)
        x = F.relu(self.conv(x))
        if same:
            x = F.pad(x, _same((x.shape[2], x.shape[3]), _POOL), value=-torch.inf)
        return F.max_pool2d(x, _POOL, _STRIDE).flatten(2).transpose(1, 2)


class PatchStem(nn.Module):
    """Flattens patches of side x side pixels into elements, row by row, channels last; no weights."""

    def __init__(self, config: StemConfig, channels: int) -> None:
        super().__init__()
        assert config.pixels is not None
        assert config.side is not None
        del channels
        self.pixels, self.side = config.pixels, config.side

    def forward(self, content: Float[Tensor, "B pixels read"]) -> Float[Tensor, "B M content"]:
        _check_pixels(content, self.pixels)
        x = content.unflatten(1, (self.pixels[0] // self.side, self.side, self.pixels[1] // self.side, self.side))
        return x.transpose(2, 3).flatten(3).flatten(1, 2)


class ConvsStem(nn.Module):
    """Convolutions with stride 2 and "same" zero padding, each followed by a ReLU.

    During training each has a batch norm (`perceiver.training.preparation`), which is folded into the convolution
    afterwards.
    """

    def __init__(self, config: StemConfig, channels: int) -> None:
        super().__init__()
        assert config.pixels is not None
        assert config.side is not None
        del channels
        self.pixels, self.side = config.pixels, config.side
        widths = (config.in_channels, *config.widths)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, self.side, stride=_STRIDE) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.Identity() for _ in self.convs)

    def forward(self, content: Float[Tensor, "B pixels read"]) -> Float[Tensor, "B M content"]:
        _check_pixels(content, self.pixels)
        x = content.transpose(1, 2).unflatten(2, self.pixels)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(F.pad(x, _same((x.shape[2], x.shape[3]), self.side)))))
        return x.flatten(2).transpose(1, 2)


_STEMS: dict[StemKind, Callable[[StemConfig, int], nn.Module]] = {
    "linear": LinearStem,
    "conv": ConvStem,
    "patches": PatchStem,
    "convs": ConvsStem,
}


def stem_of(config: PerceiverConfig) -> nn.Module:
    """The stem of a model; the identity if it has none."""
    if config.stem is None:
        return nn.Identity()
    return _STEMS[config.stem.kind](config.stem, config.content_channels)


def _check_pixels(content: Float[Tensor, "B pixels read"], pixels: tuple[int, int]) -> None:
    if content.shape[1] != pixels[0] * pixels[1]:
        raise ValueError(f"the input has {content.shape[1]} pixels; this model reads {pixels}")


def _same(size: tuple[int, int], kernel: int) -> tuple[int, int, int, int]:
    """ "Same" padding in the order of `torch.nn.functional.pad`: width, then height."""
    (top, bottom), (left, right) = (same_padding(n, kernel, _STRIDE) for n in size)
    return left, right, top, bottom
