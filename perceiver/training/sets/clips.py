"""Constructed clips of figures that move and are heard: `perceiver data build clips`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ...checkpoints.cards.results import Data
from ...config import PerceiverConfig
from ...modalities.audiovisual.content import content
from ...modalities.audiovisual.settings import ClipSettings
from ...model import Perceiver
from ...progress import ProgressCallback, ignore
from .base import Balanced, Examples, archive, uniform
from .hearing import SoundAugmentation, augment
from .pixels import affine

ACTIONS = (
    *("animal attack", "animal death", "animal idle", "animal run", "animal walk"),
    *("death", "idle", "melee attack", "ranged attack", "run", "walk"),
)

_PART = 64
_MAPPED = 200  # clips whose maps are measured


@dataclass(frozen=True)
class ClipAugmentation:
    """Augmentation of clips; held-out clips are not augmented.

    scale   factor on the size of the picture
    shift   maximum shift relative to half the side, in either direction
    mirror  whether half of the clips are mirrored
    light   range of a factor on the brightness
    paired  fraction of clips that keep their own sound; the others get that of another clip of their class
    sound   augmentation of the sound
    senses  what the model has of both, which the description is about
    """

    scale: tuple[float, float] = (0.8, 1.1)
    shift: float = 0.15
    mirror: bool = True
    light: tuple[float, float] = (0.6, 1.1)
    paired: float = 0.0
    sound: SoundAugmentation = field(default_factory=SoundAugmentation)
    senses: tuple[str, ...] = ("video", "audio")

    def sentence(self) -> str:
        """Description for the model card."""
        parts = []
        if "video" in self.senses:
            parts.append(
                f"frames scaled by {self.scale[0]:g} to {self.scale[1]:g}, moved by up to {self.shift:g} of half the "
                f"side, {self.light[0]:g} to {self.light[1]:g} times as bright"
                + (", mirrored at random" if self.mirror else "")
            )
        if {"video", "audio"} <= {*self.senses} and self.paired < 1:
            parts.append(f"{1 - self.paired:.0%} with the sound of another clip of the class")
        if "audio" in self.senses:
            parts.append(f"sounds {self.sound.sentence()}")
        return "; ".join(parts)


class ClipSet:
    """The clips of one split. Held-out clips of different groups share neither a motion nor a sound in their class."""

    about = Data(
        name="Constructed clips of figures in motion with sound",
        licence="0 A.D. animations and sounds by Wildfire Games (CC BY-SA 3.0)",
        split="By group of near-duplicate motions and by sound file, within each class: held-out clips show held-out "
        "motions with held-out sounds.",
    )
    caveats: tuple[str, ...] = (
        "The clips are constructed: animated skeletons of a game drawn as figures, each with a recorded sound.",
        "On recordings of the world the classes it names are guesses.",
    )

    def __init__(self, folder: Path, split: int, model: PerceiverConfig) -> None:
        arrays = archive(folder / "clips.npz", "clips")
        chosen = np.flatnonzero(arrays["split"] == split)
        self.model, self.settings = model, ClipSettings.of(model.preprocess)
        self.classes = tuple(str(name) for name in arrays["classes"])
        self.video: UInt8[Tensor, "n T H W"] = torch.from_numpy(arrays["video"][chosen])
        self.sound = arrays["sound"][chosen]
        self.labels: Int[Tensor, "n"] = torch.from_numpy(arrays["label"][chosen].astype(np.int64))
        self.groups: Int[Tensor, "n"] = torch.from_numpy(arrays["group"][chosen].astype(np.int64))
        self._draw = Balanced(self.labels.tolist(), self.groups.tolist())
        self._of_class = [torch.nonzero(self.labels == label)[:, 0] for label in range(len(self.classes))]

    def batch(self, count: int, augmentation: ClipAugmentation, generator: torch.Generator) -> Examples:
        """Augmented clips."""
        a, index = augmentation, self._draw(count, generator)
        heard = torch.where(torch.rand(count, generator=generator) < a.paired, index, self._another(index, generator))
        content = prepared(self.video[index][..., None], self._sound(heard), self.settings, a, generator)
        return Examples(content, self.labels[index], self.groups[index])

    def held_out(self) -> Examples:
        """All clips of the split, unchanged."""
        parts = torch.arange(len(self.labels)).split(_PART)
        content = [prepared(self.video[part][..., None], self._sound(part), self.settings) for part in parts]
        return Examples(torch.cat(content), self.labels, self.groups)

    def measures(self, model: Perceiver, progress: ProgressCallback = ignore) -> dict[str, float]:
        """What a model of frames and sound makes of each (`measure_senses`)."""
        return measure_senses(model, self.held_out(), progress)

    def _another(self, index: Int[Tensor, "B"], generator: torch.Generator) -> Int[Tensor, "B"]:
        """A random clip of the class of each."""
        pools = [self._of_class[label] for label in self.labels[index].tolist()]
        return torch.stack([pool[torch.randint(len(pool), (), generator=generator)] for pool in pools])

    def _sound(self, index: Int[Tensor, "B"]) -> Float[Tensor, "B samples"]:
        return torch.from_numpy(self.sound[index.numpy()].astype(np.float32) / 32768)


def prepared(
    frames: UInt8[Tensor, "B T H W channels"],
    sound: Float[Tensor, "B samples"],
    settings: ClipSettings,
    augmentation: ClipAugmentation | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "B M content"]:
    """Content of clips, after augmentation if there is one; only what the model reads is augmented."""
    if augmentation is not None and generator is not None:
        if "video" in settings.order:
            frames = _moved(frames, augmentation, generator)
        if "audio" in settings.order:
            sound = augment(sound, settings.rate, augmentation.sound, generator)
    return torch.from_numpy(content(frames.numpy(), sound.numpy(), settings))


@torch.no_grad()
def measure_senses(model: Perceiver, examples: Examples, progress: ProgressCallback = ignore) -> dict[str, float]:
    """What a model of frames and sound makes of each: accuracy with one of them alone, whose elements are then the
    input array; the share of each block's mean map on the sound; and how far the map on one of them moves when the
    other is removed: the total variation between the map that is left and its part of the map of both, scaled to a sum
    of 1. Maps are means over latents, measures of maps are means over up to 200 examples. Empty for other models."""
    rows, begin = {}, 0
    for segment in model.config.segments:
        rows[segment.name] = slice(begin, begin + segment.count)
        begin += segment.count
    words = {"video": "frames", "audio": "sound"}
    if not words.keys() <= rows.keys():
        return {}
    right: dict[str, list[Tensor]] = {name: [] for name in words}
    for start in range(0, len(examples), _PART):
        part = examples.at(slice(start, start + _PART))
        inputs = part.inputs(model)
        for name, hits in right.items():
            hits.append(part.right(model(inputs[:, rows[name]]).argmax(-1)).float())
    found = {f"Accuracy with the {word} alone": float(torch.cat(right[name]).mean()) for name, word in words.items()}
    chosen = torch.linspace(0, len(examples) - 1, min(_MAPPED, len(examples))).long().tolist()
    shares: dict[int, list[float]] = {}
    moves: dict[tuple[str, int], list[float]] = {}
    for done, index in enumerate(chosen, start=1):
        inputs = examples.at(slice(index, index + 1)).inputs(model)
        both = model.trace(inputs)
        alone = {name: model.trace(inputs[:, rows[name]]) for name in words}
        for block in both.blocks:
            weights = both.map(block)
            shares.setdefault(block, []).append(float(weights[rows["audio"]].sum()))
            for name, trace in alone.items():
                before = weights[rows[name]] / weights[rows[name]].sum()
                moves.setdefault((name, block), []).append(float((trace.map(block) - before).abs().sum() / 2))
        progress(done / len(chosen), "Measuring maps")
    found |= {
        f"Attention mass on the sound, block {block + 1} (mean map)": float(np.mean(values))
        for block, values in shares.items()
    }
    return found | {
        f"Movement of the map on the {words[name]} without the other, block {block + 1}": float(np.mean(values))
        for (name, block), values in sorted(moves.items())
    }


def _moved(
    frames: UInt8[Tensor, "B T H W channels"], a: ClipAugmentation, generator: torch.Generator
) -> UInt8[Tensor, "B T H W channels"]:
    """Scales, shifts, mirrors and dims all frames of a clip alike."""
    count, steps = frames.shape[:2]
    draw = uniform(count, generator)
    scale, shift, light = draw(*a.scale), draw(-a.shift, a.shift, 2), draw(*a.light, 1, 1, 1)
    turned = torch.where(torch.rand(count, generator=generator) < 0.5 * a.mirror, -1.0, 1.0)
    theta = affine(scale * turned, scale, torch.zeros(count), torch.zeros(count), shift)
    planes = frames.permute(0, 1, 4, 2, 3).flatten(1, 2).float()
    grid = F.affine_grid(theta, list(planes.shape), align_corners=False)
    moved = (F.grid_sample(planes, grid, align_corners=False) * light).clamp(0, 255).round().byte()
    return moved.unflatten(1, (steps, -1)).permute(0, 1, 3, 4, 2)
