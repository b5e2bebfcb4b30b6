"""Which of the files at a path are a checkpoint's: its weights, and the small files beside them."""

from __future__ import annotations

from pathlib import Path

from ..errors import CheckpointError
from .files import CONFIG, WEIGHTS

PREPROCESSOR = "preprocessor_config.json"
PICKLE = "pytorch_model.bin"
_ENDINGS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")


def find_files(path: Path) -> tuple[Path, Path | None, Path | None]:
    """The weights file of a folder, or the file itself, its configuration and its preprocessing where they are there.

    In a folder: model.safetensors, else pytorch_model.bin, else the only file of weights. The configuration is
    `config.json` beside it, else a JSON file that is called as the weights are. Raises CheckpointError when a folder
    holds no weights, or several files of them.
    """
    weights = _weights_in(path) if path.is_dir() else path
    folder = weights.parent
    configs = [folder / CONFIG, weights.with_suffix(".json")]
    config = next((one for one in configs if one.is_file()), None)
    preprocessor = folder / PREPROCESSOR
    return weights, config, preprocessor if preprocessor.is_file() else None


def _weights_in(folder: Path) -> Path:
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix in _ENDINGS and file.is_file())
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be read: {error.strerror or type(error).__name__}") from error
    for name in (WEIGHTS, PICKLE):
        if folder / name in files:
            return folder / name
    pieces = [file for file in files if "-00001-of-" in file.name]
    if pieces:
        raise CheckpointError(
            f"{folder} holds weights in several pieces ({pieces[0].name}, ...); save them as one file"
        )
    if len(files) == 1:
        return files[0]
    if not files:
        raise CheckpointError(f"{folder / WEIGHTS} is missing, and no other file of weights is there")
    names = ", ".join(file.name for file in files[:4]) + (", ..." if len(files) > 4 else "")
    raise CheckpointError(f"{folder} holds several files of weights ({names}); name the one that is meant")
