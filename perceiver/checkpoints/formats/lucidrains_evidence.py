"""Evidence on a checkpoint of lucidrains' perceiver-pytorch: the arguments given, and the names and shapes of its
tensors.

The names that the library gave its tensors over the years:

0.11                `layers.{i}.cross_attn`, `.cross_ff`, `.self_attns.{j}.0`, `.self_attns.{j}.1`
0.8 to 0.10         `layers.{i}.0`, `.1`, `.2.{j}.0`, `.2.{j}.1`
0.2 to 0.7          the same, with `fn.to_out.0` for `fn.to_out` and `fn.net.3` for `fn.net.2`
to_logits           `.0` and `.1` up to 0.7.0; from 0.7.1 the mean over latents counts as `.0`
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ... import modalities
from ...errors import CheckpointError
from .base import Checkpoint, GivenValue, Option, OptionValue, listed, shown, sides

_LAYER = re.compile(r"layers\.(\d{1,6})\.")
_SELF = re.compile(r"layers\.0\.(?:self_attns|2)\.(\d{1,6})\.0\.")
_LATENTS = ("latents", "perceiver_io.latents")
_MOST_BLOCKS = 256
_ATTENTION = (".fn.to_q.weight", ".mixer.Wq.weight")

# What a model is by parts of its names that the Perceiver itself lacks; the first that fits is named in the message.
_OTHERS = (
    (r"^(perceiver_io\.|token_emb\.)", "a PerceiverLM, which reads text"),
    (r"cross_attend_block|^decoder_cross_attn\.", "a PerceiverIO, whose queries come with every input"),
    (r"\.gru\.", "the gated Perceiver, which adds with a GRU"),
    (r"^data_proj\.", "the experimental Perceiver, which writes into its input array"),
    (r"^layers\.0\.2\.fn\.0\.", "the Perceiver with mixed latents, which has no self-attention"),
    (r"^attn_residuals\.|\.to_attn_logits\.", "a Perceiver with attn_residual on, which attends to its earlier blocks"),
    (r"inv_freq$", "a Perceiver with self_attn_rel_pos on, whose latents have rotary positions"),
    (r"\.mixer\.", "a FlashPerceiver, whose residual connections are others"),
    (r"\.norm\.(g|scale)$|^pos_emb$", "a Perceiver of perceiver-pytorch before 0.1.16, whose norms are others"),
    (r"^layers\.0\.2\.fn\.to_q", "a Perceiver of perceiver-pytorch before 0.2, whose frequencies begin elsewhere"),
)


@dataclass(frozen=True)
class Layout:
    """How one version names its tensors.

    named    whether parts of a layer have names instead of numbers
    nested   whether the linear layers behind attention and GEGLU are counted with their dropout
    head     the number of the norm before the classifier
    """

    named: bool
    nested: bool
    head: int

    @classmethod
    def of(cls, names: Iterable[str]) -> Layout:
        """The layout of a Perceiver's tensors."""
        present = set(names)
        return cls(
            named="layers.0.cross_attn.fn.to_q.weight" in present,
            nested="layers.0.0.fn.to_out.0.weight" in present,
            head=1 if "to_logits.2.weight" in present else 0,
        )

    @property
    def out(self) -> str:
        """The linear layer behind an attention."""
        return "fn.to_out.0" if self.nested else "fn.to_out"

    @property
    def narrow(self) -> str:
        """The second linear layer of an MLP."""
        return "fn.net.3" if self.nested else "fn.net.2"

    def cross(self, block: int) -> tuple[str, str]:
        """The cross-attention of a block and its MLP."""
        first, second = ("cross_attn", "cross_ff") if self.named else ("0", "1")
        return f"layers.{block}.{first}", f"layers.{block}.{second}"

    def self_attention(self, block: int, layer: int) -> tuple[str, str]:
        """A self-attention of a block and its MLP."""
        part = f"layers.{block}.{'self_attns' if self.named else '2'}.{layer}"
        return f"{part}.0", f"{part}.1"

    def tensors(self, attention: str, mlp: str, *, cross: bool) -> tuple[str, ...]:
        """All tensors of an attention layer; the first is one that no two layers start alike with."""
        norms = ("norm", "norm_context") if cross else ("norm",)
        both = [f"{attention}.{part}" for part in (self.out, *norms)]
        both += [f"{mlp}.{part}" for part in ("norm", "fn.net.0", self.narrow)]
        names = [f"{part}.{kind}" for part in both for kind in ("bias", "weight")]
        return (*names, f"{attention}.fn.to_q.weight", f"{attention}.fn.to_kv.weight")


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors are of one of the library's models, or of one derived from it, by their names."""
    present = set(names)
    return any(name in present for name in _LATENTS) and any(name.endswith(_ATTENTION) for name in present)


