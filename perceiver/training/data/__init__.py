"""The data sets that training needs, built from packages of free 3D models and textures."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["default_folder"]


def default_folder() -> Path:
    """The folder of built data sets: `PERCEIVER_DATA` of the environment, else `data` where the program was started."""
    return Path(os.environ.get("PERCEIVER_DATA") or "data")
