"""Which files of a folder are a checkpoint's."""

from __future__ import annotations

from pathlib import Path

from .files import CONFIG, WEIGHTS, folder_of


def find_files(path: Path) -> tuple[Path, Path | None, Path | None]:
    """Weights file, configuration and preprocessor configuration."""
    folder = folder_of(path)
    return folder / WEIGHTS, folder / CONFIG, None
