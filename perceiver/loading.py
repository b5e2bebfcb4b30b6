"""Opens a trained Perceiver, wherever it lies and whoever made it."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from .checkpoints import files, hub, local, opening
from .checkpoints.formats.base import Answers
from .checkpoints.found import Found, Told
from .checkpoints.opening import Opened, Place
from .checkpoints.store import Store
from .errors import CheckpointError
from .model import Perceiver


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
    "owner/name", in this order; `revision`, or "owner/name@revision", pins a branch, tag or commit on the hub.
    Checkpoints may be this project's, or those of Hugging Face Transformers, krasserm's perceiver-io and lucidrains'
    perceiver-pytorch. `arguments` says what their files do not (`inspect` tells which), `told` hears of progress.
    Raises CheckpointError with one sentence when there is no such checkpoint, or it is damaged or of another kind.
    """
    place = find(name_or_path_or_hub_id, revision=revision, told=told)
    if opening.is_own(place) and place.weights.name == files.WEIGHTS:
        _no_arguments(place, arguments)
        return Perceiver.from_pretrained(place.folder).requires_grad_(False).to(device)
    opened = _opened(place, arguments)
    model = Perceiver.blank(opened.translated().config, f"{place.source}, read as {opened.found.title},")
    model.fill(opened.tensors(model.shapes(), told), opened.found.notes)
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
    return _opened(find(name_or_path_or_hub_id, revision=revision, told=told), arguments).found


def find(name_or_path_or_hub_id: str | Path, *, revision: str | None = None, told: Told | None = None) -> Place:
    """Where a checkpoint lies on this machine, fetched from the hub where need be.

    Raises CheckpointError with one sentence when there is none, or a revision is asked for where there are none.
    """
    source = str(name_or_path_or_hub_id)
    store = Store()
    if isinstance(name_or_path_or_hub_id, str) and source in store.names():
        if revision is not None:
            raise CheckpointError(f"{source} comes with Perceiver Lens and has no revision {revision!r}")
        return _at(source, store.folder(source))
    path = os.path.expanduser(source)
    if os.path.exists(path):
        if revision is not None:
            raise CheckpointError(f"{source} is on this machine, where no revision {revision!r} can be chosen")
        return _at(source, Path(path))
    repository, at, pinned = source.partition("@")
    if not hub.is_hub_id(repository) or (at and not pinned) or (pinned and revision):
        raise CheckpointError(store.unknown(source))
    folder = hub.fetch(repository, revision=revision or pinned or None, told=told)
    return _at(repository, folder, revision=folder.name)


def _at(source: str, path: Path, revision: str | None = None) -> Place:
    weights, config, preprocessor = local.find_files(path)
    return Place(source, weights, config, preprocessor, revision)


def _opened(place: Place, arguments: Answers | None) -> Opened:
    if not opening.is_own(place):
        return opening.foreign(place, arguments)
    _no_arguments(place, arguments)
    return opening.own(place)


def _no_arguments(place: Place, arguments: Answers | None) -> None:
    if arguments:
        raise CheckpointError(
            f"{place.source} is a checkpoint of Perceiver Lens and tells all about itself; it takes no "
            f"{', '.join(arguments)}"
        )
