"""The formats that Perceivers are published in, a converter each, and the one that fits a checkpoint."""

from __future__ import annotations

from ...errors import CheckpointError
from .base import Answers, Checkpoint, Family, Question, Rule, Translation
from .krasserm import Krasserm
from .lucidrains import Lucidrains
from .transformers import Transformers

__all__ = ["FAMILIES", "Answers", "Checkpoint", "Family", "Question", "Rule", "Translation", "family_of"]

FAMILIES: tuple[Family, ...] = (Transformers(), Krasserm(), Lucidrains())


def family_of(checkpoint: Checkpoint) -> Family:
    """The family a checkpoint is of. Raises CheckpointError when it is of none, with what was looked for."""
    for family in FAMILIES:
        if family.recognises(checkpoint):
            return family
    names = list(checkpoint.entries)
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    raise CheckpointError(
        f"{checkpoint.name} is no Perceiver of a known format ({', '.join(family.title for family in FAMILIES)}, or "
        f"Perceiver Lens with its config.json): its tensors are called {shown}"
    )
