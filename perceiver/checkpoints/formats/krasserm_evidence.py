"""Evidence on a checkpoint of krasserm's perceiver-io: the options given, and the names and shapes of its tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ...errors import CheckpointError
from .base import Checkpoint, Option, listed, shown, sides

# As they are called since version 0.7, and before.
LATENTS = ("0.latent_provider._query", "0.latent")
POSITIONS = ("0.input_adapter.position_encoding.position_encoding", "0.input_adapter.position_encoding")
QUERY = ("1.output_query_provider._query", "1.output_adapter._output_query")
FIRST_CROSS, OTHER_CROSS = "0.cross_attn_1", "0.cross_attn_n"
FIRST_TOWER, OTHER_TOWER = "0.self_attn_1", "0.self_attn_n"
DECODER = "1.cross_attn"
CLASSES = "1.output_adapter.linear"

AXES = 2
"""Axes of a picture."""

_OTHERS = {
    "0.input_adapter.txt_embedding.weight": "a model of text",
    "input_adapter.txt_embedding.weight": "a Perceiver AR, which writes sequences",
    "0.input_adapter.linear.weight": "a model of optical flow",
}
_DOT = re.compile(r"\.")
_NESTED = ("model", "model_config", "encoder", "decoder")
_ATTENTION = (
    *("num_cross_attention_heads", "num_cross_attention_qk_channels", "num_cross_attention_v_channels"),
    *("cross_attention_widening_factor", "dropout", "init_scale", "freeze"),
)
_KNOWN = {
    *_ATTENTION,
    *("num_cross_attention_layers", "first_cross_attention_layer_shared", "num_self_attention_heads"),
    *("num_self_attention_qk_channels", "num_self_attention_v_channels", "num_self_attention_layers_per_block"),
    *("num_self_attention_blocks", "first_self_attention_block_shared", "self_attention_widening_factor"),
    *("image_shape", "num_frequency_bands", "residual_dropout"),
    *(f"decoder.{name}" for name in _ATTENTION),
    *("decoder.cross_attention_residual", "decoder.num_output_queries", "decoder.num_output_query_channels"),
    "decoder.num_classes",
    *("num_latents", "num_latent_channels", "activation_checkpointing", "activation_offloading", "params"),
    *("labels", "preprocess"),
}


def arguments(values: Mapping[str, Any], depth: int = 4) -> dict[str, Any]:
    """Options by name from the nested form that files have, None left out: the encoder's under their own names, the
    decoder's as "decoder.num_cross_attention_heads"."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        name = str(name).removeprefix("model.").removeprefix("encoder.")
        if name in _NESTED and isinstance(value, Mapping):
            inside = arguments(value, depth - 1) if depth else {}
            out |= {f"decoder.{one}": its for one, its in inside.items()} if name == "decoder" else inside
        elif value is not None:
            out[name] = value
    return out


