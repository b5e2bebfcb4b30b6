"""A checkpoint of perceiver-pytorch as a `PerceiverConfig` with rules for its tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ....config import PerceiverConfig
from ....errors import CheckpointError
from ....positions import CoordinatesConfig, FourierConfig, Spacing
from ..base import Translation, listed, shown, sides
from ..labels import given_labels
from .questions import questions
from .rules import rules_of
from .sharing import sharing
from .told import Told

_COORDINATES = 3


def translate(told: Told) -> Translation:
    """The checkpoint in our terms, when all questions are answered. Raises CheckpointError for what does not fit."""
    asked = {question.name: told.checkpoint.asked(question) for question in questions(told)}
    for name, width in (("cross_heads", told.cross_dim), ("latent_heads", told.self_dim)):
        if width is not None and width % asked[name]:
            raise CheckpointError(
                f"{name} is {asked[name]}, which the width of those queries in {told.checkpoint.name}, {width}, is "
                "no multiple of"
            )
    shape = sides("input_shape", asked["input_shape"])
    shared = sharing(told, asked)
    num_latents, latent_dim = told.shape("latents", 2)
    num_classes = told.shape(f"to_logits.{told.layout.head + 1}.weight", 2)[0]
    labels = given_labels(told.given.get("labels", ()))
    preprocess = told.given.get("preprocess", {})
    if not isinstance(preprocess, Mapping):
        raise CheckpointError("preprocess must be an object of settings by name")
    config = PerceiverConfig(
        num_classes=num_classes,
        modality=asked["modality"],
        **_input(told, shape, asked),
        num_latents=num_latents,
        latent_dim=latent_dim,
        plan=shared.plan,
        self_attends=max(told.self_attends, 1),
        cross_heads=asked["cross_heads"],
        self_heads=asked.get("latent_heads", 1),
        qk_dim=told.cross_dim,
        v_dim=told.cross_dim,
        self_dim=told.self_dim,
        cross_widening=told.widening(told.layout.cross(0)[1]),
        self_widening=told.widening(told.layout.self_attention(0, 0)[1]) if told.self_attends else 1,
        activation="geglu",
        qkv_bias=False,
        head="mean_norm",
        labels=labels,
        preprocess=dict(preprocess),
    )
    _check(told, config)
    return Translation(
        config=config,
        rules=rules_of(config, told.layout, shared),
        ignored=shared.crosses.copies | shared.towers.copies,
        notes=(*_notes(told, config), *shared.notes),
    )


def _input(told: Told, shape: tuple[int, ...], asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the configuration says of the input array."""
    if asked["modality"] == "points" or not asked["fourier_encode_data"]:
        return _points(told, shape, asked)
    axes, bands = len(shape), asked["num_freq_bands"]
    content = told.channels - axes * (2 * bands + 1)
    if content < 0:
        raise CheckpointError(
            f"{told.checkpoint.name} reads {told.channels} channels an element, fewer than num_freq_bands = "
            f"{bands} makes on {axes} axes"
        )
    if min(shape) < 2:
        raise CheckpointError(f"input_shape is {asked['input_shape']}; positions need 2 elements on every axis")
    if not 2 <= asked["max_freq"] < math.inf:
        raise CheckpointError(f"max_freq is {asked['max_freq']:g}; it must be at least 2, and finite")
    spacing: Spacing = asked["spacing"]
    return {
        "input_shape": shape,
        "content_channels": content,
        "positions": FourierConfig(bands, (asked["max_freq"],) * axes, spacing),
    }


def _points(told: Told, shape: tuple[int, ...], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Of a model that takes its input as it is, without any code of places: only points' own coordinates are known
    here."""
    if asked["modality"] != "points":
        raise CheckpointError(
            f"{told.checkpoint.name} has fourier_encode_data off: what its elements hold is known only to the code "
            "that made them, unless they are points of 3 coordinates"
        )
    if asked["fourier_encode_data"]:
        raise CheckpointError(
            f"{told.checkpoint.name} has fourier_encode_data on, which encodes the order of points and not their "
            "coordinates; this is not represented"
        )
    if told.channels != _COORDINATES or len(shape) != 1:
        raise CheckpointError(
            f"{told.checkpoint.name} reads {told.channels} channels an element on {len(shape)} axes; points need "
            f"{_COORDINATES} coordinates in a list"
        )
    return {
        "input_shape": shape,
        "content_channels": 0,
        "position_axes": _COORDINATES,
        "positions": CoordinatesConfig(),
    }


def _check(told: Told, config: PerceiverConfig) -> None:
    """Raises CheckpointError for an argument that says otherwise than the tensors do."""
    tensors = {
        "depth": len(config.plan),
        "input_channels": told.channels if config.position_axes else config.content_channels,
        "input_axis": len(config.input_shape),
        "num_latents": config.num_latents,
        "latent_dim": config.latent_dim,
        "num_classes": config.num_classes,
        "self_per_cross_attn": told.self_attends,
        "cross_dim_head": config.cross_qk_dim / config.cross_heads,
    }
    if config.self_dim is not None:
        tensors["latent_dim_head"] = config.self_dim / config.self_heads
    for name, value in tensors.items():
        given = told.given.get(name, value)
        if given != value:
            raise CheckpointError(
                f"{told.checkpoint.name} has {name} = {shown(given)} among its arguments, and its tensors give "
                f"{value:g}"
            )


def _notes(told: Told, config: PerceiverConfig) -> tuple[str, ...]:
    notes = []
    bands = config.positions.bands_per_axis
    if bands and not {"input_channels", "num_freq_bands"} & set(told.given):
        notes.append(
            f"took {config.content_channels} of its {told.channels} channels for content and the others for "
            f"{bands} bands an axis; give num_freq_bands if that is wrong"
        )
    if config.modality == "image" and not {"mean", "std"} & set(config.preprocess):
        notes.append("reads pictures as values from 0 to 1; give preprocess with mean and std if that is wrong")
    if any(entry.dtype in ("F16", "BF16") for entry in told.checkpoint.entries.values()):
        notes.append(
            "its positions are computed in float32; perceiver-pytorch computes them in the number type of the input"
        )
    if told.strange:
        notes.append(f"left aside what is no argument of perceiver-pytorch's Perceiver: {listed(told.strange)}")
    return tuple(notes)
