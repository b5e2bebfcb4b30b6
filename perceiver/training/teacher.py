"""Distillation from a small network: a convolutional one, or a PointNet for point clouds.

A Perceiver has no locality bias. On little data, the soft predictions of a convolutional teacher improve its accuracy
(Hinton et al. 2015; Touvron et al. 2021), and so do those of a PointNet (Qi et al. 2017) for point clouds. The teacher
is trained on the same split with the same augmentation, and is not part of the checkpoint.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..config import PerceiverConfig
from ..errors import ConfigError
from ..modalities.audiovisual.content import parts_of
from ..modalities.audiovisual.settings import ClipSettings
from ..progress import ProgressCallback
from .sets import TRAIN, DataSet, Examples, open_set, validation_examples
from .sets.base import default_folder, hits_of


@dataclass(frozen=True)
class Teacher:
    """Settings of the teacher and of distillation.

    weight       weight of the distillation loss; the rest is that of the loss on the labels
    temperature  softmax temperature of both distributions
    steps, batch, rate  training of the teacher, with AdamW and a cosine schedule
    widths       output channels of its stages, each of which halves the grid; of its layers per point for point clouds
    elements     points of each cloud that it reads per step of its training; None for all
    """

    weight: float = 0.6
    temperature: float = 2.0
    steps: int = 3_000
    batch: int = 64
    rate: float = 2e-3
    widths: tuple[int, ...] = (32, 64, 128, 128)
    elements: int | None = None

    def sentence(self, modality: str, accuracy: float | None) -> str:
        """Description for the model card of a model of this modality."""
        known = "" if accuracy is None else f"; its accuracy on validation examples is {accuracy:.1%}"
        network = "PointNet" if modality == "points" else "convolutional network"
        return (
            f"{self.weight:.0%} of the loss follows the soft predictions (temperature {self.temperature:g}) of a small "
            f"{network} trained on the same data{known}"
        )


class ConvNet(nn.Module):
    """Stages of 3 x 3 convolution, batch norm, ReLU and max pooling; then global mean pooling and a linear layer.

    Takes content on a grid of one or two axes: pixels, spectrogram cells, or samples in patches.
    """

    def __init__(self, config: PerceiverConfig, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = config.read_shape
        if len(self.shape) not in (1, 2):
            raise ConfigError(f"a teacher reads grids of one or two axes; this model reads {self.shape}")
        self.stages: nn.Module
        if len(self.shape) == 2:
            planes = (config.read_channels, *widths)
            self.stages = nn.Sequential(
                *(
                    nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))
                    for a, b in pairwise(planes)
                )
            )
        else:
            # Patches of samples are concatenated; the first stages have stride four, in place of a spectrogram's hop.
            lines = (1, *widths, *widths[-1:])
            self.stages = nn.Sequential(
                *(
                    nn.Sequential(nn.Conv1d(a, b, 9, stride=4, padding=4), nn.BatchNorm1d(b), nn.ReLU())
                    for a, b in pairwise(lines)
                )
            )
        self.head = nn.Linear(widths[-1], config.num_classes)

    def forward(self, content: Float[Tensor, "B M read"]) -> Float[Tensor, "B classes"]:
        if len(self.shape) == 2:
            x = content.transpose(1, 2).unflatten(2, self.shape)
        else:
            x = content.flatten(1).unsqueeze(1)
        x = self.stages(x)
        return cast(Tensor, self.head(x.flatten(2).mean(-1)))


class ClipNet(nn.Module):
    """Stages of convolutions for frames, over time and space, and for sound, each halved by stride; their means over
    all places are concatenated before one linear layer. Reads what the Perceiver reads: frames, sound or both."""

    def __init__(self, config: PerceiverConfig, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.settings = ClipSettings.of(config.preprocess)
        self.branches = nn.ModuleDict()
        if "video" in self.settings.order:
            # The first stage keeps all frames, in which it sees the speed of a motion.
            strides = [(1 if stage == 0 else 2, 2, 2) for stage in range(len(widths))]
            planes = (self.settings.channels, *widths)
            self.branches["video"] = nn.Sequential(
                *(
                    nn.Sequential(nn.Conv3d(a, b, 3, stride, padding=1), nn.BatchNorm3d(b), nn.ReLU())
                    for (a, b), stride in zip(pairwise(planes), strides, strict=True)
                )
            )
        if "audio" in self.settings.order:
            spectrogram = self.settings.spectrogram is not None
            planes = (1, *widths)
            self.branches["audio"] = nn.Sequential(
                *(
                    nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))
                    if spectrogram
                    else nn.Sequential(nn.Conv1d(a, b, 9, stride=4, padding=4), nn.BatchNorm1d(b), nn.ReLU())
                    for a, b in pairwise(planes)
                )
            )
        self.head = nn.Linear(widths[-1] * len(self.branches), config.num_classes)

    def forward(self, content: Float[Tensor, "B M read"]) -> Float[Tensor, "B classes"]:
        parts = parts_of(content, self.settings)
        if self.settings.spectrogram is not None and "audio" in parts:
            parts["audio"] = parts["audio"].unsqueeze(1)
        found = [branch(parts[name]).flatten(2).mean(-1) for name, branch in self.branches.items()]
        return cast(Tensor, self.head(torch.cat(found, dim=1)))


class PointNet(nn.Module):
    """Layers shared by all points, each with batch norm and ReLU; then the maximum over points and two linear layers.

    Takes the coordinates of any number of points. Without the spatial transformers of Qi et al. (2017).
    """

    def __init__(self, classes: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Sequential(nn.Conv1d(a, b, 1), nn.BatchNorm1d(b), nn.ReLU()) for a, b in pairwise((3, *widths)))
        )
        last = widths[-1]
        self.head = nn.Sequential(
            nn.Linear(last, last // 2),
            nn.BatchNorm1d(last // 2),
            nn.ReLU(),
            nn.Dropout(0.4),
            nn.Linear(last // 2, classes),
        )

    def forward(self, coordinates: Float[Tensor, "B M 3"]) -> Float[Tensor, "B classes"]:
        return cast(Tensor, self.head(self.layers(coordinates.transpose(1, 2)).amax(2)))


def teacher_net(config: PerceiverConfig, widths: tuple[int, ...]) -> nn.Module:
    """The untrained network that teaches a model of this configuration."""
    if config.modality == "points":
        return PointNet(config.num_classes, widths)
    return ClipNet(config, widths) if config.modality == "audiovisual" else ConvNet(config, widths)


def teacher_input(examples: Examples, elements: Int[Tensor, "m"] | slice | None = None) -> Float[Tensor, "B n read"]:
    """The input of a teacher: the coordinates of these free elements (None: of all), or the content of a whole grid."""
    if examples.coordinates is None:
        return examples.content
    return examples.coordinates if elements is None else examples.coordinates[:, elements]


@dataclass(frozen=True)
class Trained:
    """A trained teacher, frozen and in eval mode, and its validation accuracy (None without a validation split)."""

    net: nn.Module
    accuracy: float | None


def train_teacher(
    teacher: Teacher,
    config: PerceiverConfig,
    source: Path,
    augmentation: Any,
    *,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Trained:
    """Trains a teacher on the training split in `source`, or loads it from the cache.

    The cache is `teachers` in the folder of built data; recipes with the same teacher and data share an entry. Raises
    DataError if the data is missing.
    """
    data = open_set(source, TRAIN, config)
    net = teacher_net(config, teacher.widths)
    key = (config.read_shape, config.read_channels, config.preprocess, config.labels, augmentation, seed)
    told = repr((dataclasses.replace(teacher, weight=0.0, temperature=1.0), *key, source.resolve(), len(data.labels)))
    path = default_folder() / "teachers" / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.pt"
    if path.is_file():
        held = torch.load(path, weights_only=True)
        net.load_state_dict(held["net"])
        return Trained(net.eval().requires_grad_(False), held["accuracy"])
    _fit(net, teacher, data, augmentation, seed, progress)
    accuracy = _accuracy(net.eval(), validation_examples(source, config))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    torch.save({"net": net.state_dict(), "accuracy": accuracy}, part)
    os.replace(part, path)
    return Trained(net.requires_grad_(False), accuracy)


def distillation_loss(
    logits: Float[Tensor, "B classes"], targets: Float[Tensor, "B classes"], temperature: float
) -> Tensor:
    """KL divergence of the softened predictions of the model from those of the teacher, in nats, batch mean.

    Multiplied by the squared temperature, so that the gradient does not shrink with it. `targets` are the logits of the
    teacher.
    """
    student = F.log_softmax(logits / temperature, dim=-1)
    return F.kl_div(student, F.log_softmax(targets / temperature, dim=-1), reduction="batchmean", log_target=True) * (
        temperature**2
    )


def _fit(
    net: nn.Module, teacher: Teacher, data: DataSet, augmentation: Any, seed: int, progress: ProgressCallback | None
) -> None:
    torch.manual_seed(seed)
    net.train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=teacher.rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, teacher.steps)
    said = time.monotonic()
    for step in range(teacher.steps):
        generator = torch.Generator().manual_seed((seed * 1_000_003 + step) * 1_009 + 997)
        examples = data.batch(teacher.batch, augmentation, generator)
        wanted = examples.label if examples.labels is None else examples.targets(len(data.classes))
        loss = F.cross_entropy(net(teacher_input(examples, slice(teacher.elements))), wanted, label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if progress is not None and (time.monotonic() - said > 1 or step + 1 == teacher.steps):
            progress((step + 1) / teacher.steps, "Training the teacher")
            said = time.monotonic()


def _accuracy(net: nn.Module, examples: Examples | None) -> float | None:
    if examples is None:
        return None
    return int(hits_of(lambda part: net(teacher_input(part)), examples).sum()) / len(examples)
