"""Letters of free fonts on photographed backgrounds: `perceiver data build letters`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ...checkpoints.cards.results import Data
from ...config import PerceiverConfig
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from .base import Balanced, Examples, archive, uniform
from .pixels import affine, mask_shares, normalise
from .scenes import Grounds

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

# Seed of the held-out images: every letter of every held-out font, composed once.
HELD_OUT_SEED = 20_210_304


@dataclass(frozen=True)
class LetterAugmentation:
    """Augmentation of letters. Ranges are uniform; held-out images use the same ranges without noise.

    scale     longer side of the letter relative to the side of the image
    squeeze   factor on the width of the letter
    tilt      maximum rotation in degrees, in either direction
    slant     maximum horizontal shear, in either direction
    contrast  minimum difference in brightness between the ink and the mean of the background, in [0, 1]
    light     factor on the brightness of the background
    noise     standard deviation of added noise, for values in [0, 1]
    """

    scale: tuple[float, float] = (0.55, 0.95)
    squeeze: tuple[float, float] = (0.8, 1.2)
    tilt: float = 12.0
    slant: float = 0.2
    contrast: float = 0.3
    light: tuple[float, float] = (0.7, 1.3)
    noise: float = 0.02

    def sentence(self) -> str:
        """Description for the model card."""
        return (
            f"letter {self.scale[0]:g} to {self.scale[1]:g} of the side, {self.squeeze[0]:g} to {self.squeeze[1]:g} "
            f"times as wide, turned by up to {self.tilt:g} degrees, sheared by up to {self.slant:g}, anywhere in the "
            f"picture, in a random colour at least {self.contrast:.0%} brighter or darker than the ground; noise of "
            f"{self.noise:.0%}"
        )


@dataclass(frozen=True)
class LetterPictures:
    """A batch of composed images: `image` in [0, 1], channels last; `mask` is the coverage of the strokes."""

    image: Float[Tensor, "B S S 3"]
    mask: Float[Tensor, "B S S"]


class LetterSet:
    """The letters of one split, composed on demand; groups are font families."""

    about = Data(
        name="Letters of type families on photographed grounds",
        licence="Fonts of texlive-fonts-extra (free licences, one a family) and terrain textures of 0 A.D. (CC BY-SA "
        "3.0)",
        split="By type family and by texture group of grounds: held-out pictures show unseen families on unseen "
        "grounds.",
    )
    caveats: tuple[str, ...] = (
        "It knows the capital letters A to Z and nothing else: any other picture is given the letter that fits best.",
        "The pictures are composed: printed letters in one colour over a photographed ground, one letter a picture.",
    )

    def __init__(self, folder: Path, split: int, model: PerceiverConfig) -> None:
        arrays = archive(folder / "letters.npz", "letters")
        chosen = np.flatnonzero(arrays["split"] == split)
        self.classes = tuple(str(name) for name in arrays["classes"])
        glyphs: UInt8[Tensor, "fonts 26 s s"] = torch.from_numpy(arrays["glyph"][chosen])
        fonts, count = glyphs.shape[:2]
        self.glyphs = glyphs.flatten(0, 1)
        self.labels: Int[Tensor, "n"] = torch.arange(count).repeat(fonts)
        groups = torch.from_numpy(arrays["group"][chosen].astype(np.int64))
        self.groups: Int[Tensor, "n"] = groups.repeat_interleave(count)
        self.grounds = Grounds(folder, split)
        self.size = model.read_shape[0]
        self.mean, self.std = model.preprocess["mean"], model.preprocess["std"]
        self._draw = Balanced(self.labels.tolist(), self.groups.tolist())

    def batch(self, count: int, augmentation: LetterAugmentation, generator: torch.Generator) -> Examples:
        """Composed images, with all pixels."""
        index = self._draw(count, generator)
        return self._examples(index, self.compose(index, augmentation, generator))

    def held_out(self) -> Examples:
        """All letters of all fonts of the split, composed once."""
        return self._examples(torch.arange(len(self.labels)), self._held_out())

    def measures(self, model: Perceiver, progress: ProgressCallback = ignore) -> dict[str, float]:
        """The fraction of each block's mean map on the strokes, and the fraction of the image that they cover."""
        pictures = self._held_out()
        examples = self._examples(torch.arange(len(self.labels)), pictures)
        return mask_shares(model, examples, pictures.mask, "strokes", progress)

    def compose(
        self, index: Int[Tensor, "B"], augmentation: LetterAugmentation, generator: torch.Generator
    ) -> LetterPictures:
        """Images of the given letters."""
        a, count, size = augmentation, len(index), self.size
        draw = uniform(count, generator)
        glyph = self.glyphs[index].float().unsqueeze(1) / 255
        scale, slant = draw(*a.scale), draw(-a.slant, a.slant)
        angle = torch.deg2rad(draw(-a.tilt, a.tilt))
        width = scale * draw(*a.squeeze)
        shift = draw(-1.0, 1.0, 2) * (1 - scale).clamp_min(0)[:, None]
        theta = affine(width, scale, slant, angle, shift)
        # Four samples per pixel, so that thin strokes are not lost.
        grid = F.affine_grid(theta, [count, 1, 2 * size, 2 * size], align_corners=False)
        mask = F.avg_pool2d(F.grid_sample(glyph, grid, align_corners=False), 2)
        ground = (self.grounds.crops(count, size, generator) * draw(*a.light, 1, 1, 1)).clamp(0, 1)
        ink = self._ink(ground.mean((1, 2, 3)), a.contrast, generator)
        image = ground * (1 - mask) + ink[..., None, None] * mask
        if a.noise:
            image = image + a.noise * torch.randn(image.shape, generator=generator)
        return LetterPictures(image.clamp(0, 1).permute(0, 2, 3, 1), mask[:, 0])

    @staticmethod
    def _ink(ground: Float[Tensor, "B"], contrast: float, generator: torch.Generator) -> Float[Tensor, "B 3"]:
        """Random colours whose mean differs from that of the background by at least `contrast`."""
        count = len(ground)
        colours = torch.rand(count, 16, 3, generator=generator)
        enough = (colours.mean(-1) - ground[:, None]).abs() >= contrast
        first = enough.int().argmax(1)
        ink = colours[torch.arange(count), first]
        fallback = (ground < 0.5).float()[:, None].expand(-1, 3)  # white on dark, black on light
        return torch.where(enough.any(1)[:, None], ink, fallback)

    def _held_out(self) -> LetterPictures:
        generator = torch.Generator().manual_seed(HELD_OUT_SEED)
        plain = replace(LetterAugmentation(), noise=0.0)
        parts = [self.compose(part, plain, generator) for part in torch.arange(len(self.labels)).split(512)]
        return LetterPictures(torch.cat([p.image for p in parts]), torch.cat([p.mask for p in parts]))

    def _examples(self, index: Int[Tensor, "B"], pictures: LetterPictures) -> Examples:
        content = normalise(pictures.image, self.mean, self.std)
        return Examples(content, self.labels[index], self.groups[index])
