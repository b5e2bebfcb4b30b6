"""Opens a trained Perceiver, wherever it lies and whoever made it."""

from __future__ import annotations

from pathlib import Path

import torch

from .model import Perceiver
from .weights.families.base import Answers
from .weights.found import Found, Told
from .weights.store import Store


def load(
    name_or_path_or_hub_id: str | Path,
    *,
    revision: str | None = None,
    device: str | torch.device = "cpu",
    arguments: Answers | None = None,
    told: Told | None = None,
) -> Perceiver:
    """A trained Perceiver, ready to be looked at: in eval mode, its weights frozen.

    Takes the name of a checkpoint that comes with the project, a checkpoint folder, a single weights file, or a hub id
    "owner/name", in this order; `revision` pins a branch, tag or commit on the hub. Checkpoints may be this project's,
    or those of Hugging Face Transformers, krasserm's perceiver-io and lucidrains' perceiver-pytorch. `arguments` says
    what their files do not (`inspect` tells which), `told` hears of progress. Raises CheckpointError with one sentence
    when there is no such checkpoint, or it is damaged or of another kind.
    """
    model = Perceiver.from_pretrained(Store().resolve(name_or_path_or_hub_id, revision))
    return model.requires_grad_(False).to(device)


def inspect(
    name_or_path_or_hub_id: str | Path,
    *,
    revision: str | None = None,
    arguments: Answers | None = None,
    told: Told | None = None,
) -> Found:
    """What a checkpoint is: family, shape, plan, encoding and what it asks, read from names and shapes alone.

    From the hub it is fetched first. Raises CheckpointError as `load` does.
    """
    raise NotImplementedError
