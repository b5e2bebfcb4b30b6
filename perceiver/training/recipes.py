"""Recipes: the complete settings of training runs. The command line can override single fields."""

from __future__ import annotations

from typing import Any

from ..config import PerceiverConfig, StemConfig
from ..errors import ConfigError
from ..modalities.audiovisual.settings import ClipSettings
from ..positions import (
    CoordinatesConfig,
    FourierConfig,
    LearnableFourierConfig,
    LearnedConfig,
    NoPositionsConfig,
    PositionConfig,
    SegmentConfig,
)
from .recipe import Recipe
from .sets import ClipAugmentation, CloudAugmentation, SoundAugmentation
from .sets.clips import ACTIONS
from .sets.digits import DIGITS, DigitAugmentation
from .sets.letters import LETTERS, LetterAugmentation
from .teacher import Teacher

OBJECT_CLASSES = (
    *("animal", "bed", "boat", "building", "car_truck", "chair_stool", "helmet", "lamp", "person", "plant_tree"),
    *("shield", "sofa_armchair", "storage", "table_desk", "vessel", "weapon", "window_door"),
)

INSTRUMENTS = (
    *("bass", "bowed strings", "brass", "drums", "flute", "guitar"),
    *("keyboard", "mallet", "organ", "reed", "voice"),
)


def _image_recipe(name: str, positions: PositionConfig, **changes: Any) -> Recipe:
    """An image recipe; the family differs in stem and position encoding only."""
    stem = changes.pop("stem", None)
    values: dict[str, Any] = {"steps": 5_000, "batch": 64, "elements": 1024, "warmup": 200, "mixup": 0.3}
    values |= {"teacher": Teacher(steps=4_000)}
    return Recipe(name, _image_model(positions, stem), **(values | changes))


def _small_model(
    labels: tuple[str, ...],
    positions: PositionConfig,
    stem: StemConfig | None = None,
    *,
    shape: tuple[int, ...],
    channels: int,
    latent_dim: int,
    cross_dim: int = 64,
    preprocess: dict[str, Any],
    modality: str = "image",
) -> PerceiverConfig:
    """A model of 4 cross-attentions, the last three sharing weights, and one tower of 2 layers for all blocks.

    shape, channels  of the content as the modality prepares it, before the stem
    cross_dim        width of queries, keys and values in a cross-attention
    """
    return PerceiverConfig(
        num_classes=len(labels),
        labels=labels,
        modality=modality,
        input_shape=shape if stem is None else stem.grid or shape,
        content_channels=channels if stem is None else stem.out_channels or channels,
        stem=stem,
        positions=positions,
        num_latents=32,
        latent_dim=latent_dim,
        plan=((0, 0), (1, 0), (1, 0), (1, 0)),
        self_attends=2,
        self_heads=4,
        qk_dim=cross_dim,
        v_dim=cross_dim,
        latent_init_scale=0.3,
        preprocess=preprocess,
    )


def _image_model(positions: PositionConfig, stem: StemConfig | None = None) -> PerceiverConfig:
    preprocess = _PICTURES | _stem_preprocess(stem)
    return _small_model(
        OBJECT_CLASSES, positions, stem, shape=(64, 64), channels=3, latent_dim=192, cross_dim=69, preprocess=preprocess
    )


_PICTURES: dict[str, Any] = {
    "mean": [0.45, 0.42, 0.36],
    "std": [0.25, 0.25, 0.25],
    "resample": "bicubic",
    "crop": 1.0,
}
_FOURIER = FourierConfig(num_bands=16, max_resolution=(64.0, 64.0))


