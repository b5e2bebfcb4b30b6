"""Recipes: everything that decides a training run, in one frozen value. The command line may change single fields."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ..config import PerceiverConfig, PositionConfig
from ..errors import ConfigError
from .sets import Augmentation, CloudAugmentation, SceneAugmentation, SoundAugmentation

OBJECT_CLASSES = (
    *("animal", "bed", "boat", "building", "car_truck", "chair_stool", "helmet", "lamp", "person", "plant_tree"),
    *("shield", "sofa_armchair", "storage", "table_desk", "vessel", "weapon", "window_door"),
)


INSTRUMENTS = (
    *("bass", "bowed strings", "brass", "drums", "flute", "guitar"),
    *("keyboard", "mallet", "organ", "reed", "voice"),
)


@dataclass(frozen=True)
class Recipe:
    """One training run.

    name             the checkpoint's name
    model            the Perceiver that is trained
    steps, batch     budget; `batch` counts examples over all processes
    elements         input elements drawn for each training step, the same for the whole batch: an attention over a
                     random part costs less and the model never relies on single pixels; None reads all
    learning_rate    of LAMB (paper, section 4.1)
    decay_at         shares of the budget after which the rate drops tenfold; the paper: epochs 84, 102, 114 of 120
    clip             largest global gradient norm
    smoothing        label smoothing
    averaging        decay of the running average of the weights, which is what is saved
    precision        "bf16" or "no": what the matrix products run in
    """

    name: str
    model: PerceiverConfig
    steps: int = 15_000
    batch: int = 32
    elements: int | None = 1024
    learning_rate: float = 4e-3
    decay_at: tuple[float, ...] = (84 / 120, 102 / 120, 114 / 120)
    weight_decay: float = 0.05
    clip: float = 10.0
    smoothing: float = 0.1
    averaging: float = 0.998
    augmentation: Augmentation = field(default_factory=SceneAugmentation)
    precision: str = "bf16"
    seed: int = 0

    def changed(self, *, seed: int, steps: int | None = None, batch: int | None = None) -> Recipe:
        """The same recipe with another seed, and another budget where one is given."""
        return dataclasses.replace(self, seed=seed, steps=steps or self.steps, batch=batch or self.batch)

    def for_classes(self, classes: tuple[str, ...]) -> Recipe:
        """The same recipe for the classes that the data holds."""
        model = dataclasses.replace(self.model, num_classes=len(classes), labels=classes)
        return dataclasses.replace(self, model=model)

    def rate(self, step: int) -> float:
        """The learning rate at a step: constant, then a tenth after each mark."""
        passed = sum(step >= mark * self.steps for mark in self.decay_at)
        return float(self.learning_rate * 0.1**passed)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the model card."""
        return dataclasses.asdict(self) | {"model": self.model.to_dict()}


def _image_model(positions: PositionConfig) -> PerceiverConfig:
    return PerceiverConfig(
        num_classes=len(OBJECT_CLASSES),
        labels=OBJECT_CLASSES,
        modality="image",
        input_shape=(64, 64),
        positions=positions,
        num_latents=32,
        latent_dim=192,
        plan=((0, 0), (1, 0), (1, 0), (1, 0)),
        self_attends=2,
        self_heads=4,
        qk_dim=69,
        v_dim=69,
        latent_init_scale=0.3,
        preprocess={"mean": [0.45, 0.42, 0.36], "std": [0.25, 0.25, 0.25], "resample": "bicubic", "crop": 1.0},
    )


# Same shape, data, budget and seed; only the position encoding differs.
_FOURIER = PositionConfig(kind="fourier", num_bands=16, max_resolution=(64.0, 64.0))


