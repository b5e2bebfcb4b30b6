"""Image classifiers of krasserm's perceiver-io, 0.6 and newer: state dicts, Lightning checkpoints, folders on the hub.

They are Perceiver IO with what the first paper had besides: several cross-attentions, each before a block of
self-attentions, and a choice of which of them share weights with the first. The configuration lies in a folder's
`config.json` or among a Lightning checkpoint's hyper-parameters; a state dict alone leaves heads and repeats open.
"""

from __future__ import annotations

from ..base import Checkpoint, Question, Translation
from .names import FIRST_CROSS, LATENTS
from .questions import questions
from .told import Told
from .translating import translate

__all__ = ["Krasserm"]


class Krasserm:
    """The `Family` of these checkpoints."""

    name = "krasserm"
    title = "perceiver-io (krasserm)"

    def recognises(self, checkpoint: Checkpoint) -> bool:
        """By the names of its latents and of the first cross-attention, or the type that a folder's configuration
        names."""
        kind = checkpoint.config.get("model_type")
        return (isinstance(kind, str) and kind.startswith(("perceiver-io-", "perceiver-ar-"))) or any(
            name.startswith((*LATENTS, f"{FIRST_CROSS}.", "input_adapter.txt_embedding."))
            for name in checkpoint.entries
        )

    def questions(self, checkpoint: Checkpoint) -> tuple[Question, ...]:
        """The grid, heads and repeats; what files say of them becomes the default. Options of the encoder go by their
        own names, those of the decoder are called "decoder....", as on that library's command line."""
        return questions(Told.of(checkpoint))

    def translate(self, checkpoint: Checkpoint) -> Translation:
        """Raises CheckpointError for an option that tensors contradict or that cannot be represented, by its name."""
        return translate(Told.of(checkpoint))

    def credit(self, checkpoint: Checkpoint) -> str:
        """Of the two image classifiers that were published with the library."""
        name = checkpoint.name.lower().partition("@")[0]
        if name == "krasserm/perceiver-io-img-clf":
            return "parameters by DeepMind (Jaegle et al. 2021), CC BY 4.0; trained on data with terms of its own"
        if name == "krasserm/perceiver-io-img-clf-mnist":
            return "parameters by Martin Krasser, Apache-2.0; trained on MNIST"
        return ""
