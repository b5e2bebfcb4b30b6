"""The check of types and shapes at run time; a whole number counts as a float, as it does for type checkers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError))
_jaxtyped = jaxtyping.jaxtyped


def jaxtyped(*, typechecker: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Checks the types of what names no shape without the book of sizes that `jaxtyping.jaxtyped` keeps for each call.

    Most functions name none, and that book takes longer than many of them.
    """
    with_shapes = _jaxtyped(typechecker=typechecker)

    def decorate(checked: Any) -> Any:
        function = checked
        if isinstance(checked, type):
            if not dataclasses.is_dataclass(checked):
                return checked
            function = checked.__init__  # type: ignore[misc]
        if _names_shapes(function):
            return with_shapes(checked)
        if function is checked:
            return typechecker(function)
        checked.__init__ = typechecker(function)
        return checked

    return decorate


def _names_shapes(function: Any) -> bool:
    import torch  # takes a second, which a process that only hands out tests saves

    # Modules that worker processes import name the class of tensors in annotations only.
    function.__globals__.setdefault("Tensor", torch.Tensor)
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception:  # a name that only type checkers import: jaxtyping checks the other arguments
        return True
    return any(
        isinstance(part, type) and issubclass(part, jaxtyping.AbstractArray)
        for hint in hints.values()
        for part in _parts(hint)
    )


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for inner in get_args(hint):
        yield from _parts(inner)
