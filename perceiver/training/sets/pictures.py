"""Images of rendered objects on photographed backgrounds: `perceiver data build image`."""

from __future__ import annotations

from pathlib import Path

import torch

from ...checkpoints.cards.results import Data
from ...config import PerceiverConfig
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from .base import Examples
from .pixels import mask_shares, normalise
from .scenes import HELD_OUT, Augmentation, Scenes, SceneSet

# Seed of the held-out images: every held-out view on a held-out background, composed once.
HELD_OUT_SEED = 20_210_304


class PictureSet:
    """The images of one split, composed on demand."""

    about = Data(
        name="Rendered objects on photographed grounds",
        licence="Sweet Home 3D furniture (per model: GPL, Free Art Licence, CC BY, CC0) and 0 A.D. art (CC BY-SA 3.0)",
        split="By object and by near-duplicate group of objects, and by texture group of grounds: held-out pictures "
        "show held-out objects on held-out grounds.",
    )
    caveats: tuple[str, ...] = (
        "The pictures are rendered: an object of a 3D collection over a photographed ground.",
        "On photographs of the world the classes it names are guesses.",
    )

    def __init__(self, folder: Path, split: int, model: PerceiverConfig) -> None:
        self.scenes = SceneSet(folder, split)
        self.classes, self.labels = self.scenes.classes, self.scenes.labels
        self.size = model.read_shape[0]
        self.mean, self.std = model.preprocess["mean"], model.preprocess["std"]

    def batch(self, count: int, augmentation: Augmentation, generator: torch.Generator) -> Examples:
        """Composed images, with all pixels."""
        chosen = self.scenes.balanced(count, generator)
        return self._examples(self.scenes.compose(chosen, self.size, augmentation, generator))

    def held_out(self) -> Examples:
        """All views of all objects of the split."""
        return self._examples(self._held_out())

    def measures(self, model: Perceiver, progress: ProgressCallback = ignore) -> dict[str, float]:
        """The fraction of each block's mean map on the object, and the fraction of the image that it covers."""
        scenes = self._held_out()
        return mask_shares(model, self._examples(scenes), scenes.mask, "object", progress)

    def _held_out(self) -> Scenes:
        generator = torch.Generator().manual_seed(HELD_OUT_SEED)
        return self.scenes.compose(torch.arange(len(self.scenes.labels)), self.size, HELD_OUT, generator)

    def _examples(self, scenes: Scenes) -> Examples:
        return Examples(normalise(scenes.image, self.mean, self.std), scenes.label, scenes.object)
