"""The class whose logit or probability an analysis follows."""

from __future__ import annotations

import re

from jaxtyping import Float
from torch import Tensor

from ..config import PerceiverConfig
from ..errors import UnknownClassError
from ..validation import index_of

NAMED = 30
"""Maximum number of classes that a message lists by name."""


def chosen_class(logits: Float[Tensor, "classes"], target: int | None, against: int | None = None) -> int:
    """`target`, or the most probable class if None. Raises ConfigError if it or `against` does not exist."""
    if against is not None:
        index_of("class", against, len(logits))
    return int(logits.argmax()) if target is None else index_of("class", target, len(logits))


def find_class(text: str, config: PerceiverConfig, name: str = "this model") -> int:
    """The index of a class, given its name as `PerceiverConfig.class_names` has it, or a word that occurs in its name
    only. The classes of a model with labels can also be given by their number, counted from 1.

    name  the checkpoint's name, for messages

    Raises UnknownClassError for a class that does not exist or is ambiguous.
    """
    names = config.class_names
    if not config.labels:
        # As results show it, or its number from 0: "class 3" is the fourth, so a number from 1 would be ambiguous.
        found = re.fullmatch(r"(?:class\s+)?(\d{1,9})", text.strip(), re.ASCII | re.IGNORECASE)
        if found and int(found[1]) < len(names):
            return int(found[1])
        raise UnknownClassError(f"{name} has no class {text!r}; its classes are {names[0]} to {names[-1]}")
    split, asked = [words(one) for one in names], words(text)
    same = [i for i, its in enumerate(split) if its == asked]
    if len(same) == 1:
        return same[0]
    if same:
        numbers = ", ".join(f"{i + 1:,}" for i in same)
        raise UnknownClassError(f"{name} has several classes called {text!r}, give the number of one: {numbers}")
    alike = [i for i, its in enumerate(split) if len(asked) == 1 and asked[0] in its]
    if len(alike) == 1:
        return alike[0]
    if text.isdecimal() and 1 <= int(text) <= len(names):
        return int(text) - 1
    if alike:
        raise UnknownClassError(f"{name} has several classes {text!r}: {', '.join(names[i] for i in alike)}")
    if len(names) <= NAMED:
        have = f"it has {', '.join(names)}"
    else:
        have = f"it has {len(names):,} classes, such as {', '.join(names[:3])}"
    raise UnknownClassError(f"{name} has no class {text!r}; {have}")


def words(label: str) -> tuple[str, ...]:
    """The words of a class's name, in which case and what stands between them do not count."""
    return tuple(re.findall(r"[^\W_]+", label.casefold()))
