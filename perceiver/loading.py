"""Opens a trained Perceiver, wherever it lies."""

from __future__ import annotations

from pathlib import Path

import torch

from .model import Perceiver
from .weights.store import Store


def load(
    name_or_path_or_hub_id: str | Path, *, revision: str | None = None, device: str | torch.device = "cpu"
) -> Perceiver:
    """A trained Perceiver, ready to be looked at: in eval mode, its weights frozen.

    Takes the name of a checkpoint that comes with the project, a checkpoint folder, or a hub id "owner/name", in this
    order; `revision` pins a branch, tag or commit on the hub. Raises CheckpointError with one sentence when there is
    no such checkpoint, or it is damaged or of another kind.
    """
    model = Perceiver.from_pretrained(Store().resolve(name_or_path_or_hub_id, revision))
    return model.requires_grad_(False).to(device)