def refuse_others(checkpoint: Checkpoint) -> None:
    """Raises CheckpointError, with what it is, for models of the library that are no Perceiver classifiers."""
    for pattern, what in _OTHERS:
        if any(re.search(pattern, name) for name in checkpoint.entries):
            raise CheckpointError(f"{checkpoint.name} is {what}; of perceiver-pytorch the Perceiver can be opened")
    if not any(name.startswith("to_logits.") for name in checkpoint.entries):
        raise CheckpointError(f"{checkpoint.name} has final_classifier_head off, so it is no classifier")


def count_blocks(checkpoint: Checkpoint) -> int:
    """Blocks in the file. Raises CheckpointError when one in between is missing, or there are more than any model has:
    every one is compared with those before it."""
    blocks = _count(checkpoint, _LAYER, "blocks")
    if not 0 < blocks <= _MOST_BLOCKS:
        raise CheckpointError(f"{checkpoint.name} has {blocks:,} blocks; Perceivers have 1 to {_MOST_BLOCKS}")
    return blocks


def count_self_attentions(checkpoint: Checkpoint) -> int:
    """Self-attentions in the first block. Raises CheckpointError when one in between is missing."""
    return _count(checkpoint, _SELF, "self-attentions")


def _count(checkpoint: Checkpoint, pattern: re.Pattern[str], what: str) -> int:
    numbers = {int(found[1]) for name in checkpoint.entries if (found := pattern.match(name))}
    if numbers != set(range(len(numbers))):
        missing = min(set(range(len(numbers))) - numbers)
        raise CheckpointError(
            f"{checkpoint.name} lacks number {missing} of its {what}, so some of its weights are missing"
        )
    return len(numbers)


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
class Evidence:
    """What is known of one checkpoint.

    known    arguments by name: those given by the caller, then those of the JSON file beside the weights, then those
             among the hyper-parameters of training
    unknown  names in these files that are no arguments
    """

    checkpoint: Checkpoint
    layout: Layout
    known: Mapping[str, Any]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Evidence:
        """Collects it. Raises CheckpointError for models that are no Perceiver classifiers, and for arguments that are
        none or that cannot be represented."""
        refuse_others(checkpoint)
        unknown = [name for name in checkpoint.options if name not in _KNOWN]
        if unknown:
            raise CheckpointError(
                f"{checkpoint.name} is of perceiver-pytorch, whose Perceiver takes no {listed(unknown)}"
            )
        trained = checkpoint.extras.get("hyper_parameters")
        beside = {**(trained if isinstance(trained, Mapping) else {}), **checkpoint.config}
        merged = {**beside, **checkpoint.options}
        given = {name: value for name, value in merged.items() if name in _KNOWN and value is not None}
        for name, harmless in _REFUSED.items():
            values = given.get(name, harmless[0])
            if any(value not in harmless for value in (values if isinstance(values, list | tuple) else [values])):
                raise CheckpointError(f"{checkpoint.name} has {name} = {shown(given[name])}, which is not represented")
        if type(given.get("weight_tie_layers", False)) is not bool:
            raise CheckpointError(f"weight_tie_layers is {shown(given['weight_tie_layers'])}; it must be true or false")
        ignored = tuple(str(name) for name in beside if name not in _KNOWN)
        return cls(checkpoint, Layout.of(checkpoint.entries), given, ignored)

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
        if "input_shape" in self.known:
            return len(sides("input_shape", self.known["input_shape"]))
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
        value = self.known.get(name, default)
        if type(value) is not int or value < 1:
            raise CheckpointError(f"{name} is {shown(value)}; it must be a whole number from 1")
        return value


_CROSS_HEADS, _LATENT_HEADS = 1, 8