def _sound_model(features: str, positions: PositionConfig) -> PerceiverConfig:
    preprocess, shape, channels = _SOUNDS[features]
    return PerceiverConfig(
        num_classes=len(INSTRUMENTS),
        labels=INSTRUMENTS,
        modality="audio",
        input_shape=shape,
        content_channels=channels,
        positions=positions,
        num_latents=32,
        latent_dim=192,
        plan=((0, 0), (1, 0), (1, 0), (1, 0)),
        self_attends=2,
        self_heads=4,
        qk_dim=64,
        v_dim=64,
        latent_init_scale=0.3,
        preprocess=preprocess,
    )


_WINDOW = {"rate": 16_000, "samples": 16_000, "peak": 0.8}
_SOUNDS: dict[str, tuple[dict[str, Any], tuple[int, ...], int]] = {
    "raw": ({"features": "raw", "patch": 128, "std": 0.2, **_WINDOW}, (125,), 128),
    "mel": (
        {"features": "mel", "mels": 48, "n_fft": 1024, "hop": 320, "fmin": 40.0, "fmax": 8000.0, "floor_db": -80.0}
        | {"mean": -38.0, "std": 27.0, **_WINDOW},
        (48, 50),
        1,
    ),
}


def _sound_recipe(name: str, features: str, positions: PositionConfig) -> Recipe:
    return Recipe(
        name,
        _sound_model(features, positions),
        steps=5_000,
        elements=1024,
        learning_rate=6e-3,
        augmentation=SoundAugmentation(),
    )


def _cloud_model(positions: PositionConfig) -> PerceiverConfig:
    # Section 4.3 of the paper: 2 cross-attentions, 6 self-attentions a block, places alone as input.
    return PerceiverConfig(
        num_classes=len(OBJECT_CLASSES),
        labels=OBJECT_CLASSES,
        modality="points",
        input_shape=(2048,),
        content_channels=0,
        position_axes=3,
        positions=positions,
        num_latents=64,
        latent_dim=160,
        plan=((0, 0), (1, 0)),
        self_attends=6,
        self_heads=4,
        qk_dim=96,
        v_dim=96,
        latent_init_scale=0.3,
        preprocess={"up": "y"},
    )


def _cloud_recipe(name: str, positions: PositionConfig) -> Recipe:
    return Recipe(
        name,
        _cloud_model(positions),
        steps=4_000,
        elements=512,
        learning_rate=8e-3,
        augmentation=CloudAugmentation(),
    )


_MEL_FOURIER = PositionConfig(kind="fourier", num_bands=16, max_resolution=(48.0, 50.0))
_RAW_FOURIER = PositionConfig(kind="fourier", num_bands=32, max_resolution=(125.0,))
# The paper's "maximum frequency of 1120" is mu / 2, the top of the bands.
_CLOUD_PAPER = PositionConfig(kind="fourier", num_bands=64, max_resolution=(2240.0,) * 3)
_CLOUD_LOW = PositionConfig(kind="fourier", num_bands=16, max_resolution=(32.0,) * 3)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("image-fourier", _image_model(_FOURIER)),
        Recipe("image-learned", _image_model(PositionConfig(kind="learned", dim=66, init_scale=1.0))),
        Recipe("image-coordinates", _image_model(PositionConfig(kind="coordinates"))),
        _sound_recipe("audio-mel", "mel", _MEL_FOURIER),
        _sound_recipe("audio-mel-learned", "mel", PositionConfig(kind="learned", dim=66, init_scale=1.0)),
        _sound_recipe("audio-raw", "raw", _RAW_FOURIER),
        _cloud_recipe("points-fourier", _CLOUD_PAPER),
        _cloud_recipe("points-fourier-low", _CLOUD_LOW),
        _cloud_recipe("points-coordinates", PositionConfig(kind="coordinates")),
    )
}


def get(name: str) -> Recipe:
    """A recipe by name. Raises ConfigError naming the recipes there are."""
    if name not in RECIPES:
        raise ConfigError(f"there is no recipe {name!r}; there are {', '.join(sorted(RECIPES))}")
    return RECIPES[name]