def _sound_model(features: str, positions: PositionConfig, stem: StemConfig | None = None) -> PerceiverConfig:
    preprocess, shape, channels = _SOUNDS[features]
    if stem is not None:
        preprocess = preprocess | {"cells": stem.cells}
    return _small_model(
        INSTRUMENTS,
        positions,
        stem,
        shape=shape,
        channels=channels,
        latent_dim=192,
        preprocess=preprocess,
        modality="audio",
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


def _sound_recipe(name: str, features: str, positions: PositionConfig, **changes: Any) -> Recipe:
    """A sound recipe; the family differs in features and position encoding only."""
    stem = changes.pop("stem", None)
    values: dict[str, Any] = {"steps": 3_000, "batch": 64, "elements": 1024, "warmup": 200, "mixup": 0.3}
    values |= {"teacher": Teacher(steps=2_000), "augmentation": SoundAugmentation(mask=(0.2, 0.2))}
    return Recipe(name, _sound_model(features, positions, stem), **(values | changes))


def _cloud_model(positions: PositionConfig) -> PerceiverConfig:
    # Paper, section 4.3: 2 cross-attentions, 6 self-attention layers per block, positions as the only input.
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
    teacher = Teacher(steps=2_000, batch=32, widths=(64, 128, 512), elements=256)
    return Recipe(
        name,
        _cloud_model(positions),
        steps=4_000,
        elements=512,
        warmup=200,
        teacher=teacher,
        augmentation=CloudAugmentation(),
    )


def _letter_model(positions: PositionConfig, stem: StemConfig | None = None, side: int = 32) -> PerceiverConfig:
    preprocess = _PICTURES | _stem_preprocess(stem)
    return _small_model(LETTERS, positions, stem, shape=(side, side), channels=3, latent_dim=128, preprocess=preprocess)


def _letter_recipe(name: str, positions: PositionConfig, **changes: Any) -> Recipe:
    """A letter recipe; the family differs in the position encoding only."""
    model = _letter_model(positions, changes.pop("stem", None), changes.pop("side", 32))
    values: dict[str, Any] = {"steps": 3_000, "batch": 64, "elements": None, "warmup": 200}
    return Recipe(name, model, augmentation=LetterAugmentation(), **(values | changes))


def _digit_recipe(name: str, positions: PositionConfig) -> Recipe:
    preprocess = {"channels": 1, "mean": [0.13], "std": [0.31], "resample": "bicubic", "crop": 1.0}
    model = _small_model(DIGITS, positions, shape=(28, 28), channels=1, latent_dim=128, preprocess=preprocess)
    return Recipe(name, model, steps=3_500, batch=64, elements=None, warmup=200, augmentation=DigitAugmentation())


def _clip_model(order: tuple[str, ...]) -> PerceiverConfig:
    # Paper, section 4.2: 2 cross-attentions without weight sharing, patches of 2 x 8 x 8, a learned modality embedding
    # of 4 channels for video, and sound padded to as many channels.
    channels = ClipSettings.of(_CLIPS).channels_of
    segments = {
        "audio": SegmentConfig("audio", (60,), channels["audio"], FourierConfig(16, (60.0,))),
        "video": SegmentConfig("video", (8, 6, 6), channels["video"], FourierConfig(6, (8.0, 6.0, 6.0))),
    }
    chosen = tuple(segments[name] for name in order)
    return PerceiverConfig(
        num_classes=len(ACTIONS),
        labels=ACTIONS,
        modality="audiovisual",
        input_shape=(sum(segment.count for segment in chosen),),
        content_channels=max(segment.content_channels for segment in chosen),
        segments=chosen,
        padded_to=segments["video"].channels + 4,
        num_latents=48,
        latent_dim=128,
        plan=((0, 0), (1, 1)),
        self_attends=3,
        self_heads=4,
        qk_dim=64,
        v_dim=96,
        latent_init_scale=0.3,
        preprocess=_CLIPS | {"order": list(order)},
    )


_CLIPS: dict[str, Any] = {
    "frames": 16,
    "height": 48,
    "width": 48,
    "patch": 8,
    "patch_frames": 2,
    "channels": 1,
    "resample": "box",
    # Figures cover little of the black frames: without this the positions would outweigh them in the norm of a row.
    "mean": [0.08],
    "std": [0.2],
    "rate": 16_000,
    "samples": 19_200,
    "samples_per_patch": 320,
    "spectrogram": {"mels": 40, "n_fft": 512, "fmin": 60.0, "fmax": 8000.0, "mean": -26.0, "std": 15.0, "peak": 0.8},
}


def _clip_recipe(name: str, order: tuple[str, ...], **changes: Any) -> Recipe:
    """A clip recipe; the family differs in the senses and in their dropout only."""
    values: dict[str, Any] = {"steps": 2_500, "batch": 32, "elements": None, "warmup": 200, "mixup": 0.3}
    values["teacher"] = Teacher(steps=1_200, batch=32, widths=(16, 32, 64, 96))
    values["augmentation"] = ClipAugmentation(senses=order)
    return Recipe(name, _clip_model(order), **(values | changes))


def _stem_preprocess(stem: StemConfig | None) -> dict[str, Any]:
    """Settings of the image modality for elements that cover several pixels."""
    return {} if stem is None or stem.pixels is None else {"pixels": list(stem.pixels), "cells": stem.cells}


_LETTER_FOURIER = FourierConfig(num_bands=16, max_resolution=(32.0, 32.0))
_MEL_FOURIER = FourierConfig(num_bands=16, max_resolution=(48.0, 50.0))
_RAW_FOURIER = FourierConfig(num_bands=32, max_resolution=(125.0,))
# The "maximum frequency of 1120" in the paper is mu / 2, the frequency of the highest band.
_CLOUD_PAPER = FourierConfig(num_bands=64, max_resolution=(2240.0,) * 3)
_CLOUD_LOW = FourierConfig(num_bands=16, max_resolution=(32.0,) * 3)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _letter_recipe("letters-fourier", _LETTER_FOURIER),
        _letter_recipe("letters-learned", LearnedConfig(dim=66, init_scale=1.0)),
        _letter_recipe("letters-learned-small", LearnedConfig(dim=66, init_scale=0.02)),
        _letter_recipe("letters-coordinates", CoordinatesConfig()),
        _letter_recipe("letters-no-positions", NoPositionsConfig()),
        _letter_recipe("letters-learnable-bands", LearnableFourierConfig(num_bands=16, max_resolution=(32.0, 32.0))),
        # 3,000 steps leave LAMB at 76.6 % and rising.
        _letter_recipe(
            "letters-fourier-lamb",
            _LETTER_FOURIER,
            optimiser="lamb",
            schedule="steps",
            learning_rate=1e-2,
            steps=8_000,
        ),
        # What a longer run gives: 3,000 steps leave raw coordinates rising.
        _letter_recipe("letters-coordinates-long", CoordinatesConfig(), steps=12_000),
        _letter_recipe(
            "letters-fourier-64",
            FourierConfig(num_bands=16, max_resolution=(64.0, 64.0)),
            side=64,
            elements=1024,
            steps=4_000,
        ),
        _letter_recipe(
            "letters-conv",
            FourierConfig(num_bands=8, max_resolution=(8.0, 8.0)),
            stem=StemConfig(kind="convs", in_channels=3, pixels=(32, 32), side=4, widths=(48, 96)),
            steps=5_000,
        ),
        _digit_recipe("digits-fourier", FourierConfig(num_bands=14, max_resolution=(28.0, 28.0))),
        _digit_recipe("digits-learned", LearnedConfig(dim=58, init_scale=1.0)),
        _digit_recipe("digits-coordinates", CoordinatesConfig()),
        _image_recipe("image-fourier", _FOURIER),
        _image_recipe("image-learned", LearnedConfig(dim=66, init_scale=1.0)),
        _image_recipe("image-coordinates", CoordinatesConfig()),
        _image_recipe(
            "image-conv",
            FourierConfig(num_bands=8, max_resolution=(16.0, 16.0)),
            stem=StemConfig(kind="convs", in_channels=3, pixels=(64, 64), side=4, widths=(48, 64)),
            elements=None,
        ),
        _sound_recipe("audio-mel", "mel", _MEL_FOURIER),
        _sound_recipe("audio-mel-learned", "mel", LearnedConfig(dim=66, init_scale=1.0)),
        _sound_recipe("audio-raw", "raw", _RAW_FOURIER),
        _sound_recipe(
            "audio-conv",
            "mel",
            FourierConfig(num_bands=8, max_resolution=(12.0, 13.0)),
            stem=StemConfig(kind="convs", in_channels=1, pixels=(48, 50), side=4, widths=(48, 64)),
            elements=None,
        ),
        _cloud_recipe("points-fourier", _CLOUD_PAPER),
        _cloud_recipe("points-fourier-low", _CLOUD_LOW),
        _cloud_recipe("points-coordinates", CoordinatesConfig()),
        _clip_recipe("av-fused", ("audio", "video"), dropout=(("video", 0.2), ("audio", 0.3))),
        _clip_recipe("av-audio", ("audio",)),
        _clip_recipe("av-video", ("video",)),
        _clip_recipe("av-fused-no-dropout", ("audio", "video")),
    )
}


def get(name: str) -> Recipe:
    """A recipe by name. Raises ConfigError, listing the recipes, for an unknown name."""
    if name not in RECIPES:
        raise ConfigError(f"there is no recipe {name!r}; there are {', '.join(sorted(RECIPES))}")
    return RECIPES[name]
