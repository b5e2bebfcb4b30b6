"""The formats that Perceivers are published in, this project's own among them, and the one that fits a checkpoint."""

from __future__ import annotations

from ...errors import CheckpointError
from .base import Checkpoint, Conversion, Format, Option, Options, OptionValue, Rule
from .krasserm import Krasserm
from .lucidrains import Lucidrains
from .own import Own
from .transformers import Transformers

__all__ = [
    "FORMATS",
    "Checkpoint",
    "Conversion",
    "Format",
    "Option",
    "OptionValue",
    "Options",
    "Rule",
    "format_of",
    "is_known",
]

FORMATS: tuple[Format, ...] = (Own(), Transformers(), Krasserm(), Lucidrains())


def format_of(checkpoint: Checkpoint) -> Format:
    """The format of a checkpoint. Raises CheckpointError when no format fits, with those that were tried."""
    for one in FORMATS:
        if one.recognises(checkpoint):
            return one
    names = list(checkpoint.entries)
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    raise CheckpointError(
        f"{checkpoint.name} is no Perceiver of a known format ({', '.join(one.title for one in FORMATS)}): its tensors "
        f"are called {shown}"
    )


def is_known(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint has one of the formats."""
    return any(one.recognises(checkpoint) for one in FORMATS)
