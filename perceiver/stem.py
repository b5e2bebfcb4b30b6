"""What content passes through before it meets its position code: nothing in the paper, a linear layer or a small
convolution in two of Perceiver IO's ImageNet models."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .config import PerceiverConfig, StemConfig

_CONV, _POOL, _STRIDE = 7, 3, 2


class LinearStem(nn.Module):
    """The same linear layer for every input element (a convolution of 1 x 1)."""

    def __init__(self, config: StemConfig, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(config.in_channels, channels)

    def forward(self, content: Float[Tensor, "B M read"]) -> Float[Tensor, "B M content"]:
        return self.linear(content)


class ConvStem(nn.Module):
    """Convolution 7 x 7 with stride 2, ReLU, max pooling 3 x 3 with stride 2: one element of 4 x 4 pixels.

    A batch norm behind the convolution is part of its weights: converters fold it in.
    """

    def __init__(self, config: StemConfig, channels: int) -> None:
        super().__init__()
        assert config.pixels is not None
        self.pixels, self.padding = config.pixels, config.padding
        self.conv = nn.Conv2d(config.in_channels, channels, _CONV, stride=_STRIDE)

    def forward(self, content: Float[Tensor, "B pixels read"]) -> Float[Tensor, "B M content"]:
        if content.shape[1] != self.pixels[0] * self.pixels[1]:
            raise ValueError(f"the input has {content.shape[1]} pixels; this model reads {self.pixels}")
        x = content.transpose(1, 2).unflatten(2, self.pixels)
        same = self.padding == "same"
        x = F.pad(x, _same(self.pixels, _CONV) if same else (_CONV // 2,) * 4)
        x = F.relu(self.conv(x))
        if same:
            x = F.pad(x, _same((x.shape[2], x.shape[3]), _POOL), value=-torch.inf)
        return F.max_pool2d(x, _POOL, _STRIDE).flatten(2).transpose(1, 2)


def stem_of(config: PerceiverConfig) -> nn.Module:
    """The stem of a model; one that changes nothing where it has none."""
    if config.stem is None:
        return nn.Identity()
    return (LinearStem if config.stem.kind == "linear" else ConvStem)(config.stem, config.content_channels)


def cells(config: StemConfig) -> tuple[tuple[float, float], ...] | None:
    """Where the elements of a convolution lie on its pixels: (start, stop) an axis, cells of four pixels around the
    centre of what each one reads. None for a stem that keeps the grid."""
    if config.pixels is None or config.grid is None:
        return None
    out = []
    for pixels, count in zip(config.pixels, config.grid, strict=True):
        halves = (pixels + 1) // 2
        before = [(_before(pixels, _CONV), _before(halves, _POOL)), (_CONV // 2, 0)][config.padding == "transformers"]
        # Element j reads halves 2j - b to 2j - b + 2, and half i reads pixels 2i - a to 2i - a + 6.
        centre = _STRIDE * (1 - before[1]) + 3 - before[0] + 0.5
        width = float(_STRIDE * _STRIDE)
        out.append((centre - width / 2, centre - width / 2 + width * count))
    return tuple(out)


def _before(size: int, kernel: int) -> int:
    """Padding before the first pixel, as JAX and TensorFlow count "SAME": the odd one goes behind."""
    return max((-(-size // _STRIDE) - 1) * _STRIDE + kernel - size, 0) // 2


def _same(size: tuple[int, int], kernel: int) -> tuple[int, int, int, int]:
    """Padding of width then height, as `torch.nn.functional.pad` takes it."""
    out = []
    for n in reversed(size):
        total = max((-(-n // _STRIDE) - 1) * _STRIDE + kernel - n, 0)
        out += [total // 2, total - total // 2]
    return out[0], out[1], out[2], out[3]
