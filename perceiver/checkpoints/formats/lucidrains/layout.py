"""The names that perceiver-pytorch gave its tensors over the years, and which of its models are not the Perceiver.

0.11                `layers.{i}.cross_attn`, `.cross_ff`, `.self_attns.{j}.0`, `.self_attns.{j}.1`
0.8 to 0.10         `layers.{i}.0`, `.1`, `.2.{j}.0`, `.2.{j}.1`
0.2 to 0.7          the same, with `fn.to_out.0` for `fn.to_out` and `fn.net.3` for `fn.net.2`
to_logits           `.0` and `.1` up to 0.7.0; from 0.7.1 the mean over latents counts as `.0`
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ....errors import CheckpointError
from ..base import Checkpoint

_LAYER = re.compile(r"layers\.(\d{1,6})\.")
_SELF = re.compile(r"layers\.0\.(?:self_attns|2)\.(\d{1,6})\.0\.")
_LATENTS = ("latents", "perceiver_io.latents", "perceiver.latents")
_MOST_BLOCKS = 256
_ATTENTION = (".fn.to_q.weight", ".mixer.Wq.weight")

# What a model is by parts of its names that the Perceiver itself lacks; the first that fits is said.
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
