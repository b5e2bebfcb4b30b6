"""What a checkpoint of perceiver-pytorch tells of itself: arguments that were given, and what shapes say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....errors import CheckpointError
from ..base import Checkpoint, listed, shown, sides
from .layout import Layout, count_blocks, count_self_attentions, refuse_others

DIM_HEAD = 64
"""The constructor's default for the width of a head."""
_AXES = 2

# Arguments that change the model in a way that cannot be represented, and the values that change nothing.
_REFUSED: dict[str, tuple[Any, ...]] = {
    "inverted_cross_attn": (False,),
    "attn_residual": (False,),
    "self_attn_rel_pos": (False,),
    "final_classifier_head": (True,),
    "position_dtype": ("float32", "torch.float32"),
}
_KNOWN = {
    *("num_freq_bands", "depth", "max_freq", "input_channels", "input_axis", "num_latents", "latent_dim"),
    *("cross_heads", "latent_heads", "cross_dim_head", "latent_dim_head", "num_classes", "weight_tie_layers"),
    *("fourier_encode_data", "self_per_cross_attn"),
    *_REFUSED,
    # Without effect once a model is trained, or without any: frequencies are the same whatever the base.
    *("attn_dropout", "ff_dropout", "freq_base", "attn_residual_rank"),
    # Those of this project.
    *("input_shape", "modality", "preprocess", "labels", "spacing"),
}


@dataclass(frozen=True)
class Told:
    """One checkpoint with all that was said about it.

    given    arguments by name: answers before the JSON file beside the weights before training's hyper-parameters
    strange  names in those files that are no arguments
    """

    checkpoint: Checkpoint
    layout: Layout
    given: Mapping[str, Any]
    strange: tuple[str, ...]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Told:
        """Gathers it. Raises CheckpointError for models that are no Perceiver classifiers, and for arguments that are
        none or that cannot be represented."""
        refuse_others(checkpoint)
        unknown = [name for name in checkpoint.answers if name not in _KNOWN]
        if unknown:
            raise CheckpointError(
                f"{checkpoint.name} is of perceiver-pytorch, whose Perceiver takes no {listed(unknown)}"
            )
        trained = checkpoint.extras.get("hyper_parameters")
        beside = {**(trained if isinstance(trained, Mapping) else {}), **checkpoint.config}
        merged = {**beside, **checkpoint.answers}
        given = {name: value for name, value in merged.items() if name in _KNOWN and value is not None}
        for name, harmless in _REFUSED.items():
            values = given.get(name, harmless[0])
            if any(value not in harmless for value in (values if isinstance(values, list | tuple) else [values])):
                raise CheckpointError(f"{checkpoint.name} has {name} = {shown(given[name])}, which is not represented")
        if type(given.get("weight_tie_layers", False)) is not bool:
            raise CheckpointError(f"weight_tie_layers is {shown(given['weight_tie_layers'])}; it must be true or false")
        strange = tuple(str(name) for name in beside if name not in _KNOWN)
        return cls(checkpoint, Layout.of(checkpoint.entries), given, strange)

    @property
    def blocks(self) -> int:
        """Blocks in the file; tied ones may have been saved once for all."""
        return count_blocks(self.checkpoint)

    @property
    def self_attends(self) -> int:
        """Self-attentions in a block."""
        return count_self_attentions(self.checkpoint)

    @property
    def channels(self) -> int:
        """Channels of the input array."""
        return self.shape(f"{self.layout.cross(0)[0]}.norm_context.weight", 1)[0]

    @property
    def cross_dim(self) -> int:
        """Width of queries, keys and values in a cross-attention."""
        return self.shape(f"{self.layout.cross(0)[0]}.fn.to_q.weight", 2)[0]

    @property
    def self_dim(self) -> int | None:
        """The same in a self-attention; None without any."""
        if not self.self_attends:
            return None
        return self.shape(f"{self.layout.self_attention(0, 0)[0]}.fn.to_q.weight", 2)[0]

    @property
    def axes(self) -> int:
        """Axes of the grid: those of the shape that was given, else the argument, else its default."""
        if "input_shape" in self.given:
            return len(sides("input_shape", self.given["input_shape"]))
        return self.number("input_axis", _AXES)

    def widening(self, mlp: str) -> int:
        """How many times wider an MLP is inside."""
        dim, inner = self.shape(f"{mlp}.{self.layout.narrow}.weight", 2)
        return max(inner // max(dim, 1), 1)

    def shape(self, name: str, axes: int) -> tuple[int, ...]:
        """The shape of a tensor. Raises CheckpointError when it is not there or has another number of axes."""
        return self.checkpoint.shape(name, axes)

    def number(self, name: str, default: int) -> int:
        """A whole number that was given. Raises CheckpointError for anything else."""
        value = self.given.get(name, default)
        if type(value) is not int or value < 1:
            raise CheckpointError(f"{name} is {shown(value)}; it must be a whole number from 1")
        return value
