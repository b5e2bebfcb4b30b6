"""Notes of sampled instruments, with one sound bank held out: `perceiver data build audio`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...checkpoints.cards.results import Data
from ...config import PerceiverConfig
from ...modalities.audio.features import content
from ...modalities.audio.settings import AudioSettings
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from .base import TRAIN, VAL, Balanced, Examples, archive, hits
from .hearing import SoundAugmentation, augment, masked

BATCH = 64


class SoundSet:
    """The notes of one split; groups are instruments: a program of a bank, or its drums."""

    about = Data(
        name="Notes of sampled instruments",
        licence="FluidR3 (MIT), freepats (GPL-2) and TimGM6mb (GPL-2) sound banks",
        split="By sound bank: trained on FluidR3 and freepats, held out is TimGM6mb, whose recordings are others.",
    )
    caveats: tuple[str, ...] = (
        "The sounds are single notes of recorded instruments, played back by a sampler.",
        "On other sounds the families it names are guesses.",
    )

    def __init__(self, folder: Path, split: int, model: PerceiverConfig) -> None:
        arrays = archive(folder / "audio.npz", "audio")
        chosen = np.flatnonzero(arrays["split"] == split)
        self.folder, self.split, self.model = folder, split, model
        self.classes = tuple(str(name) for name in arrays["classes"])
        self.settings = AudioSettings.of(model.preprocess)
        self.audio: Float[Tensor, "n samples"] = torch.from_numpy(arrays["audio"][chosen].astype(np.float32) / 32768)
        self.labels: Int[Tensor, "n"] = torch.from_numpy(arrays["label"][chosen].astype(np.int64))
        instruments = [f"{b} {p}" for b, p in zip(arrays["bank"][chosen], arrays["program"][chosen], strict=True)]
        _, groups = np.unique([f"{k} {c}" for k, c in zip(instruments, self.labels, strict=True)], return_inverse=True)
        self.groups: Int[Tensor, "n"] = torch.from_numpy(groups.astype(np.int64))
        self._draw = Balanced(self.labels.tolist(), self.groups.tolist())

    def batch(self, count: int, augmentation: SoundAugmentation, generator: torch.Generator) -> Examples:
        """Augmented notes."""
        index = self._draw(count, generator)
        heard = augment(self.audio[index], self.settings.rate, augmentation, generator)
        values = content(heard, self.settings)
        if self.settings.features == "mel" and any(augmentation.mask):
            values = masked(values, self.settings.shape, augmentation.mask, generator)
        return Examples(values, self.labels[index], self.groups[index])

    def held_out(self) -> Examples:
        """All notes of the split, unchanged."""
        parts = [content(part, self.settings) for part in self.audio.split(BATCH)]
        return Examples(torch.cat(parts), self.labels, self.groups)

    def measures(self, model: Perceiver, progress: ProgressCallback = ignore) -> dict[str, float]:
        """Accuracy on held-out notes of the training banks, which separates the effect of a new bank."""
        if self.split in (TRAIN, VAL):
            return {}
        known = SoundSet(self.folder, VAL, self.model).held_out()
        return {"Accuracy on unheard notes of the banks trained on": float(hits(model, known).float().mean())}
