"""The class whose logit or probability an analysis follows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from ..errors import ConfigError

NAMED = 20
"""Maximum number of classes that a message lists by name."""


def chosen_class(logits: Float[Tensor, "classes"], target: int | None, against: int | None = None) -> int:
    """`target`, or the most probable class if None. Raises ConfigError if it or `against` does not exist."""
    chosen = int(logits.argmax()) if target is None else target
    for one in (chosen, against):
        if one is not None and not 0 <= one < len(logits):
            raise ConfigError(f"there is no class {one + 1}; they run from 1 to {len(logits)}")
    return chosen


def find_class(text: str, labels: Sequence[str], num_classes: int, name: str = "this model") -> int:
    """The index of a class, given its label, a word that occurs in its label only, or its number counted from 1.

    labels  of the classes; empty if they have none
    name    the checkpoint's name, for messages

    Raises ConfigError for a class that does not exist or is ambiguous.
    """
    split, asked = [_words(label) for label in labels], _words(text)
    if asked in split:
        return split.index(asked)
    alike = [i for i, words in enumerate(split) if len(asked) == 1 and asked[0] in words]
    if len(alike) == 1:
        return alike[0]
    if text.isdecimal() and 1 <= int(text) <= num_classes:
        return int(text) - 1
    if alike:
        raise ConfigError(f"{name} has several classes {text!r}: {', '.join(labels[i] for i in alike)}")
    have = f"it has {', '.join(labels)}" if labels and len(labels) <= NAMED else f"they run from 1 to {num_classes}"
    raise ConfigError(f"{name} has no class {text!r}; {have}")


def _words(label: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", label.casefold()))
