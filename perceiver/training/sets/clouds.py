"""Point clouds of objects: `perceiver data build points`, or a folder laid out like ModelNet40."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...checkpoints.cards.results import Data
from ...config import PerceiverConfig
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from .base import Balanced, Examples, archive, default_folder, uniform
from .modelnet import is_modelnet, read_modelnet

# Points sampled from a mesh per input element, so that training steps can draw different subsets.
_OFFERED = 2


@dataclass(frozen=True)
class CloudAugmentation:
    """Augmentation of point clouds; all ranges are uniform.

    scale    factor on each point, drawn independently (paper: 0.99 to 1.01)
    turn     maximum rotation about the up axis in degrees, in either direction
    stretch  factor on each axis of the object
    jitter   standard deviation of the displacement of points, relative to half the size of the object
    """

    scale: tuple[float, float] = (0.99, 1.01)
    turn: float = 20.0
    stretch: tuple[float, float] = (0.7, 1.3)
    jitter: float = 0.01

    def sentence(self) -> str:
        """Description for the model card."""
        return (
            f"each point scaled by {self.scale[0]:g} to {self.scale[1]:g} (as in the paper), the object turned by up "
            f"to {self.turn:g} degrees about its up axis, each axis stretched by {self.stretch[0]:g} to "
            f"{self.stretch[1]:g}, points displaced by {self.jitter:.0%} of its half size; then the mean taken to the "
            "origin and the cloud scaled into the unit cube"
        )


class CloudSet:
    """The objects of one split, with y upwards; groups are near-duplicates.

    Reads `points.npz`, or a folder laid out like ModelNet40: CLASS/train/*.off and CLASS/test/*.off.
    """

    about = Data(
        name="Everyday and historic objects",
        licence="Sweet Home 3D furniture (per model: GPL, Free Art Licence, CC BY, CC0), 0 A.D. art (CC BY-SA 3.0) and "
        "TORCS cars (Free Art Licence 1.3)",
        split="By object and by near-duplicate group of objects, the same as for pictures of them; near copies are "
        "looked for turned by quarters and mirrored as well.",
    )
    caveats: tuple[str, ...] = (
        "The points are sampled from the surfaces of modelled objects, evenly by area and from all sides.",
        "Scans of real objects have holes, noise and uneven density.",
    )

    def __init__(self, folder: Path, split: int, model: PerceiverConfig) -> None:
        if not (folder / "points.npz").is_file() and is_modelnet(folder):
            self.about = Data(
                name=f"Meshes of {folder.name}",
                licence="Not known; it is whoever's the meshes are.",
                split="The folder's own: train and test.",
            )
            arrays = read_modelnet(folder, points=_OFFERED * model.num_inputs, cache=_cache(folder))
        else:
            arrays = archive(folder / "points.npz", "points")
        chosen = np.flatnonzero(arrays["split"] == split)
        self.classes = tuple(str(name) for name in arrays["classes"])
        self.count = model.num_inputs
        self.points: Float[Tensor, "n P 3"] = torch.from_numpy(arrays["points"][chosen].astype(np.float32))
        self.labels: Int[Tensor, "n"] = torch.from_numpy(arrays["label"][chosen].astype(np.int64))
        self.groups: Int[Tensor, "n"] = torch.from_numpy(arrays["group"][chosen].astype(np.int64))
        self._draw = Balanced(self.labels.tolist(), self.groups.tolist())

    def batch(self, count: int, augmentation: CloudAugmentation, generator: torch.Generator) -> Examples:
        """Augmented clouds, each a random subset of the points of an object."""
        index = self._draw(count, generator)
        part = torch.rand(count, self.points.shape[1], generator=generator).argsort(1)[:, : self.count]
        points = self.points[index].gather(1, part[..., None].expand(-1, -1, 3))
        return self._examples(index, augment(points, augmentation, generator))

    def held_out(self) -> Examples:
        """All objects of the split, with their first points."""
        return self._examples(torch.arange(len(self.labels)), self.points[:, : self.count])

    def measures(self, model: Perceiver, progress: ProgressCallback = ignore) -> dict[str, float]:
        """No measures besides accuracy."""
        return {}

    def _examples(self, index: Int[Tensor, "B"], points: Float[Tensor, "B M 3"]) -> Examples:
        content = points.new_zeros(*points.shape[:2], 0)
        return Examples(content, self.labels[index], self.groups[index], unit_cube(points))


def _cache(folder: Path) -> Path:
    """Cache file for the points of a folder of meshes, in the folder of built data."""
    return default_folder() / f"{folder.name}-{zlib.crc32(str(folder.resolve()).encode()):08x}.npz"


def augment(
    points: Float[Tensor, "B M 3"], augmentation: CloudAugmentation, generator: torch.Generator
) -> Float[Tensor, "B M 3"]:
    """Rotates each cloud about y, stretches it, and scales and displaces its points."""
    a, count = augmentation, len(points)
    draw = uniform(count, generator)
    angle = draw(-math.radians(a.turn), math.radians(a.turn), 1)
    x, y, z = points.unbind(-1)
    turned = torch.stack([angle.cos() * x + angle.sin() * z, y, angle.cos() * z - angle.sin() * x], dim=-1)
    turned = turned * draw(*a.stretch, 1, 3) * draw(*a.scale, points.shape[1], 1)
    half = turned.abs().amax((1, 2), keepdim=True)
    return turned + a.jitter * half * torch.randn(points.shape, generator=generator)


def unit_cube(points: Float[Tensor, "B M 3"]) -> Float[Tensor, "B M 3"]:
    """Centres clouds at their mean and scales the largest absolute coordinate to 1 (paper, section 4.3)."""
    points = points - points.mean(1, keepdim=True)
    return points / points.abs().amax((1, 2), keepdim=True)
