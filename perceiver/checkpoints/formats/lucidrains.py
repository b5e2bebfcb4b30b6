"""Perceivers of lucidrains' perceiver-pytorch, version 0.2.1 and newer.

They are the paper's model with GEGLU, a widening of 4, heads of any width and a norm before the classifier. Their files
hold tensors alone, so that constructor arguments must be given: as options, or as a JSON file beside the weights. What
shapes say is taken from them, and arguments that say otherwise are refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ... import modalities
from ...config import Block, PerceiverConfig
from ...errors import CheckpointError
from ...positions import CoordinatesConfig, FourierConfig, Spacing
from .base import Checkpoint, Conversion, Option, Rule, listed, shown, sides, take
from .lucidrains_evidence import Evidence, Layout, options, recognises
from .metadata import given_labels


class Lucidrains:
    """The `Format` of these checkpoints."""

    name = "lucidrains"
    title = "perceiver-pytorch (lucidrains)"

    def recognises(self, checkpoint: Checkpoint) -> bool:
        """By the names of its latents and its projections of queries."""
        return recognises(checkpoint.entries)

    def options(self, checkpoint: Checkpoint) -> tuple[Option, ...]:
        """What shapes do not tell: the grid, frequencies, heads and the modality; arguments beside the weights become
        defaults."""
        return options(Evidence.of(checkpoint))

    def convert(self, checkpoint: Checkpoint) -> Conversion:
        """Raises CheckpointError for an argument that tensors contradict or that cannot be represented, by its name."""
        return convert(Evidence.of(checkpoint))

    def credit(self, checkpoint: Checkpoint) -> str:
        """Nothing is known: the library publishes no weights."""
        return ""


_COORDINATES = 3


def convert(evidence: Evidence) -> Conversion:
    """The configuration and the rules for its tensors. Raises CheckpointError for what does not fit."""
    values = {option.name: evidence.checkpoint.value(option) for option in options(evidence)}
    for name, width in (("cross_heads", evidence.cross_dim), ("latent_heads", evidence.self_dim)):
        if width is not None and width % values[name]:
            raise CheckpointError(
                f"{name} is {values[name]}, which the width of those queries in {evidence.checkpoint.name}, {width}, "
                "is no multiple of"
            )
    shape = sides("input_shape", values["input_shape"])
    shared = sharing(evidence, values)
    num_latents, latent_dim = evidence.shape("latents", 2)
    num_classes = evidence.shape(f"to_logits.{evidence.layout.head + 1}.weight", 2)[0]
    labels = given_labels(evidence.known.get("labels", ()))
    preprocess = evidence.known.get("preprocess", {})
    if not isinstance(preprocess, Mapping):
        raise CheckpointError("preprocess must be an object of settings by name")
    inputs = _input(evidence, shape, values)
    if inputs["content_channels"] == 1 and modalities.describe(values["modality"]).normalised:
        preprocess = {"channels": 1, **preprocess}
    config = PerceiverConfig(
        num_classes=num_classes,
        modality=values["modality"],
        **inputs,
        num_latents=num_latents,
        latent_dim=latent_dim,
        plan=shared.plan,
        self_attends=max(evidence.self_attends, 1),
        cross_heads=values["cross_heads"],
        self_heads=values.get("latent_heads", 1),
        qk_dim=evidence.cross_dim,
        v_dim=evidence.cross_dim,
        self_dim=evidence.self_dim,
        cross_widening=evidence.widening(evidence.layout.cross(0)[1]),
        self_widening=evidence.widening(evidence.layout.self_attention(0, 0)[1]) if evidence.self_attends else 1,
        activation="geglu",
        qkv_bias=False,
        head="mean_norm",
        labels=labels,
        preprocess=dict(preprocess),
    )
    _check(evidence, config)
    return Conversion(
        config=config,
        rules=rules_of(config, evidence.layout, shared),
        ignored=shared.crosses.copies | shared.towers.copies,
        notes=(*_notes(evidence, config), *shared.notes),
    )


def _input(evidence: Evidence, shape: tuple[int, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """What the configuration says of the input array."""
    if _are_free(values) or not values["fourier_encode_data"]:
        return _points(evidence, shape, values)
    axes, bands = len(shape), values["num_freq_bands"]
    content = evidence.channels - axes * (2 * bands + 1)
    if content < 0:
        raise CheckpointError(
            f"{evidence.checkpoint.name} reads {evidence.channels} channels an element, fewer than num_freq_bands = "
            f"{bands} makes on {axes} axes"
        )
    if min(shape) < 2:
        raise CheckpointError(f"input_shape is {values['input_shape']}; positions need 2 elements on every axis")
    if not 2 <= values["max_freq"] < math.inf:
        raise CheckpointError(f"max_freq is {values['max_freq']:g}; it must be at least 2, and finite")
    spacing: Spacing = values["spacing"]
    return {
        "input_shape": shape,
        "content_channels": content,
        "positions": FourierConfig(bands, (values["max_freq"],) * axes, spacing),
    }


def _are_free(values: Mapping[str, Any]) -> bool:
    """Whether the elements of the input lie on no grid and bring their own coordinates."""
    return modalities.describe(values["modality"]).layout == "free"


def _points(evidence: Evidence, shape: tuple[int, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """For a model that adds no positions to its input: only points, whose content is their coordinates, can be
    represented."""
    if not _are_free(values):
        raise CheckpointError(
            f"{evidence.checkpoint.name} has fourier_encode_data off: what its elements hold is known only to the code "
            "that made them, unless they are points of 3 coordinates"
        )
    if values["fourier_encode_data"]:
        raise CheckpointError(
            f"{evidence.checkpoint.name} has fourier_encode_data on, which encodes the order of points and not their "
            "coordinates; this is not represented"
        )
    if evidence.channels != _COORDINATES or len(shape) != 1:
        raise CheckpointError(
            f"{evidence.checkpoint.name} reads {evidence.channels} channels an element on {len(shape)} axes; points "
            f"need {_COORDINATES} coordinates in a list"
        )
    return {
        "input_shape": shape,
        "content_channels": 0,
        "position_axes": _COORDINATES,
        "positions": CoordinatesConfig(),
    }


def _check(evidence: Evidence, config: PerceiverConfig) -> None:
    """Raises CheckpointError for an argument that contradicts the tensors."""
    tensors = {
        "depth": len(config.plan),
        "input_channels": evidence.channels if config.position_axes else config.content_channels,
        "input_axis": len(config.input_shape),
        "num_latents": config.num_latents,
        "latent_dim": config.latent_dim,
        "num_classes": config.num_classes,
        "self_per_cross_attn": evidence.self_attends,
        "cross_dim_head": config.cross_qk_dim / config.cross_heads,
    }
    if config.self_dim is not None:
        tensors["latent_dim_head"] = config.self_dim / config.self_heads
    for name, value in tensors.items():
        given = evidence.known.get(name, value)
        if given != value:
            raise CheckpointError(
                f"{evidence.checkpoint.name} has {name} = {shown(given)} among its arguments, and its tensors give "
                f"{value:g}"
            )


def _notes(evidence: Evidence, config: PerceiverConfig) -> tuple[str, ...]:
    notes = []
    bands = config.positions.bands_per_axis
    if bands and not {"input_channels", "num_freq_bands"} & set(evidence.known):
        notes.append(
            f"took {config.content_channels} of its {evidence.channels} channels for content and the others for "
            f"{bands} bands an axis; give num_freq_bands if that is wrong"
        )
    modality = modalities.describe(config.modality)
    if modality.normalised and not {"mean", "std"} & set(config.preprocess):
        notes.append(
            f"takes {modality.noun.many} as values from 0 to 1; if that is wrong, give the option preprocess, such as "
            '{"mean": [0.5], "std": [0.25]}'
        )
    if any(entry.dtype in ("F16", "BF16") for entry in evidence.checkpoint.entries.values()):
        notes.append(
            "its positions are computed in float32; perceiver-pytorch computes them in the number type of the input"
        )
    if evidence.unknown:
        notes.append(f"ignored what is no argument of perceiver-pytorch's Perceiver: {listed(evidence.unknown)}")
    return tuple(notes)


@dataclass(frozen=True)
class Sets:
    """The weight sets among one part (the cross-attention, the tower) of all blocks.

    numbers  the set of each block
    firsts   the block that each set is taken from
    copies   names of tensors that are in another block's set already
    """

    numbers: tuple[int, ...]
    firsts: tuple[int, ...]
    copies: frozenset[str]


@dataclass(frozen=True)
class Sharing:
    """The plan, the weight sets it numbers, and notes."""

    plan: tuple[Block, ...]
    crosses: Sets
    towers: Sets
    notes: tuple[str, ...] = ()


def sharing(evidence: Evidence, values: Mapping[str, Any]) -> Sharing:
    """Compares the blocks. Raises CheckpointError when `weight_tie_layers` was given and is not so."""
    layout, blocks = evidence.layout, range(evidence.blocks)
    tied = values.get("weight_tie_layers", evidence.known.get("weight_tie_layers"))
    crosses = _sets(evidence, [layout.tensors(*layout.cross(block), cross=True) for block in blocks], tied)
    towers = _sets(
        evidence,
        [
            tuple(
                name
                for layer in range(evidence.self_attends)
                for name in layout.tensors(*layout.self_attention(block, layer), cross=False)
            )
            for block in blocks
        ],
        tied,
    )
    plan: tuple[Block, ...] = tuple(
        (cross, tower if evidence.self_attends else None)
        for cross, tower in zip(crosses.numbers, towers.numbers, strict=True)
    )
    alike = len(set(plan[1:])) == 1
    if tied is not None and len(plan) > 2 and tied != alike:
        raise CheckpointError(
            f"{evidence.checkpoint.name} has weight_tie_layers = {tied}, and the weights of its blocks after the first "
            f"are {'the same' if alike else 'different'}"
        )
    if len(plan) > 2 and alike:
        note = f"blocks 2 to {len(plan)} share their weights, which its file holds {len(plan) - 1} times"
        return Sharing(plan, crosses, towers, (note,))
    depth = values.get("depth", len(plan))
    if len(plan) == 2 and depth > 2:
        note = f"blocks 2 to {depth} share their weights, which its file holds once"
        return Sharing(plan + plan[1:] * (depth - 2), crosses, towers, (note,))
    return Sharing(plan, crosses, towers)


def _sets(evidence: Evidence, parts: list[tuple[str, ...]], tied: bool | None) -> Sets:
    """Which of these parts of the blocks, each by its tensors, are the same weights.

    If numbers cannot be compared: those after the first, if the layers are given as tied.
    """
    numbers: list[int] = []
    firsts: list[int] = []
    for block, names in enumerate(parts):
        like = (k for k, first in enumerate(firsts) if _same(evidence, names, parts[first], tied is True and first > 0))
        number = next(like, len(firsts))
        if number == len(firsts):
            firsts.append(block)
        numbers.append(number)
    copies = {name for block, names in enumerate(parts) if block not in firsts for name in names}
    return Sets(tuple(numbers), tuple(firsts), frozenset(copies))


def _same(evidence: Evidence, names: tuple[str, ...], others: tuple[str, ...], supposed: bool) -> bool:
    checkpoint = evidence.checkpoint
    pairs = list(zip(names, others, strict=True))
    if any(checkpoint.shape(name) != checkpoint.shape(other) for name, other in pairs):
        return False
    if checkpoint.same is None:
        return supposed
    return all(checkpoint.same(name, other) for name, other in pairs)


def rules_of(config: PerceiverConfig, layout: Layout, shared: Sharing) -> dict[str, Rule]:
    """The rules of all tensors of a model."""
    order = channel_order(config)
    rules = {"latents": take("latents")}
    for number, block in enumerate(shared.crosses.firsts):
        attention, mlp = layout.cross(block)
        ours = f"cross.{number}"
        rules |= _layer_rules(layout, ours, attention, mlp, order)
        rules |= _both(f"{ours}.query_norm", f"{attention}.norm")
        for kind in ("weight", "bias"):
            rules[f"{ours}.input_norm.{kind}"] = take(f"{attention}.norm_context.{kind}", _Columns(order))
    towers = {tower for _, tower in config.plan if tower is not None}
    for number, block in enumerate(shared.towers.firsts[: len(towers)]):
        for layer in range(config.self_attends):
            attention, mlp = layout.self_attention(block, layer)
            ours = f"towers.{number}.{layer}"
            rules |= _layer_rules(layout, ours, attention, mlp, None)
            rules |= _both(f"{ours}.norm", f"{attention}.norm")
    rules |= _both("head.norm", f"to_logits.{layout.head}")
    return rules | _both("head.linear", f"to_logits.{layout.head + 1}")


def _layer_rules(layout: Layout, ours: str, attention: str, mlp: str, order: Tensor | None) -> dict[str, Rule]:
    """An attention without its norms, and its MLP; `order` is that of the channels that keys and values are made of."""
    return {
        f"{ours}.query.weight": take(f"{attention}.fn.to_q.weight"),
        f"{ours}.key.weight": take(f"{attention}.fn.to_kv.weight", _Columns(order, half=0)),
        f"{ours}.value.weight": take(f"{attention}.fn.to_kv.weight", _Columns(order, half=1)),
        **_both(f"{ours}.out", f"{attention}.{layout.out}"),
        **_both(f"{ours}.mlp.norm", f"{mlp}.norm"),
        **_both(f"{ours}.mlp.widen", f"{mlp}.fn.net.0"),
        **_both(f"{ours}.mlp.narrow", f"{mlp}.{layout.narrow}"),
    }


def _both(ours: str, theirs: str) -> dict[str, Rule]:
    return {f"{ours}.{kind}": take(f"{theirs}.{kind}") for kind in ("weight", "bias")}


@dataclass(frozen=True)
class _Columns:
    """Takes one half of the rows, or all, and puts the last axis in another order, or leaves it."""

    order: Tensor | None
    half: int | None = None

    def __call__(self, tensor: Tensor) -> Tensor:
        if self.half is not None:
            tensor = tensor.chunk(2, dim=0)[self.half]
        return tensor if self.order is None else tensor[..., self.order]


def channel_order(config: PerceiverConfig) -> Tensor:
    """Where each of our input channels lies among theirs: content, then the position channels axis by axis."""
    content = config.content_channels
    positions = config.positions.axis_major_order(config.num_axes)
    return torch.tensor([*range(content), *(content + channel for channel in positions)])
