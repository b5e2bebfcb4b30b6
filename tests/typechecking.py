"""The check of types and shapes at run time; a whole number counts as a float, as it does for type checkers."""

from __future__ import annotations

from typing import Any

import torch
from beartype import BeartypeConf, beartype

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(checked: Any) -> Any:
    """Modules that worker processes import name the class of tensors in annotations only."""
    names = getattr(checked, "__globals__", None)
    if names is not None:
        names.setdefault("Tensor", torch.Tensor)
    return _beartype(checked)
