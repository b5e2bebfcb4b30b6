"""The settings of a training run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ..config import PerceiverConfig
from ..errors import ConfigError
from .optimisers import OptimiserName, Schedule, learning_rate
from .sets import Augmentation, ClipAugmentation, ClipFileSet, DataSet, SceneAugmentation
from .sets.clips import ACTIONS
from .sets.digits import DIGITS
from .sets.folder import FolderAugmentation, FolderSet
from .sets.letters import LETTERS
from .teacher import Teacher


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    name             name of the checkpoint
    model            configuration of the model
    steps, batch     number of steps, and examples per step over all processes
    elements         number of input elements sampled per step, the same ones for the whole batch; reduces cost and
                     regularises; None uses all
    optimiser        "lamb" (paper, section 4.1), "adamw", or "muon": Muon for matrices and AdamW for the rest
    learning_rate    maximum learning rate
    schedule         "steps": divided by ten at each fraction `decay_at` of all steps (paper: epochs 84, 102, 114 of
                     120); "cosine": decayed to zero
    warmup           steps of linear warm-up, at most a tenth of all steps
    weight_decay     decoupled weight decay
    clip             maximum global gradient norm
    smoothing        label smoothing
    mixup            fraction of batches with mixup
    dropout          for inputs of several segments: (segment, fraction of the batches whose elements of that segment
                     leave the input array), as the paper's video dropout (section 4.2), where it is that of examples
    teacher          teacher for distillation; None for no distillation
    averaging        decay of the exponential moving average of the weights, which is saved
    precision        number type of the matrix products: "no" (float32), "bf16", or "auto" for the faster one
    """

    name: str
    model: PerceiverConfig
    steps: int = 15_000
    batch: int = 32
    elements: int | None = 1024
    optimiser: OptimiserName = "muon"
    learning_rate: float = 2e-3
    schedule: Schedule = "cosine"
    warmup: int = 100
    decay_at: tuple[float, ...] = (84 / 120, 102 / 120, 114 / 120)
    weight_decay: float = 0.05
    clip: float = 10.0
    smoothing: float = 0.1
    mixup: float = 0.0
    dropout: tuple[tuple[str, float], ...] = ()
    teacher: Teacher | None = None
    averaging: float = 0.998
    augmentation: Augmentation = field(default_factory=SceneAugmentation)
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mixup and self.model.position_axes is not None:
            raise ConfigError(f"{self.name}: mixup needs elements on a grid; those of two point clouds have no pairs")
        others = {segment.name for segment in self.model.segments}
        for name, share in self.dropout:
            if name not in others or len(others) < 2 or not 0 <= share <= 1:
                raise ConfigError(f"{self.name}: dropout of {name!r} needs an input with this segment and others")

    @property
    def data(self) -> str:
        """Name of its built data set, as in `perceiver data build`."""
        known = {LETTERS: "letters", DIGITS: "digits", ACTIONS: "clips"}
        return known.get(self.model.labels, self.model.modality)

    def changed(self, *, seed: int, steps: int | None = None, batch: int | None = None) -> Recipe:
        """A copy with another seed, and other steps and batch size if given."""
        return dataclasses.replace(self, seed=seed, steps=steps or self.steps, batch=batch or self.batch)

    def for_data(self, data: DataSet) -> Recipe:
        """A copy with the classes of the data and an augmentation that suits it."""
        model = dataclasses.replace(self.model, num_classes=len(data.classes), labels=data.classes)
        augmentation = FolderAugmentation() if isinstance(data, FolderSet) else self.augmentation
        if isinstance(data, ClipFileSet) and isinstance(augmentation, ClipAugmentation):
            augmentation = dataclasses.replace(augmentation, paired=1.0)
        return dataclasses.replace(self, model=model, augmentation=augmentation)

    def rate(self, step: int) -> float:
        """The learning rate at a step, counted from 0."""
        return learning_rate(step, self.steps, self.learning_rate, self.schedule, self.warmup_steps, self.decay_at)

    @property
    def warmup_steps(self) -> int:
        """Number of warm-up steps, at most a tenth of all steps."""
        return min(self.warmup, self.steps // 10)

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable values, for the model card."""
        return dataclasses.asdict(self) | {"model": self.model.to_dict()}