def options(evidence: Evidence) -> tuple[Option, ...]:
    """What shapes do not say, with what was given as defaults."""
    out = [
        _option(
            evidence,
            "input_shape",
            "Shape of the input",
            "The grid of elements that the model was trained on, rows first: 224 x 224. The library takes any grid "
            "and does not write it down.",
            "shape",
        ),
        _option(
            evidence,
            "fourier_encode_data",
            "Position channels",
            "Whether the model adds Fourier features to its input; off where the data bring their own.",
            "bool",
            True,
        ),
    ]
    if evidence.known.get("fourier_encode_data", True) is not False:
        out += _positions(evidence)
    out.append(_heads(evidence, "cross", evidence.cross_dim, _CROSS_HEADS, "cross-attention"))
    if evidence.self_dim is not None:
        out.append(_heads(evidence, "latent", evidence.self_dim, _LATENT_HEADS, "self-attention"))
    out += _tying(evidence)
    out.append(
        _option(
            evidence,
            "modality",
            "Kind of input",
            "What the elements are.",
            "text",
            modalities.for_grid(evidence.axes),
            tuple(name for name in modalities.names() if modalities.describe(name).layout != "parts"),
        )
    )
    return tuple(out)


def _option(
    evidence: Evidence,
    name: str,
    label: str,
    meaning: str,
    kind: Any = "int",
    default: GivenValue | None = None,
    choices: tuple[OptionValue, ...] = (),
) -> Option:
    """An option with what was given, if it was, in place of the default."""
    known = evidence.known.get(name)
    if known is not None:
        default = " x ".join(map(str, sides(name, known))) if kind == "shape" else known
    return Option(name, label, meaning, type=kind, default=default, choices=choices)


def _positions(evidence: Evidence) -> list[Option]:
    old = evidence.layout.nested and evidence.layout.head == 1
    return [
        _option(
            evidence,
            "num_freq_bands",
            "Bands an axis",
            f"num_freq_bands of the constructor. The model reads {evidence.channels} channels an element: each axis "
            "takes twice this number and one, and what is left is content.",
            default=_bands(evidence),
        ),
        _option(
            evidence,
            "max_freq",
            "Highest frequency, doubled",
            "max_freq of the constructor: the highest band has half of it, in cycles across an axis.",
            "float",
        ),
        _option(
            evidence,
            "spacing",
            "Spacing of the bands",
            "Version 0.7.4 and newer space them evenly, 0.2.1 to 0.7.3 by logarithm.",
            "text",
            None if old else "logarithmic" if evidence.layout.nested else "linear",
            ("linear", "logarithmic"),
        ),
    ]


def _bands(evidence: Evidence) -> int | None:
    """Bands an axis: what the channels that were given leave, or those that three channels of colour, or else one to
    four, do. On a single axis every second number of channels leaves some, so that nothing is guessed."""
    axes = evidence.axes
    tried: tuple[int, ...] = (3, 1, 2, 4) if axes > 1 else ()
    if "input_channels" in evidence.known:
        tried = (evidence.number("input_channels", 3),)
    for content in tried:
        bands, rest = divmod(evidence.channels - content - axes, 2 * axes)
        if rest == 0 and bands > 0:
            return bands
    return None


def _heads(evidence: Evidence, which: str, width: int, usual: int, where: str) -> Option:
    """Heads of an attention whose inner width is known: by the width of a head where it was given; the library's
    defaults where they make that width; otherwise they must be given."""
    default = usual if width == usual * DIM_HEAD else None
    each = f"{which}_dim_head"
    if each in evidence.known:
        heads, rest = divmod(width, evidence.number(each, DIM_HEAD))
        if rest:
            raise CheckpointError(
                f"{evidence.checkpoint.name} has {each} = {evidence.known[each]}, and its tensors are {width} wide "
                "there, which is no multiple of it"
            )
        default = heads
    return _option(
        evidence,
        f"{which}_heads",
        f"Heads of each {where}",
        f"{which}_heads of the constructor, {usual} by default. Queries and keys are {width} wide for all heads.",
        default=default,
    )


def _tying(evidence: Evidence) -> list[Option]:
    """Of two blocks how many they stand for, and of more whether they are tied where numbers cannot be compared."""
    known = evidence.known.get("weight_tie_layers")
    if evidence.blocks == 2 and known is not False:
        label = "The file holds two blocks; it is a deeper model where layers were tied and saved only once."
        return [_option(evidence, "depth", "Blocks", label, default=None if known is True else 2)]
    if evidence.blocks > 2 and evidence.checkpoint.same is None:
        label = "Whether the blocks after the first share their weights."
        return [_option(evidence, "weight_tie_layers", "Tied layers", label, "bool")]
    return []
