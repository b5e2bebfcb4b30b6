"""Names of classes as small files beside the weights have them."""

from __future__ import annotations

from typing import Any

from ...errors import CheckpointError
from .base import Checkpoint

Labels = tuple[str, ...]


def class_names(checkpoint: Checkpoint, classes: int) -> tuple[Labels, tuple[str, ...]]:
    """Class names from `id2label` with a note, none where it names other classes than the model has."""
    named = checkpoint.config.get("id2label")
    if not isinstance(named, dict):
        return (), ("has no id2label, so its classes have no names",)
    if len(named) == classes:
        labels = tuple(named.get(str(i)) for i in range(classes))
        if labels == tuple(f"LABEL_{i}" for i in range(classes)):
            return (), ()
        if all(isinstance(label, str) and label.strip() for label in labels):
            return tuple(map(str, labels)), ()
    note = f"id2label has {len(named)} entries, which are no names of the model's {classes} classes, and is left aside"
    return (), (note,)


def given_labels(value: Any) -> Labels:
    """Class names from a list. Raises CheckpointError for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(label, str | int) for label in value):
        raise CheckpointError("labels must be a list of names")
    return tuple(map(str, value))
