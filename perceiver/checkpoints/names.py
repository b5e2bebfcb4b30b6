"""Names of tensors without what compiling, data parallelism and training wrappers put in front of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import CheckpointError

# Also inside a name where only a part of the model was compiled.
_COMPILED = "_orig_mod"
_LONGEST = 512
_WRAPPERS = ("module", _COMPILED, "model", "backend_model")


def unwrapped(path: Path, stored: Iterable[str]) -> dict[str, str]:
    """The model's own name of each tensor -> its name in the file. Raises CheckpointError when two become one, or one
    cannot be shown."""
    names: dict[str, str] = {}
    for whole in stored:
        if len(whole) > _LONGEST or not whole.isprintable():
            raise CheckpointError(f"{path} names a tensor {whole[:40]!r}..., which no model does")
        parts = [part for part in whole.split(".") if part != _COMPILED]
        while len(parts) > 1 and parts[0] in _WRAPPERS:
            del parts[0]
        name = ".".join(parts)
        if name in names:
            raise CheckpointError(f"{path} holds {name} twice, as {names[name]} and as {whole}")
        names[name] = whole
    return names


def wrapper_notes(names: dict[str, str]) -> tuple[str, ...]:
    """A note on the prefixes that were taken off, if there were any."""
    renamed = [(name, stored) for name, stored in names.items() if name != stored]
    if not renamed:
        return ()
    name, stored = renamed[0]
    return (f"took wrappers' prefixes off {len(renamed)} of {len(names)} tensor names ({stored} is {name})",)