@dataclass(frozen=True)
class Evidence:
    """What is known of one checkpoint.

    known    options by name: those given by the caller, then those of the folder's configuration, then those among
             the hyper-parameters of training
    unknown  options in these files that the library's classifier does not have
    """

    checkpoint: Checkpoint
    known: Mapping[str, Any]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Evidence:
        """Collects it. Raises CheckpointError for models that are no classifiers of pictures, for unknown options, and
        for tensors that no option could make one of our models."""
        _refuse_others(checkpoint)
        given = arguments(checkpoint.options)
        unknown = [name for name in given if name not in _KNOWN]
        if unknown:
            raise CheckpointError(
                f"{checkpoint.name} is of perceiver-io, whose image classifier has no {listed(unknown)}"
            )
        trained = checkpoint.extras.get("hyper_parameters")
        files = {**(trained if isinstance(trained, Mapping) else {}), **checkpoint.config}
        # A configuration may have other fields beside these, which are no options.
        nested = arguments({name: files[name] for name in _NESTED if isinstance(files.get(name), Mapping)})
        evidence = cls(
            replace(checkpoint, options=given),
            {**arguments(files), **given},
            tuple(name for name in nested if name not in _KNOWN),
        )
        evidence._check_widths()
        return evidence

    # What names and shapes say.

    @cached_property
    def parts(self) -> frozenset[str]:
        """What tensors' names begin with, up to each of their dots."""
        return frozenset(name[: dot.start()] for name in self.checkpoint.entries for dot in _DOT.finditer(name))

    def has(self, part: str) -> bool:
        """Whether there are tensors of a part of the model."""
        return part in self.parts

    def called(self, names: tuple[str, str]) -> str:
        """Which of two names a tensor has here; the newer one where it has neither."""
        return names[1] if names[1] in self.checkpoint.entries else names[0]

    def shape(self, name: str, axes: int = 2) -> tuple[int, ...]:
        """The shape of a tensor. Raises CheckpointError when it is not there or has another number of axes."""
        return self.checkpoint.shape(name, axes)

    @property
    def channels(self) -> int:
        """Channels of the input array."""
        return self.shape(f"{FIRST_CROSS}.0.module.kv_norm.weight", axes=1)[0]

    @property
    def positions(self) -> tuple[int, int] | None:
        """Elements and channels of the position encoding, which is computed anew; None where it was not saved."""
        name = self.called(POSITIONS)
        if name not in self.checkpoint.entries:
            return None
        elements, channels = self.shape(name)
        return elements, channels

    @property
    def content(self) -> int | None:
        """Channels of a picture; None where neither the position encoding nor the number of bands is known."""
        if self.positions is not None:
            return self.channels - self.positions[1]
        if "num_frequency_bands" in self.known:
            return self.channels - AXES * (2 * self.number("num_frequency_bands") + 1)
        # Bands take 4 channels each, so that one channel and three never leave the same rest.
        return {1: 3, 3: 1}.get(self.channels % 4)

    @property
    def layers(self) -> int:
        """Self-attentions in a block."""
        layer = 0
        while self.has(f"{FIRST_TOWER}.{layer}"):
            layer += 1
        return layer

    def width(self, attention: str, projection: str) -> int:
        """Channels that a projection of an attention makes, "q_proj" or "v_proj"."""
        return self.shape(f"{attention}.attention.{projection}.weight")[0]

    @property
    def decoder(self) -> str:
        """The name of the decoder's attention: without the residual of its query it has no `module` around it."""
        plain = f"{DECODER}.0"
        return plain if self.has(f"{plain}.q_norm") else f"{plain}.module"

    def attentions(self) -> dict[str, str]:
        """Which attention each number of heads is of."""
        return {
            "num_cross_attention_heads": f"{FIRST_CROSS}.0.module",
            "num_self_attention_heads": f"{FIRST_TOWER}.0.0.module",
            "decoder.num_cross_attention_heads": self.decoder,
        }

    def widening(self, mlp: str) -> int:
        """How many times wider an MLP is inside."""
        inner, dim = self.shape(f"{mlp}.1.weight")
        return max(inner // dim, 1)

    def number(self, name: str) -> int:
        """A whole number that was given. Raises CheckpointError for anything else."""
        value = self.known[name]
        if type(value) is not int or value < 1:
            raise CheckpointError(f"{name} is {shown(value)}; it must be a whole number from 1")
        return value

    def _check_widths(self) -> None:
        """Raises CheckpointError for tensors that make no model of ours whatever the options."""
        name = self.checkpoint.name
        if self.has(f"{FIRST_CROSS}.0.q_norm"):
            raise CheckpointError(
                f"{name} has attention_residual off in its encoder: latents that are not added to what they read are "
                "not among the Perceivers that can be opened"
            )
        queries = self.shape(self.called(QUERY))[0]
        if queries != 1:
            raise CheckpointError(f"{name} has num_output_queries = {queries}; a classifier has one")
        tower = f"{FIRST_TOWER}.0.0.module"
        if self.width(tower, "q_proj") != self.width(tower, "v_proj"):
            raise CheckpointError(
                f"{name} has other num_self_attention_qk_channels than num_self_attention_v_channels, which is not "
                "represented"
            )


def _refuse_others(checkpoint: Checkpoint) -> None:
    """Raises CheckpointError for the library's models that are no classifiers of images, by what they are."""
    for name, what in _OTHERS.items():
        if name in checkpoint.entries:
            raise CheckpointError(
                f"{checkpoint.name} is {what}; what can be opened are classifiers of pictures, sounds, clouds and clips"
            )
    if f"{CLASSES}.weight" not in checkpoint.entries:
        raise CheckpointError(f"{checkpoint.name} has no {CLASSES}.weight, so it is no classifier")


# Heads if nothing is given: the configuration's default, and what the training script sets.
_HEADS, _SCRIPT_HEADS = 8, 1


def options(evidence: Evidence) -> tuple[Option, ...]:
    """The grid, blocks and heads, with what was given as defaults."""
    again, towers = evidence.has(OTHER_CROSS), evidence.has(OTHER_TOWER)
    return (
        _option(
            evidence,
            "image_shape",
            "Height, width and channels",
            "image_shape of the encoder: the pictures that the model reads, 28 x 28 x 1 for grey ones.",
            _square(evidence),
            kind="shape",
        ),
        _option(
            evidence,
            "num_self_attention_blocks",
            "Blocks",
            "num_self_attention_blocks of the encoder: how often latents pass through self-attentions. The file "
            + ("holds those of the first block and those of all others." if towers else "holds them once for all."),
        ),
        _option(
            evidence,
            "num_cross_attention_layers",
            "Blocks that read the picture",
            "num_cross_attention_layers of the encoder. "
            + (
                "The first has weights of its own, the others share theirs."
                if again
                else "The file holds one cross-attention; it may be used in several blocks."
            ),
            None if again else 1,
        ),
        _heads(evidence, "num_cross_attention_heads", "Heads of each cross-attention", _SCRIPT_HEADS),
        _heads(evidence, "num_self_attention_heads", "Heads of each self-attention", _HEADS),
        _heads(evidence, "decoder.num_cross_attention_heads", "Heads of the decoder's cross-attention", _SCRIPT_HEADS),
    )


def _option(evidence: Evidence, name: str, label: str, meaning: str, default: Any = None, kind: Any = "int") -> Option:
    known = evidence.known.get(name)
    if known is not None:
        default = " x ".join(map(str, sides(name, known))) if kind == "shape" else known
    return Option(name, label, meaning, type=kind, default=default)


def _square(evidence: Evidence) -> str | None:
    """The shape of a square picture, where there is one."""
    if evidence.positions is None or evidence.content is None:
        return None
    side = math.isqrt(evidence.positions[0])
    return f"{side} x {side} x {evidence.content}" if side * side == evidence.positions[0] else None


def _heads(evidence: Evidence, name: str, label: str, script: int) -> Option:
    """Heads of an attention: 8 is the configuration's default, 1 may be the training script's; it is the default here
    if only one of the two is possible."""
    widths = [evidence.width(evidence.attentions()[name], projection) for projection in ("q_proj", "v_proj")]
    possible = [heads for heads in {_HEADS, script} if not any(width % heads for width in widths)]
    return _option(
        evidence,
        name,
        label,
        f"{name}; queries and keys are {widths[0]} wide for all heads. The library's own default is {_HEADS}"
        + (f", its training script has {script}." if script != _HEADS else "."),
        possible[0] if len(possible) == 1 else None,
    )
