"""Images composed of rendered objects on photographed backgrounds: random for training, fixed for evaluation.

Composition is batched, so that it is cheap compared with a training step, and yields the exact mask of each object.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from .base import Balanced, archive, uniform


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of composed images. Ranges are uniform; held-out images vary in scale, position and light only.

    scale    longer side of the object relative to the side of the image
    light    factor on the brightness of object and background, drawn independently
    colour   factor on each channel of the object, drawn independently
    dye      fraction of objects with permuted colour channels, so that shape matters more than colour
    tilt     maximum rotation of the object in degrees
    squeeze  factor on the width of the object
    erase    fraction of images with one rectangle replaced by background, so that no single part decides
    noise    standard deviation of added noise, for values in [0, 1]
    """

    scale: tuple[float, float] = (0.6, 0.95)
    light: tuple[float, float] = (0.7, 1.3)
    colour: tuple[float, float] = (0.7, 1.3)
    dye: float = 0.5
    tilt: float = 15.0
    squeeze: tuple[float, float] = (0.75, 1.33)
    erase: float = 0.3
    noise: float = 0.02

    def sentence(self) -> str:
        """Description for the model card."""

        def span(ends: tuple[float, float]) -> str:
            return f"{ends[0]:g} to {ends[1]:g}"

        return (
            f"object {span(self.scale)} of the side, its light by a factor of {span(self.light)} and each of its "
            f"colours by {span(self.colour)}, colour channels exchanged on {self.dye:.0%} of the objects, mirrored, "
            f"turned by up to {self.tilt:g} degrees, {span(self.squeeze)} times as wide; a rectangle taken out of "
            f"{self.erase:.0%} of the objects; noise of {self.noise:.0%}"
        )


HELD_OUT = Augmentation(colour=(1.0, 1.0), dye=0.0, tilt=0.0, squeeze=(1.0, 1.0), erase=0.0, noise=0.0)


@dataclass(frozen=True)
class Scenes:
    """A batch of composed images: `image` in [0, 1], channels last; `mask` is the coverage of the object."""

    image: Float[Tensor, "B S S 3"]
    mask: Float[Tensor, "B S S"]
    label: Int[Tensor, "B"]
    object: Int[Tensor, "B"]


class Grounds:
    """The photographed backgrounds of one split.

    Raises DataError, naming the build command, if the data is missing.
    """

    def __init__(self, folder: Path, split: int) -> None:
        grounds = archive(folder / "grounds.npz", "image")
        ground = torch.from_numpy(grounds["ground"][grounds["split"] == split]).permute(0, 3, 1, 2).float()
        # Two resolutions, to avoid aliasing in large crops.
        self._levels = (ground, F.avg_pool2d(ground, 2))

    def crops(self, count: int, size: int, generator: torch.Generator) -> Float[Tensor, "B 3 S S"]:
        """Random crops in [0, 1], rotated by multiples of 90 degrees and mirrored."""
        level = int(torch.randint(2, (1,), generator=generator))
        source = self._levels[level]
        side = source.shape[-1]
        chosen = torch.randint(len(source), (count,), generator=generator)
        zoom = (0.75 + 0.5 * torch.rand(count, generator=generator)).clamp_max(side / size) * size / side
        turn = torch.randint(4, (count,), generator=generator) * (math.pi / 2)
        flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
        shift = (2 * torch.rand(count, 2, generator=generator) - 1) * (1 - zoom).clamp_min(0)[:, None]
        cos, sin = turn.cos() * zoom, turn.sin() * zoom
        theta = torch.stack(
            [torch.stack([cos * flip, -sin, shift[:, 0]], -1), torch.stack([sin * flip, cos, shift[:, 1]], -1)], dim=1
        )
        grid = F.affine_grid(theta, [count, 3, size, size], align_corners=False)
        return F.grid_sample(source[chosen], grid, padding_mode="reflection", align_corners=False) / 255


