"""What lies before the encoder of Transformers' image models: how pictures are prepared, the stem, the positions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ...config import StemConfig
from ...errors import CheckpointError
from ...positions import FourierConfig, LearnedConfig
from .base import Checkpoint, Rule, shown, take
from .metadata import PUBLISHED, Preparation, preparation, published

_PREPROCESSOR = "perceiver.input_preprocessor"
CONV = f"{_PREPROCESSOR}.convnet"
LINEAR = f"{_PREPROCESSOR}.convnet_1x1"
_TABLE = f"{_PREPROCESSOR}.position_embeddings.position_embeddings"

# Written into the model classes of that library, not into its configurations.
BANDS = 64
RGB = 3
_BATCH_NORM_EPSILON = 1e-5

Front = tuple[dict[str, Any], dict[str, Rule], frozenset[str], tuple[str, ...]]
"""A share of the configuration, its rules, ignored tensors, and notes."""


def front(checkpoint: Checkpoint, values: Mapping[str, Any]) -> Front:
    """The part before the encoder. Raises CheckpointError for what is not represented, by its name."""
    prepared = _prepared(checkpoint)
    preprocess, size = prepared.settings, prepared.size
    if f"{CONV}.conv.weight" in checkpoint.entries:
        stem = StemConfig("conv", _colours(checkpoint, f"{CONV}.conv.weight"), size, values["padding"])
        # The port's encoder is built for 56 bands' resolution whatever its grid is.
        side = float(PUBLISHED // 4)
        assert stem.grid is not None
        share = {
            "input_shape": stem.grid,
            "content_channels": checkpoint.shape(f"{CONV}.conv.weight", 4)[0],
            "stem": stem,
            "positions": FourierConfig(BANDS, (side, side)),
            "preprocess": preprocess | {"pixels": list(size), "cells": stem.cells},
        }
        ignored = frozenset({f"{CONV}.batchnorm.num_batches_tracked"})
        notes: tuple[str, ...] = (*prepared.notes, "folded the batch norm of its convolution into the convolution")
        if stem.padding == "transformers":
            notes += (
                f"reads {stem.grid[0]} x {stem.grid[1]} elements as that library does; DeepMind's code has 56 x 56",
            )
        return share, _conv_rules(checkpoint, turn=values["turn_kernels"]), ignored, notes
    if f"{LINEAR}.weight" in checkpoint.entries:
        side = _learned_side(checkpoint)
        if (side, side) != size:
            raise CheckpointError(
                f"{checkpoint.name} is prepared for {size[0]} x {size[1]} pixels by its preprocessor_config.json and "
                f"has learned positions for {side} x {side}; interpolate_pos_encoding is not represented"
            )
        share = {
            "input_shape": (side, side),
            "content_channels": checkpoint.shape(f"{LINEAR}.weight", 4)[0],
            "stem": StemConfig("linear", _colours(checkpoint, f"{LINEAR}.weight")),
            "positions": LearnedConfig(checkpoint.shape(f"{_PREPROCESSOR}.positions_projection.weight")[0]),
            "preprocess": preprocess,
        }
        notes = (
            *prepared.notes,
            "multiplied its learned positions with their projection: one table instead of two steps",
        )
        return share, _linear_rules(), frozenset(), notes
    share = {
        "input_shape": size,
        "content_channels": RGB,
        "positions": FourierConfig(BANDS, (float(PUBLISHED), float(PUBLISHED))),
        "preprocess": preprocess,
    }
    return share, {}, frozenset(), prepared.notes


def _prepared(checkpoint: Checkpoint) -> Preparation:
    """How pictures are prepared, as its file says; without one as for the published models. `image_size` counts only
    where that library uses it, which is for the number of learned positions."""
    if checkpoint.preprocessor:
        return preparation(checkpoint)
    if f"{LINEAR}.weight" not in checkpoint.entries:
        return published((PUBLISHED, PUBLISHED), "for which that library's model is built")
    side = _learned_side(checkpoint)
    source = (
        "image_size in its config.json" if "image_size" in checkpoint.config else "as many as its learned positions"
    )
    return published((side, side), source)


def _learned_side(checkpoint: Checkpoint) -> int:
    """Pixels a side of the picture that learned positions are for. Raises CheckpointError where they make no square, or
    another than the configuration's."""
    elements = checkpoint.shape(_TABLE, 2)[0]
    side = math.isqrt(elements)
    if side * side != elements:
        raise CheckpointError(f"{checkpoint.name} has {elements:,} learned positions, which make no square picture")
    said = checkpoint.config.get("image_size", side)
    if type(said) is not int or said != side:
        raise CheckpointError(
            f"{checkpoint.name} has image_size = {shown(said)} in its config.json, and learned positions for "
            f"{side} x {side} pixels"
        )
    return side


def _colours(checkpoint: Checkpoint, kernels: str) -> int:
    """Channels that a stem reads. Raises CheckpointError when they are not those of a picture in colour."""
    read = checkpoint.shape(kernels, 4)[1]
    if read != RGB:
        raise CheckpointError(f"{checkpoint.name} reads {read} channels a pixel; pictures are read with {RGB} here")
    return read


def _linear_rules() -> dict[str, Rule]:
    projection = f"{_PREPROCESSOR}.positions_projection"

    def projected(table: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.addmm(bias, table, weight.T)

    return {
        "stem.linear.weight": take(f"{LINEAR}.weight", lambda weight: weight[:, :, 0, 0]),
        "stem.linear.bias": take(f"{LINEAR}.bias"),
        "positions.table": Rule((_TABLE, f"{projection}.weight", f"{projection}.bias"), projected),
    }


def _exchanged(kernel: Tensor) -> Tensor:
    return kernel.transpose(2, 3)


def _unchanged(kernel: Tensor) -> Tensor:
    return kernel


def _conv_rules(checkpoint: Checkpoint, turn: bool) -> dict[str, Rule]:
    """The convolution with its batch norm folded in: scale * w, beta - scale * mean, scale = gamma / sqrt(var + e)."""
    turned: Callable[[Tensor], Tensor] = _exchanged if turn else _unchanged
    if f"{CONV}.batchnorm.weight" not in checkpoint.entries:
        kernels = take(f"{CONV}.conv.weight", turned)
        zeros = take(f"{CONV}.conv.weight", lambda weight: torch.zeros(len(weight)))
        return {"stem.conv.weight": kernels, "stem.conv.bias": zeros}
    norm = [f"{CONV}.batchnorm.{part}" for part in ("weight", "running_var", "bias", "running_mean")]

    def scale(gamma: Tensor, variance: Tensor) -> Tensor:
        return gamma * torch.rsqrt(variance + _BATCH_NORM_EPSILON)

    def weight(kernel: Tensor, gamma: Tensor, variance: Tensor) -> Tensor:
        return turned(kernel) * scale(gamma, variance)[:, None, None, None]

    def bias(gamma: Tensor, variance: Tensor, beta: Tensor, mean: Tensor) -> Tensor:
        return beta - mean * scale(gamma, variance)

    return {
        "stem.conv.weight": Rule((f"{CONV}.conv.weight", *norm[:2]), weight),
        "stem.conv.bias": Rule(tuple(norm), bias),
    }
