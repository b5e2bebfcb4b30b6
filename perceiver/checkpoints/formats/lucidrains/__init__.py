"""Perceivers of lucidrains' perceiver-pytorch, version 0.2.1 and newer.

They are the paper's model with GEGLU, a widening of 4, heads whose width is free and a norm before the classifier.
Their files hold tensors alone, so that constructor arguments must be given: as answers, or as a JSON file beside the
weights. All that shapes tell is taken from them, and arguments that say otherwise are refused by name.
"""

from __future__ import annotations

from ..base import Checkpoint, Question, Translation
from .layout import recognises
from .questions import questions
from .told import Told
from .translating import translate

__all__ = ["Lucidrains"]


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
        return questions(Told.of(checkpoint))

    def translate(self, checkpoint: Checkpoint) -> Translation:
        """Raises CheckpointError for an argument that tensors contradict or that cannot be represented, by its name."""
        return translate(Told.of(checkpoint))

    def credit(self, checkpoint: Checkpoint) -> str:
        """Nothing is known: the library publishes no weights."""
        return ""
