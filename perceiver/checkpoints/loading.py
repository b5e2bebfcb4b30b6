"""Loads a trained Perceiver from any checkpoint that can be read, and says what a checkpoint is."""

from __future__ import annotations

from pathlib import Path

import torch

from ..config import PerceiverConfig
from ..errors import CheckpointError, ConfigError
from ..isolation import Workers
from ..model import Perceiver
from ..progress import ProgressCallback
from .formats import Options
from .hub import HubOptions
from .info import CheckpointInfo
from .location import Location, resolve
from .reader import open_checkpoint


def load(
    source: str | Path | Location,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    endpoint: str | None = None,
    local_files_only: bool = False,
    options: Options | None = None,
    device: str | torch.device = "cpu",
    workers: Workers | None = None,
    progress: ProgressCallback | None = None,
) -> Perceiver:
    """A trained Perceiver in eval mode, its weights frozen.

    source            the name of a checkpoint that comes with the project, a checkpoint folder, a weights file, or a
                      hub id "owner/name" or "owner/name@revision"; the first of these that exists
    revision          branch, tag or commit on the hub
    token, cache_dir, endpoint, local_files_only  as in `HubOptions`
    options           what the checkpoint's files do not say, such as constructor arguments; see `inspect`
    device            where the weights are put
    workers           worker processes in which files that `torch.save` wrote are unpickled, with limits on memory and
                      time, for files of strangers; None unpickles them in this process
    progress          called while files are downloaded and read

    Checkpoints may be this project's own, or those of Hugging Face Transformers, krasserm's perceiver-io and
    lucidrains' perceiver-pytorch. Raises CheckpointError when there is no such checkpoint, or it is damaged, does not
    fit together, or is of another kind, ConfigError when there is no such device.
    """
    device = find_device(device)
    hub = HubOptions(revision, token, cache_dir, endpoint, local_files_only)
    reader = open_checkpoint(resolve(source, hub, progress=progress), options, workers)
    model = _without_memory(reader.conversion_or_raise().config, f"{reader.info.source}, read as {reader.info.title},")
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    model.load_state_dict(reader.tensors(shapes, progress), strict=True, assign=True)
    model.notes = reader.info.notes
    return model.eval().requires_grad_(False).to(device)


def find_device(device: str | torch.device) -> torch.device:
    """The device of this name. Raises ConfigError when there is none on this machine."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ConfigError(f"there is no device {str(device)!r} that PyTorch can use on this machine") from error


def inspect(
    source: str | Path | Location,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    endpoint: str | None = None,
    local_files_only: bool = False,
    options: Options | None = None,
    workers: Workers | None = None,
    progress: ProgressCallback | None = None,
) -> CheckpointInfo:
    """What a checkpoint is: format, shapes, plan, encoding and the options it takes, from names and shapes alone.

    Arguments are those of `load`. From the hub it is downloaded first. Raises CheckpointError as `load` does.
    """
    hub = HubOptions(revision, token, cache_dir, endpoint, local_files_only)
    return open_checkpoint(resolve(source, hub, progress=progress), options, workers).info


def _without_memory(config: PerceiverConfig, name: str) -> Perceiver:
    """A model with names and shapes that takes no memory, whatever the configuration claims.

    Raises CheckpointError when no such model is possible.
    """
    try:
        with torch.device("meta"):
            return Perceiver(config)
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"{name} describes no possible model ({error})") from error
