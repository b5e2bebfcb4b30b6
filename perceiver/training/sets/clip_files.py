"""Clips in files: class folders as Kinetics is laid out, or lists of segments with several labels as AudioSet is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ...checkpoints.cards.results import Data
from ...config import PerceiverConfig
from ...errors import DataError, InputError
from ...modalities.audiovisual.modality import read_window
from ...modalities.audiovisual.settings import ClipSettings
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from . import layouts
from .base import Balanced, Examples
from .clips import ClipAugmentation, measure_senses, prepared

ENDINGS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".flv", ".wmv", ".mpg", ".mpeg", ".ogv")
_PART = 64


def is_clip_folder(folder: Path) -> bool:
    """Whether a folder holds lists of segments or class folders of clips, and no built data set."""
    if any(folder.glob("*.npz")):
        return False
    return bool(layouts.segment_lists(folder)) or layouts.is_class_folder(folder, ENDINGS)


class ClipFileSet:
    """The clips of one split of a folder; each clip is its own group. Files are opened on demand.

    Training reads a window at a random place of each clip or segment, testing that in its middle. A clip with several
    labels counts as right where the predicted class is one of them, and for its first label in accuracies per class.
    """

    caveats: tuple[str, ...] = ("It knows the classes of the folder that it was trained on and nothing else.",)

    def __init__(self, folder: Path, split: int, model: PerceiverConfig) -> None:
        listed = (
            layouts.read_segments(folder, split, ENDINGS)
            if layouts.segment_lists(folder)
            else layouts.read_class_folder(folder, split, ENDINGS, "clips")
        )
        self.about = Data(
            name=f"Clips of {folder.name}",
            licence="Not known; it is whoever's the clips are.",
            split=listed.split,
        )
        self.classes, self.files = listed.classes, listed.files
        self.settings = ClipSettings.of(model.preprocess)
        first = [file.labels[0] for file in self.files]
        self.labels: Int[Tensor, "n"] = torch.tensor(first)
        self.marked: Bool[Tensor, "n classes"] | None = None
        if any(len(file.labels) > 1 for file in self.files):
            self.marked = torch.zeros(len(first), len(self.classes), dtype=torch.bool)
            for row, file in enumerate(self.files):
                self.marked[row, list(file.labels)] = True
            shared = (
                "Clips have several labels, which share the probability; an answer is right where it is one of them."
            )
            self.caveats = (*self.caveats, shared)
        self._draw = Balanced(first, list(range(len(first))))

    def batch(self, count: int, augmentation: ClipAugmentation, generator: torch.Generator) -> Examples:
        """Augmented windows at random places, each with its own sound."""
        index = self._draw(count, generator)
        places = torch.rand(count, generator=generator).tolist()
        windows = [self._window(i, place) for i, place in zip(index.tolist(), places, strict=True)]
        return self._examples(index, windows, augmentation, generator)

    def held_out(self) -> Examples:
        """The middle windows of all clips of the split."""
        parts = [
            self._examples(part, [self._window(i, 0.5) for i in part.tolist()])
            for part in torch.arange(len(self.files)).split(_PART)
        ]
        content = torch.cat([part.content for part in parts])
        return Examples(content, self.labels, torch.arange(len(self.files)), labels=self.marked)

    def measures(self, model: Perceiver, progress: ProgressCallback = ignore) -> dict[str, float]:
        """Mean average precision where clips have several labels; what a model of frames and sound makes of each."""
        examples = self.held_out()
        found = measure_senses(model, examples, progress)
        if self.marked is None:
            return found
        return {"Mean average precision": mean_average_precision(_scores(model, examples), self.marked.numpy())} | found

    def _window(self, index: int, place: float) -> tuple[np.ndarray, np.ndarray]:
        """The frames and the sound of a window; `place` is 0 for the first of the segment and 1 for the last."""
        file = self.files[index]

        def begin(seconds: float) -> float:
            start, stop = 0.0, seconds
            # A file named after the whole video may hold the segment alone; then it is shorter than its end.
            if file.start is not None and file.stop is not None and not file.cut and seconds > file.start:
                start, stop = file.start, min(file.stop, seconds)
            return start + place * max(0.0, stop - start - self.settings.seconds)

        try:
            return read_window(file.path.read_bytes(), file.path.name, self.settings, begin)
        except (OSError, InputError) as error:
            raise DataError(f"{file.path} is not a clip that can be read ({error})") from error

    def _examples(
        self,
        index: Int[Tensor, "B"],
        windows: list[tuple[np.ndarray, np.ndarray]],
        augmentation: ClipAugmentation | None = None,
        generator: torch.Generator | None = None,
    ) -> Examples:
        frames = torch.from_numpy(np.stack([frames for frames, _ in windows]))
        sound = torch.from_numpy(np.stack([sound for _, sound in windows]))
        content = prepared(frames, sound, self.settings, augmentation, generator)
        marked = None if self.marked is None else self.marked[index]
        return Examples(content, self.labels[index], index.clone(), labels=marked)


def mean_average_precision(scores: Float[np.ndarray, "n classes"], labels: Bool[np.ndarray, "n classes"]) -> float:
    """The mean over classes of the average precision: of the share of right ones among those that score as high, at
    each right one. Classes without examples are left out."""
    found = []
    for score, right in zip(scores.T, labels.T, strict=True):
        if right.any():
            above = score[None, :] >= score[right][:, None]
            found.append(float((above & right).sum(1) @ (1 / above.sum(1)) / right.sum()))
    return float(np.mean(found))


@torch.no_grad()
def _scores(model: Perceiver, examples: Examples) -> Float[np.ndarray, "n classes"]:
    parts = torch.arange(len(examples)).split(_PART)
    return torch.cat([model(examples.at(part).inputs(model)) for part in parts]).softmax(1).numpy()