class SceneSet:
    """The objects and backgrounds of one split.

    Raises DataError, naming the build command, if the data is missing.
    """

    def __init__(self, folder: Path, split: int) -> None:
        objects = archive(folder / "objects.npz", "image")
        chosen = np.flatnonzero(objects["split"] == split)
        self.classes = tuple(str(c) for c in objects["classes"])
        self.names = tuple(str(n) for n in objects["name"])
        self.sprites: UInt8[Tensor, "n 4 s s"] = torch.from_numpy(objects["sprite"][chosen]).permute(0, 3, 1, 2)
        self.labels = torch.from_numpy(objects["label"][chosen].astype(np.int64))
        self.objects = torch.from_numpy(objects["object"][chosen].astype(np.int64))
        self._centre, self._extent = _boxes(self.sprites[:, 3])
        self.balanced = Balanced(self.labels.tolist(), self.objects.tolist())
        self.grounds = Grounds(folder, split)

    def compose(
        self, index: Int[Tensor, "B"], size: int, augmentation: Augmentation, generator: torch.Generator
    ) -> Scenes:
        """Images of the given sprites at `size` x `size` pixels."""
        count = len(index)
        draw = uniform(count, generator)
        a = augmentation
        sprite = self.sprites[index].float() / 255
        alpha = sprite[:, 3:]
        order = torch.where(
            torch.rand(count, 1, generator=generator) < a.dye,
            torch.rand(count, 3, generator=generator).argsort(-1),
            torch.arange(3),
        )
        dyed = sprite[:, :3].gather(1, order[:, :, None, None].expand(-1, -1, *sprite.shape[2:]))
        colour = (dyed * draw(*a.colour, 3, 1, 1) * draw(*a.light, 1, 1, 1)).clamp(0, 1)
        premultiplied = torch.cat([colour * alpha, alpha], dim=1)
        scale, angle = draw(*a.scale), torch.deg2rad(draw(-a.tilt, a.tilt))
        flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
        room = (1 - scale).clamp_min(0)
        shift = draw(-1.0, 1.0, 2) * room[:, None]
        width, height = scale * draw(*a.squeeze) * flip, scale
        cos, sin = angle.cos(), angle.sin()
        # Image to sprite coordinates: invert shift, rotation and scale, then map to the bounding box of the object.
        extent, centre = self._extent[index], self._centre[index]
        x, y = extent / width, extent / height
        inverse = torch.stack(
            [
                torch.stack([cos * x, sin * x, centre[:, 0] - (cos * shift[:, 0] + sin * shift[:, 1]) * x], -1),
                torch.stack([-sin * y, cos * y, centre[:, 1] + (sin * shift[:, 0] - cos * shift[:, 1]) * y], -1),
            ],
            dim=1,
        )
        grid = F.affine_grid(inverse, [count, 4, size, size], align_corners=False)
        placed = F.grid_sample(premultiplied, grid, align_corners=False)
        if a.erase:
            placed = placed * self._holes(count, size, a.erase, generator)
        ground = self.grounds.crops(count, size, generator) * draw(*a.light, 1, 1, 1)
        image = placed[:, :3] + ground.clamp(0, 1) * (1 - placed[:, 3:])
        if a.noise:
            image = image + a.noise * torch.randn(image.shape, generator=generator)
        return Scenes(
            image=image.clamp(0, 1).permute(0, 2, 3, 1),
            mask=placed[:, 3],
            label=self.labels[index],
            object=self.objects[index],
        )

    @staticmethod
    def _holes(count: int, size: int, share: float, generator: torch.Generator) -> Float[Tensor, "B 1 S S"]:
        corner = torch.rand(count, 2, generator=generator)
        extent = 0.15 + 0.25 * torch.rand(count, 2, generator=generator)
        line = (torch.arange(size) + 0.5) / size
        inside = (line > corner[..., None]) & (line < (corner + extent)[..., None])
        hit = inside[:, 0, :, None] & inside[:, 1, None, :]
        hit &= (torch.rand(count, generator=generator) < share)[:, None, None]
        return (~hit).float().unsqueeze(1)


def _boxes(alpha: UInt8[Tensor, "n s s"]) -> tuple[Float[Tensor, "n 2"], Float[Tensor, "n"]]:
    """Centre (x, y) and half the longer side of the opaque bounding box of each sprite, in [-1, 1]."""
    side = alpha.shape[-1]
    limits = []
    for axis in (1, 2):  # reducing over rows gives x, over columns y
        line = (alpha > 25).any(axis)
        first = line.int().argmax(-1)
        last = side - line.flip(-1).int().argmax(-1)
        limits.append((first * 2 / side - 1, last * 2 / side - 1))
    centre = torch.stack([(low + high) / 2 for low, high in limits], dim=-1)
    extent = torch.stack([(high - low) / 2 for low, high in limits], dim=-1).amax(-1)
    return centre, extent
