"""Perceivers of lucidrains' perceiver-pytorch, version 0.2.1 and newer.

They are the paper's model with GEGLU, a widening of 4, heads whose width is free and a norm before the classifier.
Their files hold tensors alone, so that constructor arguments must be given: as answers, or as a JSON file beside the
weights. All that shapes tell is taken from them, and arguments that say otherwise are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...config import Block, PerceiverConfig, PositionConfig, Spacing
from ...errors import CheckpointError
from .base import Answer, Checkpoint, Question, Rule, Translation, sides, take
from .lucidrains_layout import Layout, count_blocks, count_self_attentions, recognises, refuse_others

# What its constructor takes where nothing is said.
_DIM_HEAD = 64
_CROSS_HEADS, _LATENT_HEADS = 1, 8
_AXES = 2

_MODALITIES = {1: "audio", 2: "image", 3: "video"}
# Arguments that change the model in a way that cannot be represented, and the value that changes nothing.
_REFUSED: dict[str, tuple[Any, ...]] = {
    "inverted_cross_attn": (False,),
    "attn_residual": (False,),
    "self_attn_rel_pos": (False,),
    "final_classifier_head": (True,),
    "position_dtype": ("float32", "torch.float32"),
}
# Arguments without effect once a model is trained, or without any: every base gives the same frequencies.
_WITHOUT_EFFECT = {"attn_dropout", "ff_dropout", "freq_base", "attn_residual_rank"}
_OURS = {"input_shape", "modality", "preprocess", "labels", "spacing"}
_KNOWN = {
    *("num_freq_bands", "depth", "max_freq", "input_channels", "input_axis", "num_latents", "latent_dim"),
    *("cross_heads", "latent_heads", "cross_dim_head", "latent_dim_head", "num_classes", "weight_tie_layers"),
    *("fourier_encode_data", "self_per_cross_attn"),
    *_REFUSED,
    *_WITHOUT_EFFECT,
    *_OURS,
}


class Lucidrains:
    """The `Family` of these checkpoints."""

    name = "lucidrains"
    title = "perceiver-pytorch (lucidrains)"

    def recognises(self, checkpoint: Checkpoint) -> bool:
        """By the names of its latents and its projections of queries."""
        return recognises(checkpoint.entries)

    def questions(self, checkpoint: Checkpoint) -> tuple[Question, ...]:
        """What shapes do not tell: the grid, frequencies, heads and the modality; arguments beside the weights become
        defaults."""
        return _Reader.of(checkpoint).questions()

    def translate(self, checkpoint: Checkpoint) -> Translation:
        """Raises CheckpointError for an argument that tensors contradict or that cannot be represented, by its name."""
        return _Reader.of(checkpoint).translate()

    def credit(self, checkpoint: Checkpoint) -> str:
        """Nothing is known: the library publishes no weights."""
        return ""


@dataclass(frozen=True)
class _Reader:
    """One checkpoint with all that was said about it.

    given    arguments by name: answers before the JSON file beside the weights before training's hyper-parameters
    strange  names in those files that are no arguments
    """

    checkpoint: Checkpoint
    layout: Layout
    given: Mapping[str, Any]
    strange: tuple[str, ...]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> _Reader:
        refuse_others(checkpoint)
        unknown = [name for name in checkpoint.answers if name not in _KNOWN]
        if unknown:
            raise CheckpointError(
                f"{checkpoint.name} is of perceiver-pytorch, whose Perceiver takes no {', '.join(unknown)}"
            )
        trained = checkpoint.extras.get("hyper_parameters")
        beside = {**(trained if isinstance(trained, Mapping) else {}), **checkpoint.config}
        merged = {**beside, **checkpoint.answers}
        given = {name: value for name, value in merged.items() if name in _KNOWN and value is not None}
        for name, harmless in _REFUSED.items():
            values = given.get(name, harmless[0])
            if any(value not in harmless for value in (values if isinstance(values, list | tuple) else [values])):
                raise CheckpointError(f"{checkpoint.name} has {name} = {given[name]!r}, which is not represented")
        return cls(
            checkpoint,
            Layout.of(checkpoint.entries),
            given,
            tuple(name for name in beside if name not in _KNOWN),
        )

    # What shapes tell.

    @property
    def blocks(self) -> int:
        """Blocks in the file; tied ones may have been saved once for all."""
        return count_blocks(self.checkpoint)

    @property
    def self_attends(self) -> int:
        return count_self_attentions(self.checkpoint)

    @property
    def channels(self) -> int:
        return self.checkpoint.shape(f"{self.layout.cross(0)[0]}.norm_context.weight")[0]

    @property
    def cross_dim(self) -> int:
        return self.checkpoint.shape(f"{self.layout.cross(0)[0]}.fn.to_q.weight")[0]

    @property
    def self_dim(self) -> int | None:
        if not self.self_attends:
            return None
        return self.checkpoint.shape(f"{self.layout.self_attention(0, 0)[0]}.fn.to_q.weight")[0]

    @property
    def axes(self) -> int:
        """Axes of the grid: those of the shape that was given, else the argument, else its default."""
        if "input_shape" in self.given:
            return len(sides("input_shape", self.given["input_shape"]))
        return self._number("input_axis", _AXES)

    def _number(self, name: str, default: int) -> int:
        """A whole number that was given. Raises CheckpointError for anything else."""
        value = self.given.get(name, default)
        if type(value) is not int or value < 1:
            raise CheckpointError(f"{name} is {value!r}; it must be a whole number from 1")
        return value

    # What must be asked.

    def questions(self) -> tuple[Question, ...]:
        asked = [
            self._question(
                "input_shape",
                "Shape of the input",
                "The grid of elements that the model was trained on, rows first: 224 x 224. The library takes any grid "
                "and does not write it down.",
                "shape",
            ),
            self._question(
                "fourier_encode_data",
                "Position channels",
                "Whether the model adds Fourier features to its input; off where the data bring their own.",
                "bool",
                True,
            ),
        ]
        if self.given.get("fourier_encode_data", True) is not False:
            asked += self._about_positions()
        asked.append(self._heads("cross", self.cross_dim, _CROSS_HEADS, "cross-attention"))
        if self.self_dim is not None:
            asked.append(self._heads("latent", self.self_dim, _LATENT_HEADS, "self-attention"))
        if self.blocks == 2 and self.given.get("weight_tie_layers") is not False:
            tied = self.given.get("weight_tie_layers") is True
            asked.append(
                self._question(
                    "depth",
                    "Blocks",
                    "The file holds two blocks; it is a deeper model where the layers were tied and saved only once.",
                    default=None if tied else 2,
                )
            )
        elif self.checkpoint.same is None and self.blocks > 1:
            asked.append(
                self._question(
                    "weight_tie_layers", "Tied layers", "Whether blocks after the first share weights.", "bool"
                )
            )
        modality = _MODALITIES.get(self.axes)
        asked.append(
            self._question(
                "modality",
                "Kind of input",
                "What the elements are.",
                "text",
                modality,
                ("image", "audio", "points", "video"),
            )
        )
        return tuple(asked)

    def _about_positions(self) -> list[Question]:
        old = self.layout.nested and self.layout.head == 1
        return [
            self._question(
                "num_freq_bands",
                "Bands an axis",
                f"num_freq_bands of the constructor. The model reads {self.channels} channels an element: each axis "
                "takes twice this number and one, and what is left is content.",
                default=self._bands(),
            ),
            self._question(
                "max_freq",
                "max_freq",
                "max_freq of the constructor: the highest frequency is half of it, in cycles across an axis.",
                "float",
            ),
            self._question(
                "spacing",
                "Spacing of the bands",
                "Version 0.7.4 and newer space them evenly, 0.2.1 to 0.7.3 by logarithm.",
                "text",
                None if old else "logarithmic" if self.layout.nested else "linear",
                ("linear", "logarithmic"),
            ),
        ]

    def _question(
        self,
        name: str,
        words: str,
        meaning: str,
        kind: Any = "int",
        default: Answer | None = None,
        choices: tuple[Answer, ...] = (),
    ) -> Question:
        """A question with what files beside the weights say, if they do, in place of the default."""
        said = self.given.get(name)
        if said is not None:
            default = " x ".join(map(str, sides(name, said))) if kind == "shape" else said
        return Question(name, words, meaning, type=kind, default=default, choices=choices)

    def _bands(self) -> int | None:
        """Bands an axis: what the channels that were given leave, or those that three channels of colour, or else one
        to four, do. On a single axis every number of channels leaves some, so that nothing is guessed."""
        axes = self.axes
        tried: tuple[int, ...] = (3, 1, 2, 4) if axes > 1 else ()
        if "input_channels" in self.given:
            tried = (self._number("input_channels", 3),)
        for content in tried:
            bands, rest = divmod(self.channels - content - axes, 2 * axes)
            if rest == 0 and bands > 0:
                return bands
        return None

    def _heads(self, which: str, width: int, usual: int, where: str) -> Question:
        """Heads of an attention whose inner width is known: by the width of a head where it was given; the library's
        defaults where they make that width; otherwise they must be answered."""
        default = usual if width == usual * _DIM_HEAD else None
        each = f"{which}_dim_head"
        if each in self.given:
            heads, rest = divmod(width, self._number(each, _DIM_HEAD))
            if rest:
                raise CheckpointError(
                    f"{self.checkpoint.name} has {each} = {self.given[each]}, and its tensors are {width} wide there, "
                    "which this does not divide"
                )
            default = heads
        return self._question(
            f"{which}_heads",
            f"Heads of each {where}",
            f"{which}_heads of the constructor, {usual} by default. Queries and keys are {width} wide for all heads.",
            default=default,
        )

    # The model.

    def translate(self) -> Translation:
        asked = {question.name: self.checkpoint.asked(question) for question in self.questions()}
        for name, width in (("cross_heads", self.cross_dim), ("latent_heads", self.self_dim)):
            if width is not None and width % asked[name]:
                raise CheckpointError(
                    f"{name} is {asked[name]}, which the width of those queries in {self.checkpoint.name}, {width}, is "
                    "no multiple of"
                )
        shape = sides("input_shape", asked["input_shape"])
        positions, content = self._positions(shape, asked)
        plan, sets, notes = self._plan(asked)
        num_latents, latent_dim = self.checkpoint.shape("latents")
        num_classes = self.checkpoint.shape(f"to_logits.{self.layout.head + 1}.weight")[0]
        labels = self.given.get("labels", ())
        preprocess = self.given.get("preprocess", {})
        if not isinstance(labels, list | tuple) or not isinstance(preprocess, Mapping):
            raise CheckpointError("labels must be a list of names, and preprocess an object of settings by name")
        config = PerceiverConfig(
            num_classes=num_classes,
            modality=asked["modality"],
            input_shape=shape,
            content_channels=content,
            positions=positions,
            num_latents=num_latents,
            latent_dim=latent_dim,
            plan=plan,
            self_attends=max(self.self_attends, 1),
            cross_heads=asked["cross_heads"],
            self_heads=asked.get("latent_heads", 1),
            qk_dim=self.cross_dim,
            v_dim=self.cross_dim,
            self_dim=self.self_dim,
            cross_widening=self._widening(self.layout.cross(0)[1]),
            self_widening=self._widening(self.layout.self_attention(0, 0)[1]) if self.self_attends else 1,
            activation="geglu",
            qkv_bias=False,
            head="mean_norm",
            labels=tuple(str(label) for label in labels),
            preprocess=dict(preprocess),
        )
        self._check(config)
        return Translation(
            config=config,
            rules=_rules(config, self.layout, sets),
            ignored=sets[0].copies | sets[1].copies,
            notes=(*self._notes(config), *notes),
        )

    def _positions(self, shape: tuple[int, ...], asked: Mapping[str, Any]) -> tuple[PositionConfig, int]:
        """The position encoding, and how many channels it leaves for content."""
        axes = len(shape)
        if not asked["fourier_encode_data"]:
            raise CheckpointError(
                f"{self.checkpoint.name} has fourier_encode_data off: its positions are part of its data, which only "
                "the code that made them knows"
            )
        bands = asked["num_freq_bands"]
        content = self.channels - axes * (2 * bands + 1)
        if content < 0:
            raise CheckpointError(
                f"{self.checkpoint.name} reads {self.channels} channels an element, fewer than num_freq_bands = "
                f"{bands} makes on {axes} axes"
            )
        if min(shape) < 2:
            raise CheckpointError(f"input_shape is {asked['input_shape']}; positions need 2 elements on every axis")
        if not asked["max_freq"] >= 2:
            raise CheckpointError(f"max_freq is {asked['max_freq']:g}; it must be at least 2")
        spacing: Spacing = asked["spacing"]
        return PositionConfig("fourier", bands, (asked["max_freq"],) * axes, spacing), content

    def _widening(self, mlp: str) -> int:
        dim, inner = self.checkpoint.shape(f"{mlp}.{self.layout.narrow}.weight")
        return max(inner // dim, 1)

    def _plan(self, asked: Mapping[str, Any]) -> tuple[tuple[Block, ...], tuple[_Sets, _Sets], tuple[str, ...]]:
        """The plan, its weight sets, and notes."""
        layout, blocks = self.layout, range(self.blocks)
        tied = asked.get("weight_tie_layers", self.given.get("weight_tie_layers"))
        crosses = self._sets([layout.tensors(*layout.cross(block), cross=True) for block in blocks], tied)
        towers = self._sets(
            [
                tuple(
                    name
                    for layer in range(self.self_attends)
                    for name in layout.tensors(*layout.self_attention(block, layer), cross=False)
                )
                for block in blocks
            ],
            tied,
        )
        plan: tuple[Block, ...] = tuple(
            (cross, tower if self.self_attends else None)
            for cross, tower in zip(crosses.numbers, towers.numbers, strict=True)
        )
        alike = len(set(plan[1:])) == 1
        if tied is not None and len(plan) > 2 and tied != alike:
            raise CheckpointError(
                f"{self.checkpoint.name} has weight_tie_layers = {tied}, and the weights of its blocks after the first "
                f"are {'the same' if alike else 'different'}"
            )
        if len(plan) > 2 and alike:
            what = f"blocks 2 to {len(plan)} share their weights, which its file holds {len(plan) - 1} times"
            return plan, (crosses, towers), (what,)
        depth = asked.get("depth", len(plan))
        if len(plan) == 2 and depth > 2:
            plan += plan[1:] * (depth - 2)
            return plan, (crosses, towers), (f"blocks 2 to {depth} share their weights, which its file holds once",)
        return plan, (crosses, towers), ()

    def _sets(self, parts: list[tuple[str, ...]], tied: bool | None) -> _Sets:
        """Which of these parts of the blocks, each by its tensors, are the same weights.

        Where numbers cannot be looked at: those after the first, if the layers are said to be tied.
        """
        numbers: list[int] = []
        firsts: list[int] = []
        for block, names in enumerate(parts):
            like = (k for k, first in enumerate(firsts) if self._same(names, parts[first], tied is True and first > 0))
            number = next(like, len(firsts))
            if number == len(firsts):
                firsts.append(block)
            numbers.append(number)
        copies = {name for block, names in enumerate(parts) if block not in firsts for name in names}
        return _Sets(tuple(numbers), tuple(firsts), frozenset(copies))

    def _same(self, names: tuple[str, ...], others: tuple[str, ...], supposed: bool) -> bool:
        checkpoint = self.checkpoint
        if any(checkpoint.shape(name) != checkpoint.shape(other) for name, other in zip(names, others, strict=True)):
            return False
        if checkpoint.same is None:
            return supposed
        return all(checkpoint.same(name, other) for name, other in zip(names, others, strict=True))

    def _check(self, config: PerceiverConfig) -> None:
        """Raises CheckpointError for an argument that says otherwise than the tensors do."""
        told = {
            "depth": len(config.plan),
            "input_channels": config.content_channels,
            "input_axis": config.num_axes,
            "num_latents": config.num_latents,
            "latent_dim": config.latent_dim,
            "num_classes": config.num_classes,
            "self_per_cross_attn": self.self_attends,
            "cross_dim_head": config.cross_qk_dim / config.cross_heads,
        }
        if config.self_dim is not None:
            told["latent_dim_head"] = config.self_dim / config.self_heads
        for name, value in told.items():
            given = self.given.get(name, value)
            if given != value:
                raise CheckpointError(
                    f"{self.checkpoint.name} has {name} = {given!r} among its arguments, and its tensors give {value:g}"
                )

    def _notes(self, config: PerceiverConfig) -> tuple[str, ...]:
        notes = []
        if "input_channels" not in self.given and "num_freq_bands" not in self.given:
            notes.append(
                f"took {config.content_channels} of its {self.channels} channels for content and the others for "
                f"{config.positions.num_bands} bands an axis; num_freq_bands says otherwise"
            )
        if any(entry.dtype in ("F16", "BF16") for entry in self.checkpoint.entries.values()):
            notes.append(
                "its positions are computed in float32; perceiver-pytorch computes them in the number type of the input"
            )
        if self.strange:
            shown = ", ".join(self.strange[:4]) + (", ..." if len(self.strange) > 4 else "")
            notes.append(f"left aside what is no argument of perceiver-pytorch's Perceiver: {shown}")
        return tuple(notes)


@dataclass(frozen=True)
class _Sets:
    """The weight sets among one part (the cross-attention, the tower) of all blocks.

    numbers  the set of each block
    firsts   the block that each set is taken from
    copies   names of tensors that are in another block's set already
    """

    numbers: tuple[int, ...]
    firsts: tuple[int, ...]
    copies: frozenset[str]


def _rules(config: PerceiverConfig, layout: Layout, sets: tuple[_Sets, _Sets]) -> dict[str, Rule]:
    order = channel_order(config)
    rules = {"latents": take("latents")}
    for number, block in enumerate(sets[0].firsts):
        attention, mlp = layout.cross(block)
        ours = f"cross.{number}"
        rules |= _layer_rules(layout, ours, attention, mlp, order)
        rules |= _both(f"{ours}.query_norm", f"{attention}.norm")
        for kind in ("weight", "bias"):
            rules[f"{ours}.input_norm.{kind}"] = take(f"{attention}.norm_context.{kind}", _Columns(order))
    towers = {tower for _, tower in config.plan if tower is not None}
    for number, block in enumerate(sets[1].firsts[: len(towers)]):
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
    """Where each of our input channels lies among theirs: content, then sines, cosines and the coordinate of every axis
    in turn."""
    bands, each = config.positions.num_bands, 2 * config.positions.num_bands + 1
    starts = [config.content_channels + axis * each for axis in range(config.num_axes)]
    order = [
        *range(config.content_channels),
        *(start + 2 * bands for start in starts),
        *(start + band for start in starts for band in range(bands)),
        *(start + bands + band for start in starts for band in range(bands)),
    ]
    return torch.tensor(order)
