"""Where a checkpoint is: one that comes with the project, a folder or file on this machine, or one on the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CheckpointError
from ..progress import ProgressCallback
from . import hub
from .bundled import BundledCheckpoints
from .folder import CONFIG, PICKLE, PREPROCESSOR, WEIGHTS
from .hub import HubOptions

_PIECE = re.compile(r"-\d+-of-\d+\.")
_SHOWN = 200
_ENDINGS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")


@dataclass(frozen=True)
class Location:
    """The files of one checkpoint on this machine.

    source                the name, path or hub id that was given
    weights               its weights file
    config, preprocessor  the small files beside it, None where there are none
    revision              the commit, for a checkpoint from the hub
    labels                what messages call a file whose path means nothing to the reader
    """

    source: str
    weights: Path
    config: Path | None = None
    preprocessor: Path | None = None
    revision: str | None = None
    labels: Mapping[Path, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder that holds the weights file."""
        return self.weights.parent

    def label(self, path: Path) -> str:
        """What messages call one of its files: its path, if it has no label."""
        return self.labels.get(path, str(path))


def resolve(
    source: str | Path | Location, options: HubOptions | None = None, *, progress: ProgressCallback | None = None
) -> Location:
    """Finds a checkpoint, and downloads it from the hub if needed.

    The name of a checkpoint that comes with the project goes before a path on this machine, and that before a hub id
    "owner/name" or "owner/name@revision". A Location is returned as it is. Raises CheckpointError when there is no such
    checkpoint, or a revision is given for one that is not on the hub or has been found already.
    """
    options = options or HubOptions()
    if isinstance(source, Location):
        if options.revision not in (None, source.revision):
            raise CheckpointError(
                f"{source.source} has been found already, so no revision {options.revision!r} can be chosen"
            )
        return source
    given: object = source
    if not isinstance(given, (str, os.PathLike)):
        advice = "give its name, a path or a hub id; perceiver.Lens takes a model that is in memory"
        raise CheckpointError(f"{type(source).__name__} is no checkpoint", advice)
    text, bundled = str(source), BundledCheckpoints()
    if isinstance(source, str) and text in bundled.names():
        if options.revision is not None:
            raise CheckpointError(f"{text} comes with Perceiver Lens and has no revision {options.revision!r}")
        return at_path(bundled.folder(text), text)
    path = os.path.expanduser(text)
    if os.path.exists(path):
        if options.revision is not None:
            raise CheckpointError(f"{text} is on this machine, where no revision {options.revision!r} can be chosen")
        return at_path(Path(path), text)
    repo_id, at, pinned = text.partition("@")
    if not hub.is_hub_id(repo_id) or (at and not pinned) or (pinned and options.revision):
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."  # the advice has to fit into the message
        raise CheckpointError(
            f"{shown!r} is neither a folder on this machine nor a hub id such as owner/name", bundled.listed()
        )
    if pinned:
        options = HubOptions(**{**vars(options), "revision": pinned})
    folder = hub.fetch(repo_id, options, progress)
    return at_path(folder, repo_id, revision=folder.name)


def at_path(path: Path, source: str, *, revision: str | None = None) -> Location:
    """The checkpoint in a folder, or the one whose weights file this is.

    In a folder: model.safetensors, else pytorch_model.bin, else the only file of weights. The configuration is
    `config.json` beside it, else a JSON file with the name of the weights file. Raises CheckpointError when a folder
    holds no weights, or several files of them, or a file is one of several pieces.
    """
    weights = _weights_in(path) if path.is_dir() else path
    if _is_piece(weights):
        raise CheckpointError(f"{path} is one of several pieces of a checkpoint's weights", "save them as one")
    folder = weights.parent
    configs = [folder / CONFIG, weights.with_suffix(".json")]
    config = next((one for one in configs if one.is_file()), None)
    preprocessor = folder / PREPROCESSOR
    return Location(source, weights, config, preprocessor if preprocessor.is_file() else None, revision)


def _is_piece(file: Path) -> bool:
    return _PIECE.search(file.name) is not None


def _weights_in(folder: Path) -> Path:
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix in _ENDINGS and file.is_file())
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be read: {error.strerror or type(error).__name__}") from error
    for name in (WEIGHTS, PICKLE):
        if folder / name in files:
            return folder / name
    pieces = [file for file in files if _is_piece(file)]
    if pieces:
        raise CheckpointError(
            f"{folder} holds its weights in several pieces ({pieces[0].name}, ...)", "save them as one"
        )
    if len(files) == 1:
        return files[0]
    if not files:
        raise CheckpointError(f"{folder / WEIGHTS} is missing, and no other file of weights is there")
    names = ", ".join(file.name for file in files[:4]) + (", ..." if len(files) > 4 else "")
    raise CheckpointError(f"{folder} holds several files of weights ({names})", "give the path of one of them")
